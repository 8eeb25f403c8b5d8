import assert from "node:assert/strict";
import type { DeleteSessionsOptions, SessionDb, SessionFilter, SessionInit } from "@sessiondb/core";
import type { Cases } from "../conformance-case.ts";
import { combinations } from "../support/combinations.ts";
import { idsOf, listedIds, run, session, sessionTypes, untyped } from "../support/data.ts";
import { sessionOrders } from "../support/paged-lists.ts";
import { refusesArgument } from "../support/refusals.ts";
import type { SessionListOptions } from "../support/list-options.ts";
import { expectedIds, listedSessions, runCountOf, storeListed } from "../support/listed-sessions.ts";
import { tableCases } from "../support/table-cases.ts";

type Filter = SessionFilter & { userId?: string };

/** Each filter on its own, with values that match some, all and none of the sessions. */
const singles: Readonly<Record<string, readonly Filter[]>> = {
  sessionType: [{ sessionType: "agent" }, { sessionType: "team" }, { sessionType: "workflow" }],
  userId: [{ userId: "alice" }, { userId: "bob" }, { userId: "nobody" }, { userId: "Alice" }],
  participantId: [{ participantId: "alice" }, { participantId: "guest" }, { participantId: "nobody" }],
  runStatus: [
    { runStatus: "PAUSED" },
    { runStatus: "ERROR" },
    { runStatus: ["PAUSED"] },
    { runStatus: ["PAUSED", "ERROR", "COMPLETED"] },
    { runStatus: untyped("in review") },
    { runStatus: ["CANCELLED", untyped("in review")] },
    { runStatus: ["REGENERATED", untyped("no such status")] },
    { runStatus: untyped("in") },
  ],
  componentId: [
    { componentId: "shared" },
    { componentId: "agent-1" },
    { componentId: "team-1" },
    { componentId: "none" },
  ],
  sessionName: [{ sessionName: "trip" }, { sessionName: "TRIP TO" }, { sessionName: "none of them" }],
  startTimestamp: [-1, 0, 1, 2, 3, 4].map((offset) => ({ startTimestamp: listedSessions.start + offset })),
  endTimestamp: [-1, 0, 1, 2, 3, 4].map((offset) => ({ endTimestamp: listedSessions.start + offset })),
};

async function check(db: SessionDb, filter: Filter, order: SessionListOptions): Promise<void> {
  const expected = expectedIds(filter, order);
  const options = { ...filter, ...order, limit: 100, includeTotal: true, includeRunCount: true };
  const { sessions, nextCursor, previousCursor, total } = await db.getSessions(options);
  const asked = JSON.stringify({ ...filter, ...order });
  assert.deepStrictEqual(idsOf(sessions), expected, asked);
  assert.deepStrictEqual([total, nextCursor, previousCursor], [expected.length, null, null], asked);
  const counts = sessions.map(({ runCount }) => runCount);
  assert.deepStrictEqual(counts, expected.map(runCountOf), `${asked}: runCount, whatever the conditions`);
}

