import assert from "node:assert/strict";
import type { AgentRun, SessionDb } from "@sessiondb/core";
import type { ListHeaders, ListRuns, ReadRuns } from "@sessiondb/core/adapter";
import type { Cases } from "../conformance-case.ts";
import { listedRunIds, run, runIdsIn, runIdsOf, session, start, store, untyped } from "../support/data.ts";

async function append(db: SessionDb, sessionId: string, ...runs: AgentRun[]): Promise<void> {
  for (const each of runs) {
    await db.upsertRun({ session: session(sessionId), run: each });
  }
}

async function newest(db: SessionDb, sessionId: string, runsLimit: number): Promise<string[]> {
  const one = runIdsOf((await db.getSession({ sessionId, runsLimit }))?.runs ?? []);
  const { sessions } = await db.getSessions({ includeRuns: true, runsLimit });
  const listed = runIdsOf(sessions.find((each) => each.sessionId === sessionId)?.runs ?? []);
  assert.deepStrictEqual(listed, one, "getSessions reads what getSession reads");
  return one;
}

const skipped = ["PAUSED", "CANCELLED", "ERROR", "REGENERATED"] as const;
const used = ["COMPLETED", "RUNNING", "PENDING", "in review"] as const;

export const runOrderCases: Cases = {
  "runs come back in the order they were written, whatever their time and id": async (db) => {
    await append(
      db,
      "s",
      run("z", { createdAt: start + 9 }),
      run("a", { createdAt: start + 9 }),
      run("m", { createdAt: start }),
    );
    assert.deepStrictEqual(await runIdsIn(db, "s"), ["z", "a", "m"]);
    assert.deepStrictEqual(await listedRunIds(db, { sessionId: "s" }), ["z", "a", "m"]);
    assert.deepStrictEqual(await listedRunIds(db, { sessionId: "s", sortOrder: "desc" }), ["m", "a", "z"]);
  },

  "more than ten runs": async (db) => {
    const runs = Array.from({ length: 25 }, (_, index) => run(`run ${index}`));
    await append(db, "s", ...runs);
    assert.deepStrictEqual(await runIdsIn(db, "s"), runIdsOf(runs));
    assert.deepStrictEqual(await newest(db, "s", 12), runIdsOf(runs).slice(-12));
  },

  "runs of several sessions stay apart": async (db) => {
    await append(db, "a", run("a1"));
    await append(db, "b", run("b1"));
    await append(db, "a", run("a2"));
    assert.deepStrictEqual([await runIdsIn(db, "a"), await runIdsIn(db, "b")], [["a1", "a2"], ["b1"]]);
  },

  "after deletes the order stays, and new runs go last": async (db) => {
    await store(db, session("s"), ["a", "b", "c", "d", "e"]);
    assert.equal(await db.deleteRuns({ runIds: ["b", "d"] }), 2);
    await append(db, "s", run("f"));
    assert.deepStrictEqual(await runIdsIn(db, "s"), ["a", "c", "e", "f"]);
    await db.deleteRuns({ runIds: ["f"] });
    await append(db, "s", run("g"), run("h"));
    assert.deepStrictEqual(await runIdsIn(db, "s"), ["a", "c", "e", "g", "h"]);
    await db.deleteRuns({ runIds: ["a"] });
    await append(db, "s", run("a"));
    assert.deepStrictEqual(
      await runIdsIn(db, "s"),
      ["c", "e", "g", "h", "a"],
      "a run deleted and written again is new",
    );
  },

  "pages continue after earlier runs were deleted": async (db) => {
    await store(db, session("s"), ["a", "b", "c", "d", "e", "f"]);
    const { nextCursor } = await db.getRuns({ sessionId: "s", limit: 3 });
    await db.deleteRuns({ runIds: ["a", "b"] });
    const rest = await db.getRuns({ sessionId: "s", limit: 3, ...(nextCursor !== null && { cursor: nextCursor }) });
    assert.deepStrictEqual(runIdsOf(rest.runs), ["d", "e", "f"]);
  },

  "runsLimit reads the newest": async (db) => {
    await store(db, session("s"), ["a", "b", "c", "d"]);
    assert.deepStrictEqual(await newest(db, "s", 1), ["d"]);
    assert.deepStrictEqual(await newest(db, "s", 3), ["b", "c", "d"]);
    assert.deepStrictEqual(await newest(db, "s", 4), ["a", "b", "c", "d"]);
    assert.deepStrictEqual(await newest(db, "s", 1000), ["a", "b", "c", "d"]);
  },

  "runsLimit reads the newest runs of each session": async (db) => {
    await store(db, session("a"), ["a1", "a2", "a3"]);
    await store(db, session("b"), ["b1"]);
    await store(db, session("c"));
    assert.deepStrictEqual(await newest(db, "a", 2), ["a2", "a3"]);
    assert.deepStrictEqual(await newest(db, "b", 2), ["b1"]);
    assert.deepStrictEqual(await newest(db, "c", 2), []);
  },

  "runsLimit skips what history leaves out": async (db) => {
    await append(db, "s", run("first"), run("second"));
    for (const status of skipped) {
      await append(db, "s", run(`skipped ${status}`, { status }));
    }
    await append(db, "s", run("member", { parentRunId: "second" }));
    assert.deepStrictEqual(await newest(db, "s", 1), ["second"]);
    assert.deepStrictEqual(await newest(db, "s", 10), ["first", "second"]);
    assert.equal((await runIdsIn(db, "s")).length, 7, "without runsLimit every run is read");
  },

  "runsLimit counts every other status": async (db) => {
    for (const status of used) {
      await append(db, "s", run(status, { status }));
    }
    assert.deepStrictEqual(await newest(db, "s", 10), [...used]);
    await append(db, "s", run("COMPLETED", { status: "ERROR" }));
    assert.deepStrictEqual(await newest(db, "s", 10), used.slice(1), "the current status counts");
  },

  "a known status in another case is the same status": async (db) => {
    await append(db, "s", run("a", { status: "completed" }), run("b", { status: "Paused" }));
    assert.deepStrictEqual(await newest(db, "s", 10), ["a"]);
    assert.deepStrictEqual(await listedRunIds(db, { status: "PAUSED" }), ["b"]);
    assert.deepStrictEqual(await listedRunIds(db, { status: untyped(["Completed"]) }), ["a"]);
  },

  "runs are read on request": async (db) => {
    await store(db, session("s"), ["a"]);
    const read = async (options: ReadRuns) => (await db.getSession({ sessionId: "s", ...options }))?.runs.length;
    assert.equal(await read({}), 1);
    assert.equal(await read({ includeRuns: true }), 1);
    assert.equal((await db.getSession({ sessionId: "s", includeRuns: false }))?.runs, null);
    const list = async (options: ListRuns | ListHeaders) => (await db.getSessions(options)).sessions[0]?.runs;
    assert.equal(await list({}), null);
    assert.equal(await list({ includeRuns: false }), null);
    assert.equal((await list({ includeRuns: true }))?.length, 1);
  },
};
