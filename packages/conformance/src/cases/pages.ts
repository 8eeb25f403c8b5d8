import assert from "node:assert/strict";
import type { SessionDb } from "@sessiondb/core";
import type { Cases } from "../conformance-case.ts";
import { idsOf, run, runIdsOf, session, start } from "../support/data.ts";
import type { RunListOptions } from "../support/list-options.ts";
import { expectedIds, listedSessions, storeListed } from "../support/listed-sessions.ts";
import { runLists, sessionOrders, storeRuns } from "../support/paged-lists.ts";

interface Page {
  readonly ids: readonly string[];
  readonly nextCursor: string | null;
  readonly previousCursor: string | null;
}

type Read = (cursor: { cursor?: string }) => Promise<Page>;

interface List {
  readonly limit: number;
  /** All ids of the list, in its order. */
  readonly expected: readonly string[];
  readonly asked: string;
}

/** More pages than any list here has. */
const mostPages = 200;

/** Walks to the end and back, page by page, and asserts that every page is the same both ways. */
async function assertThereAndBack(read: Read, { limit, expected, asked }: List): Promise<void> {
  const forward: Page[] = [await read({})];
  for (let last = forward[0]; last !== undefined && last.nextCursor !== null; last = forward.at(-1)) {
    assert.ok(forward.length < mostPages, `${asked}: the list has no end`);
    forward.push(await read({ cursor: last.nextCursor }));
  }
  assert.deepStrictEqual(
    forward.flatMap(({ ids }) => ids),
    expected,
    `${asked}: forwards`,
  );
  assert.equal(forward[0]?.previousCursor, null, `${asked}: nothing is before the first page`);
  const backward: Page[] = [];
  let page = forward.at(-1);
  while (page !== undefined && page.previousCursor !== null) {
    page = await read({ cursor: page.previousCursor });
    backward.unshift(page);
    assert.ok(backward.length < mostPages, `${asked}: the list has no beginning`);
    assert.ok(page.nextCursor !== null, `${asked}: a page before another has a next one`);
    const again = await read({ cursor: page.nextCursor });
    const same = forward[forward.length - 1 - (backward.length - 1)];
    assert.deepStrictEqual(again.ids, same?.ids, `${asked}: forwards again after going back`);
  }
  assert.deepStrictEqual(
    backward.map(({ ids }) => ids),
    forward.slice(0, -1).map(({ ids }) => ids),
    `${asked}: backwards by ${limit}`,
  );
}

const sizes = [1, 2, 5, 12, 35, 36, 100];

function sessionCases(): Cases {
  const entries = sessionOrders.map((order) => [
    `sessions by ${order.sortBy} ${order.sortOrder}, there and back`,
    async (db: SessionDb) => {
      await storeListed(db);
      for (const filter of [{}, { userId: "alice" }, { runStatus: "PAUSED" as const }]) {
        for (const limit of sizes) {
          const options = { ...filter, ...order, limit };
          const read: Read = async (cursor) => {
            const { sessions, nextCursor, previousCursor } = await db.getSessions({ ...options, ...cursor });
            return { ids: idsOf(sessions), nextCursor, previousCursor };
          };
          const expected = expectedIds(filter, order);
          await assertThereAndBack(read, { limit, expected, asked: JSON.stringify(options) });
        }
      }
    },
  ]);
  return Object.fromEntries(entries) as Cases;
}

function runCases(): Cases {
  const entries = runLists.map((options) => [
    `runs of ${JSON.stringify(options)}, there and back`,
    async (db: SessionDb) => {
      await storeRuns(db);
      const expected = runIdsOf((await db.getRuns({ ...options, limit: 100 })).runs);
      assert.ok(expected.length >= 6);
      for (const limit of [1, 2, 3, 5, 9, 18, 100]) {
        const read: Read = async (cursor) => {
          const { runs, nextCursor, previousCursor } = await db.getRuns({ ...options, limit, ...cursor });
          return { ids: runIdsOf(runs), nextCursor, previousCursor };
        };
        await assertThereAndBack(read, { limit, expected, asked: JSON.stringify({ ...options, limit }) });
      }
    },
  ]);
  return Object.fromEntries(entries) as Cases;
}

