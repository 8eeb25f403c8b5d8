import assert from "node:assert/strict";
import type { SessionDb, SessionFilter } from "@sessiondb/core";
import type { Cases } from "../conformance-case.ts";
import { listedIds, run, runIdsIn, session, start, store } from "../support/data.ts";
import { dump } from "../support/dump.ts";
import { refuses } from "../support/refusals.ts";
import { tableCases } from "../support/table-cases.ts";

async function remaining(db: SessionDb): Promise<unknown> {
  const { sessions, runIds } = await dump(db);
  return [sessions.map(({ sessionId }) => sessionId), runIds];
}

const filters: Readonly<Record<string, SessionFilter>> = {
  sessionType: { sessionType: "team" },
  componentId: { componentId: "gone" },
  participantId: { participantId: "guest" },
  sessionName: { sessionName: "GONE" },
  startTimestamp: { startTimestamp: start + 1 },
  endTimestamp: { endTimestamp: start + 1, startTimestamp: start + 1 },
};

export const deleteCases: Cases = {
  ...tableCases("a filter by %s deletes what matches it", filters, async (db, filter) => {
    await store(db, session("stays"), ["r1"]);
    const gone = session("gone", {
      sessionType: "team",
      teamId: "gone",
      createdAt: start + 1,
      sessionData: { session_name: "all gone" },
      runs: [run("r2", { userId: "guest" }), run("r3")],
    });
    await db.upsertSession(gone);
    assert.equal(await db.deleteSessions({ filter }), 1);
    assert.deepStrictEqual(await remaining(db), [["stays"], ["r1"]]);
  }),

  "deleting a session deletes its runs": async (db) => {
    await store(db, session("a"), ["a1", "a2"]);
    await store(db, session("b"), ["b1"]);
    assert.equal(await db.deleteSession({ sessionId: "a" }), true);
    assert.deepStrictEqual(await remaining(db), [["b"], ["b1"]]);
    assert.equal(await db.getRun({ runId: "a1" }), null);
    assert.deepStrictEqual((await db.getRuns({ sessionId: "a" })).runs, []);
    assert.equal(await db.deleteSession({ sessionId: "a" }), false, "once");
  },

  "a session with the id of a deleted one starts empty": async (db) => {
    await store(db, session("s", { userId: "first", metadata: { old: true } }), ["a", "b"]);
    await db.deleteSession({ sessionId: "s" });
    await db.upsertRun({
      session: { sessionId: "s", sessionType: "team", teamId: "t", userId: "second" },
      run: run("c"),
    });
    const read = await db.getSession({ sessionId: "s" });
    assert.deepStrictEqual([read?.userId, read?.sessionType, read?.metadata], ["second", "team", null]);
    assert.deepStrictEqual(await runIdsIn(db, "s"), ["c"]);
  },

  "the run ids of a deleted session are free": async (db) => {
    await store(db, session("a"), ["r"]);
    await db.deleteSession({ sessionId: "a" });
    await db.upsertRun({ session: session("b"), run: run("r") });
    assert.deepStrictEqual(await runIdsIn(db, "b"), ["r"]);
  },

  "named sessions are deleted, and the count says how many": async (db) => {
    for (const sessionId of ["a", "b", "c"]) {
      await store(db, session(sessionId), [`${sessionId}1`]);
    }
    assert.equal(await db.deleteSessions({ sessionIds: ["a", "none", "c"] }), 2);
    assert.deepStrictEqual(await remaining(db), [["b"], ["b1"]]);
  },

  "1000 sessions by name": async (db) => {
    const sessionIds = Array.from({ length: 1000 }, (_, index) => `s${index}`);
    await db.upsertSessions(sessionIds.map((sessionId) => session(sessionId, { runs: [run(`run of ${sessionId}`)] })));
    assert.equal(await db.deleteSessions({ sessionIds: [...sessionIds, ...sessionIds.map((id) => `no ${id}`)] }), 1000);
    assert.deepStrictEqual(await remaining(db), [[], []]);
  },

  "1200 sessions by filter, and no others": async (db) => {
    const gone = Array.from({ length: 1200 }, (_, index) =>
      session(`gone ${index}`, { agentId: "gone", ...(index % 100 === 0 && { runs: [run(`run ${index}`)] }) }),
    );
    await db.upsertSessions([...gone, session("stays", { runs: [run("r")] })]);
    assert.equal(await db.deleteSessions({ filter: { componentId: "gone", sessionName: "gone 11" } }), 111);
    assert.equal(await db.deleteSessions({ filter: { componentId: "gone" } }), 1089);
    assert.equal(await db.deleteSessions({ filter: { componentId: "gone" } }), 0);
    assert.deepStrictEqual(await remaining(db), [["stays"], ["r"]]);
  },

  "a list with another user's session is refused as a whole": async (db) => {
    await store(db, session("mine", { userId: "me" }), ["r1"]);
    await store(db, session("theirs", { userId: "them" }), ["r2"]);
    await store(db, session("nobody's"), ["r3"]);
    const sessionIds = ["mine", "nobody's", "theirs"];
    await refuses(db, "SESSION_OWNERSHIP", () => db.deleteSessions({ sessionIds, userId: "me" }));
    assert.equal(await db.deleteSessions({ sessionIds: ["mine", "nobody's"], userId: "me" }), 1);
    assert.deepStrictEqual(await remaining(db), [
      ["nobody's", "theirs"],
      ["r2", "r3"],
    ]);
  },

  "a filter with a user sees only that user's sessions": async (db) => {
    await store(db, session("mine", { userId: "me" }), ["r1"]);
    await store(db, session("theirs", { userId: "them" }), ["r2"]);
    await store(db, session("nobody's"), ["r3"]);
    assert.equal(await db.deleteSessions({ filter: { componentId: "agent" }, userId: "me" }), 1);
    assert.deepStrictEqual(await remaining(db), [
      ["nobody's", "theirs"],
      ["r2", "r3"],
    ]);
  },

  "an empty filter with a user deletes all of that user's sessions": async (db) => {
    await store(db, session("mine", { userId: "me" }), ["r1"]);
    await store(db, session("also mine", { userId: "me" }));
    await store(db, session("theirs", { userId: "them" }), ["r2"]);
    assert.equal(await db.deleteSessions({ filter: {}, userId: "me" }), 2);
    assert.deepStrictEqual(await remaining(db), [["theirs"], ["r2"]]);
  },

  "a filter's conditions must all hold": async (db) => {
    await db.upsertSessions([session("a", { agentId: "x" }), session("b", { agentId: "x", createdAt: start + 5 })]);
    assert.equal(await db.deleteSessions({ filter: { componentId: "x", startTimestamp: start + 5 } }), 1);
    assert.deepStrictEqual(await listedIds(db), ["a"]);
  },

  "a filter's wildcards are ordinary characters": async (db) => {
    await db.upsertSession(session("s", { sessionData: { session_name: "plain" } }));
    assert.equal(await db.deleteSessions({ filter: { sessionName: "%" } }), 0);
    assert.equal(await db.deleteSessions({ filter: { sessionName: "p_ain" } }), 0);
  },

  "only the named runs are deleted": async (db) => {
    await store(db, session("a"), ["a1", "a2", "a3"]);
    await store(db, session("b"), ["b1", "b2"]);
    assert.equal(await db.deleteRuns({ runIds: ["a2", "b1", "none"] }), 2);
    assert.deepStrictEqual([await runIdsIn(db, "a"), await runIdsIn(db, "b")], [["a1", "a3"], ["b2"]]);
    assert.equal(await db.getRun({ runId: "a2" }), null);
  },

  "a session whose runs are all deleted still exists": async (db) => {
    await store(db, session("s"), ["r"]);
    await db.deleteRuns({ runIds: ["r"] });
    assert.deepStrictEqual(await remaining(db), [["s"], []]);
  },

  "deleting a run keeps its member runs": async (db) => {
    await db.upsertSession(session("s", { runs: [run("parent"), run("child", { parentRunId: "parent" })] }));
    await db.deleteRuns({ runIds: ["parent"] });
    assert.deepStrictEqual(await runIdsIn(db, "s"), ["child"]);
  },

  "a list with another user's run is refused as a whole": async (db) => {
    await store(db, session("mine", { userId: "me" }), ["r1"]);
    await store(db, session("theirs", { userId: "them" }), ["r2"]);
    await store(db, session("nobody's"), ["r3"]);
    await refuses(db, "SESSION_OWNERSHIP", () => db.deleteRuns({ runIds: ["r1", "r3", "r2"], userId: "me" }));
    assert.equal(await db.deleteRuns({ runIds: ["r1", "r3"], userId: "me" }), 1);
    assert.deepStrictEqual((await dump(db)).runIds, ["r2", "r3"]);
  },
};
