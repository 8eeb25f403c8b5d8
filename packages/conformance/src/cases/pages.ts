import assert from "node:assert/strict";
import type { Cases } from "../conformance-case.ts";
import { idsOf, listedRunIds, run, session } from "../support/data.ts";
import { runIdPages, sessionIdPages, type IdPage, type ReadIds } from "../support/id-pages.ts";
import {
  assertListedOnce,
  expectedIds,
  listedSessions,
  storeIntruders,
  storeListed,
} from "../support/listed-sessions.ts";
import { runLists, sessionOrders, storeRuns } from "../support/paged-lists.ts";
import { tableCases } from "../support/table-cases.ts";

interface List {
  readonly limit: number;
  /** All ids of the list, in its order. */
  readonly expected: readonly string[];
  readonly asked: string;
}

/** More pages than any list here has. */
const mostPages = 200;

/** Walks to the end and back, page by page, and asserts that every page is the same both ways. */
async function assertThereAndBack(read: ReadIds, { limit, expected, asked }: List): Promise<void> {
  const forward: IdPage[] = [await read({})];
  for (let last = forward[0]; last !== undefined && last.nextCursor !== null; last = forward.at(-1)) {
    assert.ok(forward.length < mostPages, `${asked}: the list has no end`);
    forward.push(await read({ cursor: last.nextCursor }));
  }
  assert.deepStrictEqual(
    forward.flatMap(({ items }) => items),
    expected,
    `${asked}: forwards`,
  );
  assert.equal(forward[0]?.previousCursor, null, `${asked}: nothing is before the first page`);
  const backward: IdPage[] = [];
  let page = forward.at(-1);
  while (page !== undefined && page.previousCursor !== null) {
    page = await read({ cursor: page.previousCursor });
    backward.unshift(page);
    assert.ok(backward.length < mostPages, `${asked}: the list has no beginning`);
    assert.ok(page.nextCursor !== null, `${asked}: a page before another has a next one`);
    const again = await read({ cursor: page.nextCursor });
    const same = forward[forward.length - 1 - (backward.length - 1)];
    assert.deepStrictEqual(again.items, same?.items, `${asked}: forwards again after going back`);
  }
  assert.deepStrictEqual(
    backward.map(({ items }) => items),
    forward.slice(0, -1).map(({ items }) => items),
    `${asked}: backwards by ${limit}`,
  );
}

const sizes = [1, 2, 5, 12, 35, 36, 100];

/** Walks back from the end of a list, inserting something before each page. */
async function backWithInserts(read: ReadIds, insert: (round: number) => Promise<unknown>): Promise<string[]> {
  let page = await read({});
  while (page.nextCursor !== null) {
    page = await read({ cursor: page.nextCursor });
  }
  const ids = [...page.items];
  for (let round = 0; page.previousCursor !== null; round += 1) {
    assert.ok(round < mostPages, "the list has no beginning");
    // Inserts must stop: a list that keeps growing has no end.
    if (round < 8) {
      await insert(round);
    }
    page = await read({ cursor: page.previousCursor });
    ids.unshift(...page.items);
  }
  return ids;
}

export const pageCases: Cases = {
  ...tableCases("sessions by %s, there and back", sessionOrders, async (db, order) => {
    await storeListed(db);
    for (const filter of [{}, { userId: "alice" }, { runStatus: "PAUSED" as const }]) {
      const expected = expectedIds(filter, order);
      for (const limit of sizes) {
        const options = { ...filter, ...order, limit };
        await assertThereAndBack(sessionIdPages(db, options), { limit, expected, asked: JSON.stringify(options) });
      }
    }
  }),
  ...tableCases("runs of %s, there and back", runLists, async (db, list) => {
    await storeRuns(db);
    const expected = await listedRunIds(db, { ...list, limit: 100 });
    assert.ok(expected.length >= 6);
    for (const limit of [1, 2, 3, 5, 9, 18, 100]) {
      const options = { ...list, limit };
      await assertThereAndBack(runIdPages(db, options), { limit, expected, asked: JSON.stringify(options) });
    }
  }),
  ...tableCases("inserts on the way back by %s repeat and skip nothing", sessionOrders, async (db, order) => {
    await storeListed(db);
    const ids = await backWithInserts(sessionIdPages(db, { ...order, limit: 5 }), (round) => storeIntruders(db, round));
    assertListedOnce(ids, order);
  }),

  "appends and deletes on the way back skip no run": async (db) => {
    await storeRuns(db);
    const before = await listedRunIds(db, { sessionId: "one" });
    const ids = await backWithInserts(runIdPages(db, { sessionId: "one", limit: 2 }), async (round) => {
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
