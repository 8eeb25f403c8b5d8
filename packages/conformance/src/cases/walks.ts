import assert from "node:assert/strict";
import type { SessionDb } from "@sessiondb/core";
import type { Cases } from "../conformance-case.ts";
import { idsOf, listedRunIds, run, runIdsOf, session } from "../support/data.ts";
import { expectedIds, storeListed } from "../support/listed-sessions.ts";
import { runLists, sessionOrders, storeRuns } from "../support/paged-lists.ts";
import { refuses, refusesArgument, rejection } from "../support/refusals.ts";

async function assertClosed(db: SessionDb): Promise<void> {
  const error = await rejection(() => db.sessionPages().next());
  assert.equal((error as { code?: unknown }).code, "CLOSED");
}

export const walkCases: Cases = {
  "sessionPages reads all pages, whatever the options": async (db) => {
    await storeListed(db);
    for (const order of Object.values(sessionOrders)) {
      for (const limit of [1, 7, 36, 100]) {
        const pages: string[][] = [];
        for await (const { sessions } of db.sessionPages({ ...order, limit, userId: "alice" })) {
          pages.push(idsOf(sessions));
        }
        const expected = expectedIds({ userId: "alice" }, order);
        assert.deepStrictEqual(pages.flat(), expected, JSON.stringify({ ...order, limit }));
        assert.equal(pages.length, Math.ceil(expected.length / limit), "as many pages as needed");
      }
    }
    const mine: string[] = [];
    for await (const { sessions } of db.forUser("alice").sessionPages({ limit: 3 })) {
      mine.push(...idsOf(sessions));
    }
    assert.deepStrictEqual(mine, expectedIds({ userId: "alice" }, {}), "on a user's handle");
  },

  "sessionPages starts where the options say": async (db) => {
    await storeListed(db);
    const all = expectedIds({}, {});
    const idsFrom = async (options: { page: number } | { cursor: string }) => {
      const ids: string[] = [];
      for await (const { sessions } of db.sessionPages({ limit: 10, ...options })) {
        ids.push(...idsOf(sessions));
      }
      return ids;
    };
    assert.deepStrictEqual(await idsFrom({ page: 2 }), all.slice(10));
    const { nextCursor } = await db.getSessions({ limit: 4 });
    assert.deepStrictEqual(await idsFrom({ cursor: nextCursor ?? assert.fail("no cursor") }), all.slice(4));
  },

  "runPages reads all pages": async (db) => {
    await storeRuns(db);
    for (const options of Object.values(runLists)) {
      const expected = await listedRunIds(db, { ...options, limit: 100 });
      const ids: string[] = [];
      for await (const { runs } of db.runPages({ ...options, limit: 4 })) {
        ids.push(...runIdsOf(runs));
      }
      assert.deepStrictEqual(ids, expected, JSON.stringify(options));
    }
    const mine: string[] = [];
    for await (const { runs } of db.forUser("two").runPages({ limit: 4 })) {
      mine.push(...runIdsOf(runs));
    }
    assert.deepStrictEqual(mine, await listedRunIds(db, { userId: "two" }));
  },

  "a walk of an empty list has one empty page": async (db) => {
    const sessions = [];
    for await (const page of db.sessionPages()) {
      sessions.push(page.sessions);
    }
    const runs = [];
    for await (const page of db.runPages()) {
      runs.push(page.runs);
    }
    assert.deepStrictEqual([sessions, runs], [[[]], [[]]]);
  },

  "a page is read when the loop asks for it, and no page after a break": async (db) => {
    await db.upsertSessions(["a", "b", "c"].map((sessionId) => session(sessionId)));
    const seen: string[] = [];
    for await (const { sessions } of db.sessionPages({ limit: 1, sortOrder: "asc" })) {
      seen.push(...idsOf(sessions));
      if (seen.length === 1) {
        await db.deleteSession({ sessionId: "b" });
      }
    }
    assert.deepStrictEqual(seen, ["a", "c"], "the second page was not read before it was asked for");
    const walk = db.sessionPages({ limit: 1 });
    for await (const { sessions } of walk) {
      assert.deepStrictEqual(idsOf(sessions), ["c"]);
      break;
    }
    assert.deepStrictEqual(await walk.next(), { done: true, value: undefined });
    await db.close();
    await assertClosed(db);
  },

  "a walk refuses bad options at its first page": async (db) => {
    await db.upsertSession(session("s", { runs: [run("r")] }));
    const walks = {
      sessionPages: (options: object): AsyncIterator<unknown> => db.sessionPages(options),
      runPages: (options: object): AsyncIterator<unknown> => db.runPages(options),
      "sessionPages of a user": (options: object): AsyncIterator<unknown> => db.forUser("me").sessionPages(options),
      "runPages of a user": (options: object): AsyncIterator<unknown> => db.forUser("me").runPages(options),
    };
    for (const walk of Object.values(walks)) {
      for (const [argument, value] of [
        ["limit", -1],
        ["sortOrder", "up"],
        ["cursor", "nonsense"],
        ["unknown", 1],
        ["userId", ""],
      ] as const) {
        await refusesArgument(db, argument, () => walk({ [argument]: value }).next());
      }
      await refuses(db, "INVALID_ARGUMENT", () => walk(Object("text") as object).next());
    }
  },
};
