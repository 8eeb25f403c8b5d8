import assert from "node:assert/strict";
import type { SessionDb } from "@sessiondb/core";
import type { Cases, OpenSpoilt, SpoiltStore } from "../conformance-case.ts";
import { described, same } from "../support/compare.ts";
import { idsOf, listedIds, run, runIdsOf, session, start } from "../support/data.ts";
import { walk } from "../support/dump.ts";
import { leaveOut } from "../support/leave-out.ts";
import { assertRefusal, errorOf } from "../support/refusals.ts";
import { usingOpened } from "../support/using-store.ts";

// Rows that cannot be read: lists leave them out and report them, or the call fails, as requested.

const ids = ["a", "b", "c", "d", "e"];

/** Five sessions of three runs each. */
function spoilt(
  row: Parameters<SpoiltStore["spoil"]>[0],
  check: (db: SessionDb) => Promise<void>,
): (openSpoilt: OpenSpoilt) => Promise<void> {
  return (openSpoilt) =>
    usingOpened(openSpoilt, async ({ db, spoil }) => {
      await db.upsertSessions(
        ids.map((id, index) =>
          session(id, {
            userId: "owner",
            createdAt: start + index,
            runs: [1, 2, 3].map((place) => run(`${id}${place}`, { createdAt: start + index })),
          }),
        ),
      );
      if (!(await spoil(row))) {
        leaveOut("openSpoilt cannot make such a row unreadable");
      }
      await check(db);
    });
}

async function assertCorrupt(what: string, call: () => Promise<unknown>): Promise<void> {
  const error = await errorOf(call());
  assert.ok(error !== null, `${what} resolved, although a row cannot be read`);
  assertRefusal(error, "CORRUPT_DATA");
}