export const listCases: Cases = {
  ...tableCases("the filter %s", singles, async (db, filters) => {
    await storeListed(db);
    for (const filter of filters) {
      await check(db, filter, {});
    }
  }),
  ...tableCases("ordered by %s", sessionOrders, async (db, order) => {
    await storeListed(db);
    await check(db, {}, order);
  }),

  "every combination of filters, in every order": async (db) => {
    await storeListed(db);
    const filters = combinations<Filter>([
      [{}, { sessionType: "agent" }, { sessionType: "team" }],
      [{}, { userId: "alice" }],
      [{}, { participantId: "guest" }],
      [{}, { runStatus: ["PAUSED", "ERROR"] }],
      [{}, { componentId: "shared" }],
      [{}, { sessionName: "Trip" }],
      [{}, { startTimestamp: listedSessions.start + 1 }],
      [{}, { endTimestamp: listedSessions.start + 2 }],
    ]);
    const orders = Object.values(sessionOrders);
    for (const [index, filter] of filters.entries()) {
      await check(db, filter, orders[index % orders.length] ?? {});
    }
  },

  "newest first without options": async (db) => {
    await storeListed(db);
    assert.deepStrictEqual(await listedIds(db), expectedIds({}, {}).slice(0, 50));
  },

  "50 sessions without a limit": async (db) => {
    await db.upsertSessions(Array.from({ length: 60 }, (_, index) => session(`s${index}`)));
    const { sessions, nextCursor } = await db.getSessions();
    assert.deepStrictEqual([sessions.length, typeof nextCursor], [50, "string"]);
  },

  "a total only on request, of all pages": async (db) => {
    await storeListed(db);
    assert.ok(!("total" in (await db.getSessions())), "no total unless asked");
    assert.ok(!("total" in (await db.getSessions({ includeTotal: false }))));
    const { sessions, total } = await db.getSessions({ limit: 2, page: 3, includeTotal: true });
    assert.deepStrictEqual([sessions.length, total], [2, expectedIds({}, {}).length]);
    assert.equal((await db.getSessions({ limit: 0, includeTotal: true })).total, expectedIds({}, {}).length);
  },

  "a limit of 0 lists nothing": async (db) => {
    await storeListed(db);
    assert.deepStrictEqual((await db.getSessions({ limit: 0 })).sessions, []);
  },

  "a component is found by each of its ids": async (db) => {
    const ids = { agentId: "a", teamId: "t", workflowId: "w" };
    await db.upsertSessions([session("s", ids), session("other", { agentId: "x" })]);
    for (const componentId of Object.values(ids)) {
      assert.deepStrictEqual(await listedIds(db, { componentId }), ["s"], componentId);
    }
  },

  "a known status in another case is the same status": async (db) => {
    await storeListed(db);
    for (const runStatus of [untyped("paused"), untyped(["Paused", "paused", "PAUSED"])]) {
      const { sessions } = await db.getSessions({ runStatus, limit: 100 });
      assert.deepStrictEqual(idsOf(sessions), expectedIds({ runStatus: "PAUSED" }, {}));
    }
    const { sessions } = await db.getSessions({ runStatus: untyped("In Review") });
    assert.deepStrictEqual(sessions, [], "other words are compared as they are");
  },

  "participant and status may belong to two different runs": async (db) => {
    await db.upsertSession(
      session("s", { runs: [run("a", { userId: "guest" }), run("b", { userId: "me", status: "PAUSED" })] }),
    );
    const { sessions } = await db.getSessions({ participantId: "guest", runStatus: "PAUSED" });
    assert.deepStrictEqual(idsOf(sessions), ["s"]);
  },

  "a delete by run status": async (db) => {
    await storeListed(db);
    const gone = expectedIds({ runStatus: ["ERROR", "PAUSED"] }, {});
    assert.equal(await db.deleteSessions({ filter: { runStatus: ["ERROR", "PAUSED"] } }), gone.length);
    const left = expectedIds({}, {}).filter((id) => !gone.includes(id));
    assert.deepStrictEqual(await listedIds(db, { limit: 100 }), left);
  },

  "a component of each kind, with its type and without": async (db) => {
    // Each session has an id in the column of one kind: with a session type, only that type's column counts.
    await db.upsertSessions(
      sessionTypes.flatMap((sessionType) =>
        sessionTypes.map((kind) =>
          session(`${sessionType} with ${kind}`, { sessionType, agentId: null, [`${kind}Id`]: "x" }),
        ),
      ),
    );
    const found = async (filter: SessionFilter) => (await listedIds(db, filter)).toSorted();
    const all = sessionTypes.flatMap((sessionType) => sessionTypes.map((kind) => `${sessionType} with ${kind}`));
    assert.deepStrictEqual(await found({ componentId: "x" }), all.toSorted(), "of any kind");
    for (const sessionType of sessionTypes) {
      assert.deepStrictEqual(
        await found({ componentId: "x", sessionType }),
        [`${sessionType} with ${sessionType}`],
        `of ${sessionType} only`,
      );
      assert.equal(
        await db.deleteSessions({ filter: { componentId: "x", sessionType } }),
        1,
        `a delete of ${sessionType} only`,
      );
    }
    assert.equal((await found({ componentId: "x" })).length, 6);
  },

  "an unknown option is refused": async (db) => {
    await storeListed(db);
    const misspelt: object = { user_id: "alice" };
    const scope = { sessionId: "s", userID: "alice" };
    await refusesArgument(db, "user_id", () => db.getSessions(misspelt));
    await refusesArgument(db, "user_id", () => db.getRuns(misspelt));
    await refusesArgument(db, "userID", () => db.getSession(scope));
    await refusesArgument(db, "userID", () => db.updateSession(scope, {}));
    await refusesArgument(db, "userID", () => db.deleteSession(scope));
    const ownerInFilter: object = { userId: "alice", sessionType: "agent" };
    await refusesArgument(db, "filter.userId", () => db.deleteSessions({ filter: ownerInFilter }));
    await refusesArgument(db, "filter", () => db.deleteSessions({ filter: { sessionName: "" }, userId: "alice" }));
    const both: object = { sessionIds: ["s"], filter: { sessionType: "agent" } };
    await refusesArgument(db, "filter", () => db.deleteSessions(both as DeleteSessionsOptions));
  },

  "a condition that is present but empty is refused": async (db) => {
    await storeListed(db);
    for (const nothing of [undefined, null]) {
      for (const name of Object.keys(singles)) {
        const filter: object = { [name]: nothing };
        const deletion: object = { userId: "alice", filter: {}, ...(name === "userId" ? filter : { filter }) };
        await refusesArgument(db, name, () => db.getSessions(filter));
        await refusesArgument(db, name, () => db.deleteSessions(deletion as DeleteSessionsOptions));
      }
      for (const name of ["sessionId", "userId", "participantId", "status", "startTimestamp", "endTimestamp"]) {
        const options: object = { [name]: nothing };
        await refusesArgument(db, name, () => db.getRuns(options));
      }
    }
  },

  "sessions with the same time are ordered by the bytes of their ids": async (db) => {
    const ids = ["B", "a", "Z", "é", "z", "10", "9", "\uff5e", "😀", "e\u0301", "_", " x"];
    await db.upsertSessions(ids.map((sessionId): SessionInit => session(sessionId)));
    const expected = ids.toSorted((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)));
    assert.deepStrictEqual(await listedIds(db, { sortOrder: "asc" }), expected);
    assert.deepStrictEqual(await listedIds(db, { sortOrder: "desc" }), expected.toReversed());
  },

  "a session that is written to becomes the last updated": async (db) => {
    await db.upsertSessions(["a", "b", "c"].map((sessionId) => session(sessionId)));
    await db.upsertRun({ session: session("b"), run: { runType: "agent", runId: "r", agentId: "agent" } });
    assert.deepStrictEqual(await listedIds(db, { sortBy: "updatedAt" }), ["b", "c", "a"]);
    assert.deepStrictEqual(await listedIds(db), ["c", "b", "a"], "creation order stays");
  },
};