/** Walks back from the end of a list, inserting something before each page. */
async function backWithInserts(read: Read, insert: (round: number) => Promise<unknown>): Promise<string[]> {
  let page = await read({});
  while (page.nextCursor !== null) {
    page = await read({ cursor: page.nextCursor });
  }
  const ids = [...page.ids];
  for (let round = 0; page.previousCursor !== null; round += 1) {
    assert.ok(round < mostPages, "the list has no beginning");
    // Inserts must stop: a list that keeps growing has no end.
    if (round < 8) {
      await insert(round);
    }
    page = await read({ cursor: page.previousCursor });
    ids.unshift(...page.ids);
  }
  return ids;
}

function insertCases(): Cases {
  const entries = sessionOrders.map((order) => [
    `inserts on the way back by ${order.sortBy} ${order.sortOrder} repeat and skip nothing`,
    async (db: SessionDb) => {
      await storeListed(db);
      const read: Read = async (cursor) => {
        const { sessions, nextCursor, previousCursor } = await db.getSessions({ ...order, limit: 5, ...cursor });
        return { ids: idsOf(sessions), nextCursor, previousCursor };
      };
      const ids = await backWithInserts(read, (round) =>
        db.upsertSessions(
          [-1, 0, 1, 2, 9].flatMap((offset) =>
            ["a", "session 1", "z"].map((prefix) => {
              const time = start + offset;
              return session(`${prefix} new ${round} ${offset}`, { createdAt: time, updatedAt: time });
            }),
          ),
        ),
      );
      assert.equal(new Set(ids).size, ids.length, "a session appears twice");
      const old = ids.filter((id) => !id.includes("new"));
      assert.deepStrictEqual(old, expectedIds({}, order), "an existing session is skipped");
    },
  ]);
  return Object.fromEntries(entries) as Cases;
}

export const pageCases: Cases = {
  ...sessionCases(),
  ...runCases(),
  ...insertCases(),

  "appends and deletes on the way back skip no run": async (db) => {
    await storeRuns(db);
    const options: RunListOptions = { sessionId: "one", limit: 2 };
    const before = runIdsOf((await db.getRuns({ sessionId: "one" })).runs);
    const read: Read = async (cursor) => {
      const { runs, nextCursor, previousCursor } = await db.getRuns({ ...options, ...cursor });
      return { ids: runIdsOf(runs), nextCursor, previousCursor };
    };
    const ids = await backWithInserts(read, async (round) => {
      await db.upsertRun({ session: session("one", { userId: "one" }), run: run(`new ${round}`) });
      await db.deleteRuns({ runIds: [`new ${round - 1}`] });
    });
    assert.deepStrictEqual(ids, before);
  },

  "a numbered page leads back to the page before it": async (db) => {
    await storeListed(db);
    const expected = expectedIds({}, {});
    for (const page of [2, 3, 8]) {
      const { previousCursor } = await db.getSessions({ limit: 5, page });
      const cursor = previousCursor ?? assert.fail(`page ${page} is not the first`);
      const { sessions } = await db.getSessions({ limit: 5, cursor });
      assert.deepStrictEqual(idsOf(sessions), expected.slice((page - 2) * 5, (page - 1) * 5));
    }
    assert.equal((await db.getSessions({ limit: 5, page: 1 })).previousCursor, null);
  },

  "a page before a cursor may be shorter than the limit": async (db) => {
    await storeListed(db);
    const { previousCursor } = await db.getSessions({ limit: 5, page: 2 });
    const cursor = previousCursor ?? assert.fail("no cursor");
    const { sessions, previousCursor: none } = await db.getSessions({ limit: 100, cursor });
    assert.deepStrictEqual([idsOf(sessions), none], [expectedIds({}, {}).slice(0, 5), null]);
  },

  "total and runs come with every page": async (db) => {
    await storeListed(db);
    const { previousCursor } = await db.getSessions({ limit: 10, page: 3 });
    const cursor = previousCursor ?? assert.fail("no cursor");
    const page = await db.getSessions({
      limit: 10,
      cursor,
      includeTotal: true,
      includeRuns: true,
      includeRunCount: true,
    });
    assert.equal(page.total, listedSessions.count);
    assert.ok(page.sessions.every(({ runs, runCount }) => runs.length === runCount));
  },
};
