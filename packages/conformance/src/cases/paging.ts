import assert from "node:assert/strict";
import type { SessionDb, SessionPage } from "@sessiondb/core";
import type { Cases } from "../conformance-case.ts";
import { idsOf, run, session, start } from "../support/data.ts";
import { walk } from "../support/dump.ts";
import { sessionIdPages } from "../support/id-pages.ts";
import type { SessionListOptions } from "../support/list-options.ts";
import {
  assertListedOnce,
  expectedIds,
  listedSessions,
  storeIntruders,
  storeListed,
} from "../support/listed-sessions.ts";
import { sessionOrders } from "../support/paged-lists.ts";
import { refusesArgument } from "../support/refusals.ts";
import { tableCases } from "../support/table-cases.ts";

const orders = Object.values(sessionOrders);
const filters: readonly SessionListOptions[] = [
  {},
  { userId: "alice" },
  { sessionName: "trip" },
  { sessionType: "team", startTimestamp: start + 1 },
  { participantId: "guest" },
  { runStatus: ["PAUSED", "ERROR"] },
  { componentId: "none" },
];
const sizes = [1, 2, 3, 7, 12, 36, 100];

function pagesOf(
  db: SessionDb,
  options: SessionListOptions,
  between = async (): Promise<void> => {},
): Promise<string[]> {
  const read = sessionIdPages(db, options);
  return walk(async (cursor) => {
    if (cursor.cursor !== undefined) {
      await between();
    }
    const page = await read(cursor);
    assert.ok(page.nextCursor === null || page.items.length === options.limit, "only the last page is short");
    return page;
  });
}

export const pagingCases: Cases = {
  ...tableCases("pages by %s make up the whole list", sessionOrders, async (db, order) => {
    await storeListed(db);
    for (const filter of filters) {
      const expected = expectedIds(filter, order);
      for (const limit of sizes) {
        const options = { ...filter, ...order, limit };
        assert.deepStrictEqual(await pagesOf(db, options), expected, JSON.stringify(options));
      }
    }
  }),
  ...tableCases("inserts between pages by %s repeat and skip nothing", sessionOrders, async (db, order) => {
    await storeListed(db);
    let round = 0;
    const ids = await pagesOf(db, { ...order, limit: 5 }, async () => {
      round += 1;
      // Inserts must stop: a list that keeps growing has no end.
      if (round < 8) {
        await storeIntruders(db, round);
      }
    });
    assertListedOnce(ids, order);
  }),

  "deletes between pages skip nothing": async (db) => {
    await storeListed(db);
    const all = expectedIds({}, {});
    const gone = new Set<string>();
    const seen: string[] = [];
    let next: { cursor?: string } | null = {};
    while (next !== null) {
      const { sessions, nextCursor }: SessionPage = await db.getSessions({ limit: 4, ...next });
      seen.push(...idsOf(sessions));
      // This deletes even the session that the cursor stands on.
      const sessionIds = [idsOf(sessions).at(-1) ?? "", seen[0] ?? ""].filter((id) => !gone.has(id));
      await db.deleteSessions({ sessionIds });
      sessionIds.forEach((id) => gone.add(id));
      next = nextCursor === null ? null : { cursor: nextCursor };
    }
    assert.deepStrictEqual(seen, all);
  },

  "sessions touched between pages appear once": async (db) => {
    await storeListed(db);
    const all = expectedIds({}, { sortBy: "updatedAt" });
    let turn = 0;
    const ids = await pagesOf(db, { sortBy: "updatedAt", limit: 6 }, async () => {
      turn += 1;
      const touched = all[0] ?? "";
      const scope = { sessionId: touched };
      await db.updateSession(scope, { metadata: { turn } });
    });
    assert.deepStrictEqual(ids, all, "touched sessions do not appear again");
  },

  "numbered pages": async (db) => {
    await storeListed(db);
    for (const order of orders) {
      const expected = expectedIds({}, order);
      for (const limit of [1, 5, 36, 100]) {
        for (let page = 1; (page - 1) * limit <= listedSessions.count; page += 1) {
          const { sessions, nextCursor } = await db.getSessions({ ...order, limit, page });
          assert.deepStrictEqual(idsOf(sessions), expected.slice((page - 1) * limit, page * limit));
          assert.equal(
            nextCursor === null,
            page * limit >= listedSessions.count,
            "nextCursor unless it is the last page",
          );
        }
      }
    }
  },

  "a cursor continues after a numbered page": async (db) => {
    await storeListed(db);
    const { nextCursor } = await db.getSessions({ limit: 5, page: 2 });
    const { sessions } = await db.getSessions({ limit: 5, ...(nextCursor !== null && { cursor: nextCursor }) });
    assert.deepStrictEqual(idsOf(sessions), expectedIds({}, {}).slice(10, 15));
  },

  "a page number far beyond the end": async (db) => {
    await storeListed(db);
    const { sessions, nextCursor } = await db.getSessions({ page: 1_000_000, limit: 1000 });
    assert.deepStrictEqual([sessions, nextCursor], [[], null]);
  },

  "a page that holds the whole list is the last": async (db) => {
    await db.upsertSessions([session("a"), session("b")]);
    assert.equal((await db.getSessions({ limit: 2 })).nextCursor, null);
    assert.notEqual((await db.getSessions({ limit: 1 })).nextCursor, null);
  },

  "a cursor keeps the total of the list": async (db) => {
    await storeListed(db);
    const { nextCursor } = await db.getSessions({ limit: 30 });
    const options = { limit: 30, includeTotal: true, ...(nextCursor !== null && { cursor: nextCursor }) };
    assert.equal((await db.getSessions(options)).total, listedSessions.count);
  },

  "a cursor of another order is refused": async (db) => {
    await storeListed(db);
    for (const order of orders) {
      const { nextCursor } = await db.getSessions({ ...order, limit: 1 });
      const cursor = nextCursor ?? assert.fail("no cursor");
      for (const other of orders.filter((each) => each !== order)) {
        await refusesArgument(db, "cursor", () => db.getSessions({ ...other, limit: 1, cursor }));
      }
    }
  },

  "a cursor of runs is not valid for sessions": async (db) => {
    await db.upsertSession(session("s", { runs: [run("a"), run("b")] }));
    await db.upsertSession(session("t"));
    const runCursor = (await db.getRuns({ limit: 1 })).nextCursor ?? assert.fail("no cursor");
    await refusesArgument(db, "cursor", () => db.getSessions({ cursor: runCursor }));
    const sessionCursor = (await db.getSessions({ limit: 1 })).nextCursor ?? assert.fail("no cursor");
    await refusesArgument(db, "cursor", () => db.getRuns({ cursor: sessionCursor }));
  },

  "a cursor opens no other user's list": async (db) => {
    await storeListed(db);
    const { nextCursor } = await db.getSessions({ limit: 1 });
    const cursor = nextCursor ?? assert.fail("no cursor");
    const { sessions } = await db.getSessions({ userId: "alice", limit: 100, cursor });
    assert.ok(sessions.every(({ userId }) => userId === "alice"));
  },

  "ids with any text in a cursor": async (db) => {
    const ids = ["é 😀", "' OR 1=1", "日本", "a b", '"', "\\", "%", "\n", "z".repeat(100)];
    await db.upsertSessions(ids.map((sessionId) => session(sessionId)));
    const all = await pagesOf(db, { limit: 1 });
    assert.deepStrictEqual(all.toSorted(), ids.toSorted());
  },
};