export const unreadableCases: Cases<OpenSpoilt> = {
  "a search reports a session that cannot be read, and looks into the others": spoilt(
    { sessionId: "c" },
    async (db) => {
      const { hits, unreadable } = await db.searchSessions({ text: "question", userId: "owner" });
      same([...new Set(idsOf(hits))], ["e", "d", "b", "a"], "one session being unreadable, the search found");
      same([unreadable.map(({ id, error }) => [id, error.code])], [[["c", "CORRUPT_DATA"]]], "it reported");
      await assertCorrupt("searchSessions", () => db.searchSessions({ text: "question", onUnreadable: "throw" }));
    },
  ),

  "a search reports a run that cannot be read, and looks at the others": spoilt({ runId: "c2" }, async (db) => {
    const { hits, unreadable, runsSearched } = await db.searchSessions({ text: "question" });
    same(runIdsOf(hits).slice(6, 8), ["c3", "c1"], "one run being unreadable, the search found");
    same([unreadable.map(({ id }) => id), runsSearched], [["c2"], 15], "it reported");
    await assertCorrupt("searchSessions", () => db.searchSessions({ text: "question", onUnreadable: "throw" }));
  }),

  "a list reports a session that cannot be read, and returns the others": spoilt({ sessionId: "c" }, async (db) => {
    for (const options of [{}, { includeRuns: true }, { includeRunCount: true }, { userId: "owner" }] as const) {
      const asked = `getSessions(${JSON.stringify(options)})`;
      const page = await described(asked, () => db.getSessions({ ...options, sortOrder: "asc" }));
      same(idsOf(page.sessions), ["a", "b", "d", "e"], `${asked}, one session being unreadable, returned`);
      const reported = page.unreadable.map(({ id, error }) => [id, error.code]);
      same(reported, [["c", "CORRUPT_DATA"]], `${asked} reported as unreadable`);
    }
    same((await db.getSessions({ includeTotal: true })).total, 5, "the total, of which one is unreadable, is");
  }),

  "pages continue past a session that cannot be read": spoilt({ sessionId: "c" }, async (db) => {
    for (const limit of [1, 2, 3]) {
      const reported: string[] = [];
      const listed = await walk(async (cursor) => {
        const page = await db.getSessions({ limit, sortOrder: "asc", ...cursor });
        reported.push(...page.unreadable.map(({ id }) => id));
        return { items: idsOf(page.sessions), nextCursor: page.nextCursor };
      });
      same([listed, reported], [["a", "b", "d", "e"], ["c"]], `pages of ${limit} returned and reported`);
    }
  }),

  "a list fails for a session that cannot be read, if asked to": spoilt({ sessionId: "c" }, async (db) => {
    await assertCorrupt('getSessions({ onUnreadable: "throw" })', () => db.getSessions({ onUnreadable: "throw" }));
  }),

  "getSession fails for a session that cannot be read": spoilt({ sessionId: "c" }, async (db) => {
    await assertCorrupt("getSession", () => db.getSession({ sessionId: "c" }));
    await assertCorrupt("getSession", () => db.getSession({ sessionId: "c", includeRuns: false }));
    same((await db.getSession({ sessionId: "b" }))?.sessionId, "b", "the session next to it is");
  }),

  "a session with a run that cannot be read is unreadable when runs are requested": spoilt(
    { runId: "c2" },
    async (db) => {
      const page = await db.getSessions({ includeRuns: true, sortOrder: "asc" });
      same(idsOf(page.sessions), ["a", "b", "d", "e"], "a list with runs, one being unreadable, returned");
      same(
        page.unreadable.map(({ id }) => id),
        ["c"],
        "a list with runs reported as unreadable",
      );
      same(await listedIds(db, { sortOrder: "asc" }), ids, "a list without runs returned");
      await assertCorrupt("getSession with its runs", () => db.getSession({ sessionId: "c" }));
      const header = await db.getSession({ sessionId: "c", includeRuns: false });
      same(header?.sessionId, "c", "getSession without runs returned");
      const newest = await db.getSession({ sessionId: "c", runsLimit: 1 });
      same(runIdsOf(newest?.runs ?? []), ["c3"], "getSession with only the newest run returned");
    },
  ),

  "a list of runs reports one that cannot be read, and returns the others": spoilt({ runId: "c2" }, async (db) => {
    for (const options of [{ sessionId: "c" }, { participantId: "owner", sessionId: "c" }]) {
      const asked = `getRuns(${JSON.stringify(options)})`;
      const page = await described(asked, () => db.getRuns(options));
      same(runIdsOf(page.runs), ["c1", "c3"], `${asked}, one run being unreadable, returned`);
      const reported = page.unreadable.map(({ id, error }) => [id, error.code]);
      same(reported, [["c2", "CORRUPT_DATA"]], `${asked} reported as unreadable`);
    }
    same((await db.getRuns()).runs.length, 14, "the runs of all sessions except that one number");
    await assertCorrupt('getRuns({ onUnreadable: "throw" })', () => db.getRuns({ onUnreadable: "throw" }));
    await assertCorrupt("getRun", () => db.getRun({ runId: "c2" }));
  }),

  "a user who may not see a session does not learn that it cannot be read": spoilt({ sessionId: "c" }, async (db) => {
    const other = db.forUser("other");
    same(await other.getSession({ sessionId: "c" }), null, "getSession of another user's session returned");
    same(await other.getSession({ sessionId: "c", includeRuns: false }), null, "and without runs");
    const writes = {
      updateSession: () => other.updateSession({ sessionId: "c" }, { sessionName: "mine" }),
      upsertRun: () => other.upsertRun({ session: session("c"), run: run("new"), change: { sessionName: "mine" } }),
      updateRun: () => other.updateRun({ runId: "c1" }, () => null),
    };
    for (const [name, write] of Object.entries(writes)) {
      const error = await errorOf(write());
      assert.ok(error !== null, `${name} of another user's session was accepted`);
      assertRefusal(error, "SESSION_OWNERSHIP");
    }
  }),

  "what cannot be read can be deleted": spoilt({ sessionId: "c" }, async (db) => {
    same(await db.deleteSession({ sessionId: "c" }), true, "deleteSession of an unreadable session returned");
    same(await listedIds(db, { sortOrder: "asc" }), ["a", "b", "d", "e"], "the list then returned");
    same((await db.getRuns()).runs.length, 12, "the runs left number");
  }),

  "a run that cannot be read can be written again": spoilt({ runId: "c2" }, async (db) => {
    await db.upsertRun({ session: session("c", { userId: "owner" }), run: run("c2") });
    same(runIdsOf((await db.getSession({ sessionId: "c" }))?.runs ?? []), ["c1", "c2", "c3"], "the runs then are");
  }),
};
