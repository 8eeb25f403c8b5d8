import assert from "node:assert/strict";
import type { SessionDb } from "@sessiondb/core";
import type { Cases } from "../conformance-case.ts";
import { idsOf, listedIds, listedRunIds, run, runIdsOf, session, store } from "../support/data.ts";
import { dump } from "../support/dump.ts";
import { errorOf, refusesArgument } from "../support/refusals.ts";
import { tableCases } from "../support/table-cases.ts";

type List = (db: SessionDb, cursor?: unknown) => Promise<{ nextCursor: string | null; previousCursor: string | null }>;

const lists: Readonly<Record<string, List>> = {
  sessions: (db, cursor) => db.getSessions({ limit: 1, ...given(cursor) }),
  "sessions by updatedAt": (db, cursor) => db.getSessions({ limit: 1, sortBy: "updatedAt", ...given(cursor) }),
  "sessions, oldest first": (db, cursor) => db.getSessions({ limit: 1, sortOrder: "asc", ...given(cursor) }),
  "the runs of a session": (db, cursor) => db.getRuns({ limit: 1, sessionId: "s", ...given(cursor) }),
  "the runs of a session, newest first": (db, cursor) =>
    db.getRuns({ limit: 1, sessionId: "s", sortOrder: "desc", ...given(cursor) }),
  runs: (db, cursor) => db.getRuns({ limit: 1, ...given(cursor) }),
  "runs, newest first": (db, cursor) => db.getRuns({ limit: 1, sortOrder: "desc", ...given(cursor) }),
};

function given(cursor: unknown): object {
  return cursor === undefined ? {} : { cursor };
}

async function prepare(db: SessionDb): Promise<void> {
  await store(db, session("s"), ["a", "b", "c", "d"]);
  await store(db, session("t"), ["t1", "t2", "t3"]);
  await store(db, session("u"), ["u1", "u2"]);
}

/** Returns the cursors of a list's second page: the one that leads on and the one that leads back. */
async function cursorsOf(db: SessionDb, list: List): Promise<string[]> {
  const first = await list(db);
  const { nextCursor, previousCursor } = await list(db, first.nextCursor ?? assert.fail("no next page"));
  return [nextCursor ?? assert.fail("no third page"), previousCursor ?? assert.fail("no first page")];
}

/** Values that no part of a position can have, whatever it stands for. */
const noPart: readonly unknown[] = [
  null,
  true,
  1.5,
  2 ** 53,
  -(2 ** 53),
  1e300,
  -5e-324,
  "",
  "a\0b",
  "a\ud800b",
  [],
  {},
  "1e999",
];

/**
 * Tampers with a cursor, which is opaque, without knowing its content: cuts, extends and garbles it and, if it is JSON
 * in base64, replaces each of its parts.
 */
function tampered(cursor: string): string[] {
  const garbled = [
    cursor.slice(0, -1),
    cursor.slice(1),
    cursor.slice(0, Math.floor(cursor.length / 2)),
    cursor.toUpperCase(),
    Array.from(cursor).toReversed().join(""),
    `${cursor}!`,
    "%00",
    "null",
  ].filter((each) => each !== cursor);
  const parts = partsOf(cursor);
  const pack = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const replaced = parts.flatMap((part, place) =>
    noPart
      .filter((value) => typeof value !== typeof part || value !== "1e999")
      .map((value) => pack(parts.toSpliced(place, 1, value))),
  );
  const reshaped = [
    parts.slice(0, -1),
    parts.slice(1),
    [...parts, 1],
    [parts],
    Object.fromEntries(Object.entries(parts)),
    parts.toReversed(),
    [],
  ];
  return parts.length === 0 ? garbled : [...replaced, ...reshaped.map(pack)];
}

function partsOf(cursor: string): unknown[] {
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, "base64url").toString("utf8"));
    return Array.isArray(parts) ? parts : [];
  } catch {
    return [];
  }
}

