import type { JsonObject, JsonValue, Run, SessionDb } from "@sessiondb/core";
import type { Cases, OpenOutside, OutsideDocument, OutsideStore } from "../conformance-case.ts";
import { same } from "../support/compare.ts";
import { run, session } from "../support/data.ts";
import { tableCases } from "../support/table-cases.ts";
import { usingOpened } from "../support/using-store.ts";

// Numbers that other programs write and JavaScript cannot hold: a change keeps those that it does not touch.

/** Values that stay, at several depths, beside `count`, which each write changes. */
const kept =
  '"big":9007199254740993,"float":1.0,"tiny":-1e-7,"huge":123456789012345678901234567890,' +
  '"list":[2.0,-9223372036854775807,{"é":18446744073709551615,"__proto__":0.10}]';
const counted = `{${kept},"count":1,"inner":{${kept},"count":1}}`;

const documents = {
  sessionData: `{"session_name":"s","session_state":${counted},"other":${counted}}`,
  metadata: counted,
  agentData: counted,
  summary: `{"summary":"so far",${kept}}`,
} as const;

/** Counts up at two depths. */
function countUp(value: unknown): JsonObject {
  const { count, inner, ...rest } = structuredClone(value) as JsonObject & { count: number; inner?: JsonObject };
  return { ...rest, count: count + 1, ...(inner !== undefined && { inner: countUp(inner) }) };
}

/** Returns every number of a document by its path, as it is written there. */
function numbersOf(json: string): Map<string, string> {
  // Numbers become text before they are parsed.
  const texts = json.replaceAll(/"(?:[^"\\]|\\.)*"|-?\d[-+.\deE]*/g, (token) =>
    token.startsWith('"') ? token : `"number ${token}"`,
  );
  const numbers = new Map<string, string>();
  const walk = (value: JsonValue, path: string): void => {
    if (typeof value === "string" && value.startsWith("number ")) {
      numbers.set(path, value);
    } else if (typeof value === "object" && value !== null) {
      for (const [key, inner] of Object.entries(value as JsonObject)) {
        walk(inner, `${path}/${key}`);
      }
    }
  };
  walk(JSON.parse(texts) as JsonValue, "");
  return numbers;
}

function untouched(json: string): Record<string, string> {
  return Object.fromEntries([...numbersOf(json)].filter(([path]) => !path.endsWith("/count")));
}

const key = { sessionId: "s" };
const turn = (change: Parameters<SessionDb["updateSession"]>[1], sessionId = "s") => ({
  session: session(sessionId),
  run: run("new"),
  change,
});

type Write = (db: SessionDb) => Promise<unknown>;
type Column = keyof typeof documents;

const writes: Readonly<Record<string, { readonly changes: readonly Column[]; readonly write: Write }>> = {
  "a rename": { changes: ["sessionData"], write: (db) => db.renameSession({ ...key, sessionName: "new" }) },
  "updateSession with a name": {
    changes: ["sessionData"],
    write: (db) => db.updateSession(key, { sessionName: "new" }),
  },
  "updateSession of the state": {
    changes: ["sessionData"],
    write: (db) => db.updateSession(key, ({ sessionState }) => ({ sessionState: countUp(sessionState) })),
  },
  "updateSession of the session data": {
    changes: ["sessionData"],
    write: (db) =>
      db.updateSession(key, ({ sessionData }) => ({
        sessionData: { ...sessionData, other: countUp(sessionData["other"]) },
      })),
  },
  "updateSession of every document": {
    changes: ["sessionData", "metadata", "agentData", "summary"],
    write: (db) =>
      db.updateSession(key, (stored) => ({
        sessionState: countUp(stored.sessionState),
        metadata: countUp(stored.metadata),
        agentData: countUp(stored.sessionType === "agent" ? stored.agentData : null),
        summary: { ...stored.summary, summary: "new" },
      })),
  },
  "a turn": {
    changes: ["sessionData"],
    write: (db) => db.upsertRun(turn(({ sessionState }) => ({ sessionState: countUp(sessionState) }))),
  },
  "a turn that deletes runs": {
    changes: ["sessionData", "metadata"],
    write: (db) =>
      db.upsertRun({
        ...turn(({ sessionState, metadata }) => ({
          sessionState: countUp(sessionState),
          metadata: countUp(metadata),
        })),
        deleteRunsAfter: null,
      }),
  },
  "the turn of another session": {
    changes: ["sessionData"],
    write: (db) =>
      db.upsertRun({
        ...turn({ sessionName: "new" }, "t"),
        also: [{ session: session("s"), change: ({ sessionState }) => ({ sessionState: countUp(sessionState) }) }],
      }),
  },
};

function usingSessions(openOutside: OpenOutside, check: (opened: OutsideStore) => Promise<void>): Promise<void> {
  return usingOpened(openOutside, async (opened) => {
    await opened.db.upsertSessions([session("s", { runs: [run("r")] }), session("t")]);
    await check(opened);
  });
}

function checkWrite(
  openOutside: OpenOutside,
  { changes, write }: (typeof writes)[string],
  name: string,
): Promise<void> {
  return usingSessions(openOutside, async ({ db, put, read }) => {
    const before = new Map<Column, Record<string, string>>();
    for (const [column, json] of Object.entries(documents) as [Column, string][]) {
      await put({ ...key, column }, json);
      before.set(column, untouched(await read({ ...key, column })));
    }
    for (const times of [1, 2]) {
      await write(db);
      for (const [column, numbers] of before) {
        const now = untouched(await read({ ...key, column }));
        same(now, numbers, `after ${name}, time ${times}, the numbers of ${column} that it does not touch are`);
      }
    }
    for (const column of changes) {
      same((await read({ ...key, column })) === documents[column], false, `${column} is as it was before`);
    }
  });
}

const changesOfRuns: Readonly<Record<string, (current: Run) => Run>> = {
  "changes nothing": (current) => current,
  "changes the content": (current) => ({ ...current, content: "new" }),
  "adds a message": (current) =>
    current.runType === "workflow"
      ? current
      : { ...current, messages: [...(current.messages ?? []), { role: "assistant", content: "new" }] },
};

function checkRun(openOutside: OpenOutside, change: (current: Run) => Run, what: string): Promise<void> {
  return usingSessions(openOutside, async ({ db, put, read }) => {
    const row: OutsideDocument = { runId: "r" };
    const text = (await read(row)).trim();
    await put(row, `${text.slice(0, -1)},"session_state":${counted},"future":${counted}}`);
    const before = numbersOf(await read(row));
    await db.updateRun({ runId: "r" }, change);
    const after = numbersOf(await read(row));
    for (const [path, number] of before) {
      same(after.get(path), number, `after updateRun that ${what}, the number at ${path} is`);
    }
  });
}

export const numberCases: Cases<OpenOutside> = {
  ...tableCases("%s keeps the numbers that it does not touch", writes, checkWrite),
  ...tableCases("updateRun that %s keeps the numbers that it does not touch", changesOfRuns, checkRun),
};
