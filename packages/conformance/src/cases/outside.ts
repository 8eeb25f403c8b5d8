import { SessionDbError, type SessionDb } from "@sessiondb/core";
import type { Cases } from "../conformance-case.ts";
import { same } from "../support/compare.ts";
import { idsOf, listedIds, listedRunIds, run, runIdsOf, session, start, untyped } from "../support/data.ts";
import { byName, tableCases } from "../support/table-cases.ts";
import { usingReference } from "../support/using-store.ts";

// Values from a request reach conditions unchecked. Every store gives the same answer to them, or the same refusal.

/** Text that a database may refuse, cut, fold, pad, or take for something else. */
const texts: readonly string[] = [
  [
    "",
    " ",
    "a\0b",
    "\0",
    "\ud800",
    "a\udc00b",
    "\udc00\ud800",
    "\ufffd",
    "a\ufffdb",
    "😀",
    "\u0001",
    "\u2028",
    "\ufeff",
  ],
  [
    "a",
    "A",
    "a ",
    " a",
    "\u00e9",
    "e\u0301",
    "ﬁ",
    "ß",
    "ＳＳ",
    "İ",
    "%",
    "_",
    "\\",
    "'",
    '"',
    "null",
    "NULL",
    "{}",
    "[1]",
  ],
  ["1", "1e300", "-0", "PAUSED", "paused", "X\0", "X\ufffd", "\\x41", "\\u0000", "$1", ":id", "?"],
  // Within the limits of every store, and beyond them.
  ["x".repeat(100), "😀".repeat(100), "x".repeat(1000), "😀".repeat(1000), "x".repeat(100_000)],
].flat();

/** Numbers that are whole, nearly so, or beyond what a column holds. */
const numbers: readonly unknown[] = [
  [0, -0, 1, -1, 1.5, start, start + 0.5, 1e11, 1e11 + 1, -1e11, -1e11 - 1, 2 ** 31, 2 ** 32, 2 ** 53 - 1, 2 ** 53],
  [-(2 ** 53), 2 ** 63, 1e300, -1e300, 5e-324, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
].flat();

/** Values that are neither texts nor numbers. */
const others: readonly unknown[] = [null, undefined, true, {}, [], ["a"], [null], Object("a"), new Date(start * 1000)];

const all = [...texts, ...numbers, ...others];

type List = (db: SessionDb, options: object) => Promise<string[]>;

const lists: Readonly<Record<string, { readonly list: List; readonly options: readonly string[] }>> = {
  getSessions: {
    list: listedIds,
    options: ["sessionType", "userId", "participantId", "runStatus", "componentId", "sessionName"].concat(
      ["startTimestamp", "endTimestamp", "sortBy", "sortOrder", "limit", "page", "cursor", "onUnreadable"],
      ["includeRuns", "includeTotal", "includeRunCount"],
    ),
  },
  "getSessions with runs": {
    list: async (db, options) => idsOf((await db.getSessions({ includeRuns: true, ...options })).sessions),
    options: ["runsLimit", "sessionName", "runStatus"],
  },
  getRuns: {
    list: listedRunIds,
    options: ["sessionId", "userId", "participantId", "status", "componentId", "parentRunId"].concat([
      "startTimestamp",
      "endTimestamp",
      "sortOrder",
      "limit",
      "cursor",
    ]),
  },
  "getRuns of a session": {
    list: (db, options) => listedRunIds(db, { sessionId: "a", ...options }),
    options: ["userId", "participantId", "status", "parentRunId", "startTimestamp", "limit", "cursor"],
  },
  getSession: {
    list: async (db, options) => {
      const found = await db.getSession({ sessionId: "a", ...options });
      return found === null ? [] : runIdsOf(found.runs ?? []);
    },
    options: ["sessionId", "sessionType", "userId", "runsLimit"],
  },
  getRun: {
    list: async (db, options) => ((await db.getRun({ runId: "a-1", ...options })) === null ? [] : ["found"]),
    options: ["runId", "userId"],
  },
};

/** Deletes are compared by what they leave, so each has its own store. */
const filters = ["sessionName", "runStatus", "participantId", "componentId", "startTimestamp", "sessionType"] as const;

async function prepare(db: SessionDb): Promise<void> {
  const names = ["a\0b", "A", "\ufffd", "İ \\ % _", "x".repeat(300), "\u00e9", "null", "", "1"];
  await db.upsertSessions([
    ...names.map((name, index) =>
      session(`${index}`, {
        createdAt: start + index,
        sessionData: { session_name: name },
        userId: `user ${index % 2}`,
      }),
    ),
    session("a", {
      runs: [
        run("a-1", { status: "X\0", userId: "a" }),
        run("a-2", { status: "PAUSED", parentRunId: "a-1", createdAt: start + 1 }),
        run("a-3", { status: "null", userId: "A", createdAt: start + 2 }),
      ],
    }),
    session("A", { runs: [run("A-1", { status: "x\ufffd", parentRunId: "1" })], agentId: "\u00e9" }),
  ]);
}

async function outcome(call: () => Promise<unknown>): Promise<unknown> {
  try {
    return await call();
  } catch (error) {
    if (!SessionDbError.isInstance(error)) {
      throw error;
    }
    return { refused: error.code, argument: "argument" in error ? error.argument : null };
  }
}

function shown(value: unknown): string {
  const text = typeof value === "string" ? JSON.stringify(value) : Object.is(value, -0) ? "-0" : String(value);
  return text.length > 60 ? `${text.slice(0, 40)}… (${text.length})` : text;
}

/** Every option of every list. */
const listOptions = Object.fromEntries(
  Object.entries(lists).flatMap(([name, { list, options }]) =>
    options.map((option) => [`${option} of ${name}`, { name, list, option }]),
  ),
);

async function checkOption(db: SessionDb, { name, list, option }: (typeof listOptions)[string]): Promise<void> {
  await usingReference(async (reference) => {
    await Promise.all([prepare(db), prepare(reference)]);
    for (const value of all) {
      const call = (on: SessionDb) => outcome(() => list(on, { [option]: value }));
      same(await call(db), await call(reference), `${name}({ ${option}: ${shown(value)} }) resulted in`);
    }
  });
}

async function checkDelete(db: SessionDb, option: string): Promise<void> {
  await usingReference(async (reference) => {
    let isWhole = false;
    for (const value of all) {
      if (!isWhole) {
        await Promise.all([prepare(db), prepare(reference)]);
      }
      const remove = (on: SessionDb) => outcome(() => on.deleteSessions({ filter: { [option]: untyped(value) } }));
      const asked = `deleteSessions({ filter: { ${option}: ${shown(value)} } })`;
      const expected = await remove(reference);
      same(await remove(db), expected, `${asked} resulted in`);
      same(await listedIds(db), await listedIds(reference), `after ${asked} there are`);
      isWhole = typeof expected !== "number" || expected === 0;
    }
  });
}

export const outsideCases: Cases = {
  ...tableCases("any value for %s", listOptions, checkOption),
  ...tableCases("any value for %s of a delete", byName(filters), checkDelete),
};