export const cursorCases: Cases = {
  ...tableCases("a tampered cursor of %s is refused", lists, async (db, list) => {
    await prepare(db);
    const before = await dump(db);
    for (const cursor of await cursorsOf(db, list)) {
      for (const broken of tampered(cursor)) {
        const what = `${Buffer.from(broken, "base64url").toString("utf8")} in place of ${cursor}`;
        const error = await errorOf(list(db, broken));
        const { code, argument } = (error ?? {}) as { code?: unknown; argument?: unknown };
        assert.deepStrictEqual([code, argument], ["INVALID_ARGUMENT", "cursor"], what);
      }
    }
    assert.deepStrictEqual(await dump(db), before);
  }),
  ...tableCases("a cursor of %s is valid for no other list", lists, async (db, list) => {
    await prepare(db);
    for (const cursor of await cursorsOf(db, list)) {
      await list(db, cursor);
      for (const other of Object.values(lists).filter((each) => each !== list)) {
        await refusesArgument(db, "cursor", () => other(db, cursor));
      }
      for (const value of [null, 1, {}, [], [cursor], ""]) {
        await refusesArgument(db, "cursor", () => list(db, value));
      }
    }
  }),

  "in a session, the cursor of a deleted run is refused": async (db) => {
    for (const sortOrder of ["asc", "desc"] as const) {
      await store(db, session("s"), ["a", "b", "c", "d", "e"]);
      const options = { sessionId: "s", sortOrder, limit: 1 };
      const first = await db.getRuns({ ...options, limit: 2 });
      const cursor = first.nextCursor ?? assert.fail("no cursor");
      const third = await db.getRuns({ ...options, cursor });
      const back = third.previousCursor ?? assert.fail("no cursor back");
      const deletes = [
        (runId: string) => db.deleteRuns({ runIds: [runId] }),
        (runId: string) => db.updateRun({ runId }, () => null),
      ];
      for (const remove of deletes) {
        await store(db, session("s"), ["a", "b", "c", "d", "e"]);
        await remove(runIdsOf(first.runs).at(-1) ?? "");
        await refusesArgument(db, "cursor", () => db.getRuns({ ...options, cursor }));
        await remove(runIdsOf(third.runs)[0] ?? "");
        await refusesArgument(db, "cursor", () => db.getRuns({ ...options, cursor: back }));
        await db.deleteSession({ sessionId: "s" });
        await refusesArgument(db, "cursor", () => db.getRuns({ ...options, cursor }));
      }
    }
  },

  "in a session, the cursor of a run deleted by deleteRunsAfter is refused": async (db) => {
    await store(db, session("s"), ["a", "b", "c", "d"]);
    const { nextCursor } = await db.getRuns({ sessionId: "s", limit: 3 });
    const cursor = nextCursor ?? assert.fail("no cursor");
    await db.upsertRun({ session: session("s"), run: run("new"), deleteRunsAfter: "a" });
    await refusesArgument(db, "cursor", () => db.getRuns({ sessionId: "s", limit: 3, cursor }));
  },

  "in a session, the cursor of a run that is now in another session is refused": async (db) => {
    await store(db, session("s"), ["a", "b", "c"]);
    const { nextCursor } = await db.getRuns({ sessionId: "s", limit: 1 });
    const cursor = nextCursor ?? assert.fail("no cursor");
    await db.deleteRuns({ runIds: ["a"] });
    await store(db, session("t"), ["a"]);
    await refusesArgument(db, "cursor", () => db.getRuns({ sessionId: "s", cursor }));
  },

  "in a session, a cursor resumes at the current place of its run": async (db) => {
    await store(db, session("s"), ["a", "b", "c", "d", "e"]);
    const { nextCursor } = await db.getRuns({ sessionId: "s", limit: 3 });
    const cursor = nextCursor ?? assert.fail("no cursor");
    await db.deleteRuns({ runIds: ["a", "d"] });
    const rest = await db.getRuns({ sessionId: "s", limit: 3, cursor });
    assert.deepStrictEqual(runIdsOf(rest.runs), ["e"]);
    const back = await db.getRuns({ sessionId: "s", limit: 3, cursor: rest.previousCursor ?? assert.fail() });
    assert.deepStrictEqual(runIdsOf(back.runs), ["b", "c"]);
  },

  "a cursor does not reveal which run is in another user's session": async (db) => {
    await store(db, session("s", { userId: "owner" }), ["a", "b", "c"]);
    const own = await db.getRuns({ sessionId: "s", limit: 1 });
    const theirs = own.nextCursor ?? assert.fail("no cursor");
    const other = db.forUser("other");
    await store(db, session("t", { userId: "other" }), ["d", "e"]);
    const elsewhere = (await other.getRuns({ sessionId: "t", limit: 1 })).nextCursor ?? assert.fail("no cursor");
    assert.deepStrictEqual((await other.getRuns({ sessionId: "s" })).runs, []);
    for (const cursor of [theirs, elsewhere]) {
      await refusesArgument(db, "cursor", () => other.getRuns({ sessionId: "s", cursor }));
    }
  },

  "across sessions and for sessions, a cursor outlives the row it stands on": async (db) => {
    await prepare(db);
    const runs = await db.getRuns({ limit: 2 });
    const runCursor = runs.nextCursor ?? assert.fail("no cursor");
    const rest = await listedRunIds(db, { cursor: runCursor });
    await db.deleteRuns({ runIds: runIdsOf(runs.runs) });
    assert.deepStrictEqual(await listedRunIds(db, { cursor: runCursor }), rest);
    const sessions = await db.getSessions({ limit: 1 });
    const cursor = sessions.nextCursor ?? assert.fail("no cursor");
    const others = await listedIds(db, { cursor });
    await db.deleteSessions({ sessionIds: idsOf(sessions.sessions) });
    assert.deepStrictEqual(await listedIds(db, { cursor }), others);
  },
};
