import type { SessionDb } from "@sessiondb/core";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { refusal } from "@sessiondb/testing/refusal";
import { describe, expect, test } from "vitest";
import { agno2File, agnoRun, agnoText, runRows, runsColumn } from "./legacy.ts";
import { fixture, query } from "./support.ts";

// What the contract says of turns and lists holds where some runs are in the column of Agno 2 and some in rows.

const runIds = async (db: SessionDb, sessionId = "s") =>
  (await db.getSession({ sessionId }))?.runs.map(({ runId }) => runId);

/** Runs a, b and c in the column, d and e in rows; t has x in its column. */
async function mixed({ copied = false } = {}): Promise<{ file: string; db: SqliteSessionDb }> {
  const file = agno2File({ s: ["a", "b", "c"], t: ["x"] });
  const db = new SqliteSessionDb({ file });
  if (copied) {
    await db.migrateLegacyRuns();
  }
  await db.upsertRun({ session: agentSession("s"), run: agentRun("d") });
  await db.upsertRun({ session: agentSession("s"), run: agentRun("e", { status: "PAUSED" }) });
  return { file, db };
}

const session = agentSession("s");

describe.each([[false], [true]])("runs of Agno 2 (copied: %s)", (copied) => {
  test("are changed by updateRun, in their place and once", async () => {
    const { file, db } = await mixed({ copied });
    const changed = await db.updateRun({ runId: "b" }, (run) => ({ ...run, content: "changed", metadata: { a: 1 } }));
    expect(changed).toMatchObject({ runId: "b", content: "changed", createdAt: 1_700_000_000 });
    expect(await db.getRun({ runId: "b" })).toMatchObject({ content: "changed", createdAt: 1_700_000_000 });
    expect(await runIds(db)).toEqual(["a", "b", "c", "d", "e"]);
    expect(runRows(file, "s")).toContain("b@1");
    await db.updateRun({ runId: "b" }, (run) => ({ ...run, status: "ERROR" }));
    expect((await db.getRuns({ sessionId: "s", status: "ERROR" })).runs).toMatchObject([
      { runId: "b", content: "changed" },
    ]);
    await db.close();
  });

  test("are deleted by updateRun for good", async () => {
    const { file, db } = await mixed({ copied });
    expect(await db.updateRun({ runId: "a", sessionId: "t" }, () => null)).toBeNull();
    expect(await runIds(db)).toEqual(["a", "b", "c", "d", "e"]);
    expect(await db.updateRun({ runId: "a" }, () => null)).toBeNull();
    expect(await db.updateRun({ runId: "e", sessionId: "s" }, () => null)).toBeNull();
    expect(await db.getRun({ runId: "a" })).toBeNull();
    await db.migrateLegacyRuns();
    expect(await runIds(db)).toEqual(["b", "c", "d"]);
    expect(runRows(file, "s")).toEqual(["b@0", "c@1", "d@2"]);
    expect(runsColumn(file)["s"]).not.toContain("Answer of a");
    await db.close();
  });

  test("are replaced by a turn with deleteRunsAfter", async () => {
    const { file, db } = await mixed({ copied });
    const run = agentRun("new");
    await refusal(db.upsertRun({ session, run, deleteRunsAfter: "x" }), "INVALID_ARGUMENT");
    expect(await db.upsertRun({ session, run, deleteRunsAfter: "a" })).toEqual({ stored: true, deletedRuns: 4 });
    expect(await runIds(db)).toEqual(["a", "new"]);
    expect(await db.getRun({ runId: "b" })).toBeNull();
    expect(await runIds(db, "t")).toEqual(["x"]);
    await db.migrateLegacyRuns();
    expect(runRows(file, "s")).toEqual(["a@0", "new@1"]);
    expect(await db.upsertRun({ session, run, deleteRunsAfter: null })).toEqual({ stored: true, deletedRuns: 1 });
    expect(runRows(file, "s")).toEqual(["new@0"]);
    await db.close();
  });

  test("can be rewritten by a turn that deletes the runs after it", async () => {
    const { file, db } = await mixed({ copied });
    const run = agentRun("b", { content: "again" });
    expect(await db.upsertRun({ session, run, deleteRunsAfter: "b" })).toEqual({ stored: true, deletedRuns: 3 });
    expect(await runIds(db)).toEqual(["a", "b"]);
    expect(await db.getRun({ runId: "b" })).toMatchObject({ content: "again", createdAt: 1_700_000_000 });
    // A run that is stored behind the one named moves up to it.
    await db.upsertRun({ session, run: agentRun("f") });
    expect(await db.upsertRun({ session, run: agentRun("f"), deleteRunsAfter: "a" })).toMatchObject({ deletedRuns: 1 });
    await db.migrateLegacyRuns();
    expect(runRows(file, "s")).toEqual(["a@0", "f@1"]);
    await db.close();
  });

  test("are examined by the conditions of a turn", async () => {
    const { file, db } = await mixed({ copied });
    const turn = { session, run: agentRun("f") };
    const column = runsColumn(file);
    expect(await db.upsertRun({ ...turn, onlyIfNewest: "d" })).toEqual({ stored: false, unmet: "onlyIfNewest" });
    expect(await db.upsertRun({ ...turn, onlyIfNewest: null })).toEqual({ stored: false, unmet: "onlyIfNewest" });
    const ofT = { session: agentSession("t"), run: agentRun("y") };
    expect(await db.upsertRun({ ...ofT, onlyIfNewest: null })).toEqual({ stored: false, unmet: "onlyIfNewest" });
    expect(await db.upsertRun({ ...ofT, onlyIfNewest: "e" })).toEqual({ stored: false, unmet: "onlyIfNewest" });
    expect(await db.upsertRun({ ...ofT, onlyIfNewest: "x" })).toMatchObject({ stored: true });
    const replaced = { session, run: agentRun("a", { content: "again" }) };
    const paused = { onlyIfStatus: "PAUSED" } as const;
    expect(await db.upsertRun({ ...replaced, ...paused })).toEqual({ stored: false, unmet: "onlyIfStatus" });
    expect(await db.upsertRun({ ...turn, onlyIfExists: "run" })).toEqual({ stored: false, unmet: "onlyIfExists" });
    expect(await db.upsertRun({ ...replaced, onlyIfStatus: ["PAUSED", "COMPLETED"] })).toMatchObject({ stored: true });
    expect(await db.upsertRun({ ...replaced, onlyIfExists: "run" })).toMatchObject({ stored: true });
    expect(await db.upsertRun({ session, run: agentRun("e"), ...paused })).toMatchObject({ stored: true });
    expect(await db.upsertRun({ ...turn, onlyIfNewest: "e" })).toMatchObject({ stored: true });
    expect(await runIds(db)).toEqual(["a", "b", "c", "d", "e", "f"]);
    expect(runsColumn(file)).toEqual(column);
    await db.close();
  });

  test("are listed by cursors in both directions, and the cursor of a deleted one is refused", async () => {
    const { db } = await mixed({ copied });
    const one = await db.getRuns({ sessionId: "s", limit: 2 });
    const two = await db.getRuns({ sessionId: "s", limit: 2, cursor: one.nextCursor ?? "" });
    expect(two.runs.map(({ runId }) => runId)).toEqual(["c", "d"]);
    const back = await db.getRuns({ sessionId: "s", limit: 2, cursor: two.previousCursor ?? "" });
    expect(back.runs.map(({ runId }) => runId)).toEqual(["a", "b"]);
    expect(back.previousCursor).toBeNull();
    const named = await db.getRuns({ sessionId: "s", componentId: "agent-1" });
    expect(named.runs.map(({ runId }) => runId)).toEqual(["a", "b", "c", "d", "e"]);
    await db.deleteRuns({ runIds: ["b"] });
    const gone = db.getRuns({ sessionId: "s", limit: 2, cursor: one.nextCursor ?? "" });
    expect(await refusal(gone, "INVALID_ARGUMENT")).toMatchObject({ argument: "cursor" });
    await db.close();
  });
});

describe("before the runs of Agno 2 are copied", () => {
  test.each<[string, (db: SessionDb) => Promise<unknown>]>([
    ["sessions by the status of their runs", (db) => db.getSessions({ runStatus: "PAUSED" })],
    ["sessions by a participant", (db) => db.getSessions({ participantId: "u" })],
    ["sessions with their counts of runs", (db) => db.getSessions({ includeRunCount: true })],
    ["runs across sessions", (db) => db.getRuns()],
    ["runs of a component", (db) => db.getRuns({ componentId: "agent-1" })],
    ["a delete by the status of runs", (db) => db.deleteSessions({ filter: { runStatus: "PAUSED" } })],
  ])("refuses %s until they are copied", async (_, call) => {
    const { db } = await mixed();
    expect((await refusal(call(db), "SCHEMA_MISMATCH")).message).toContain("migrateLegacyRuns()");
    expect(await runIds(db)).toHaveLength(5);
    await db.migrateLegacyRuns();
    await call(db);
    await db.close();
  });

  test("counts all of them once they are copied", async () => {
    const { db } = await mixed();
    await db.migrateLegacyRuns();
    const { sessions } = await db.getSessions({ includeRunCount: true });
    expect(Object.fromEntries(sessions.map((each) => [each.sessionId, each.runCount]))).toEqual({ s: 5, t: 1 });
    expect((await db.getSessions({ runStatus: "PAUSED" })).sessions.map(({ sessionId }) => sessionId)).toEqual(["s"]);
    await db.close();
  });

  test("merges them for each session in lists with runs, and reports unreadable ones", async () => {
    const { file, db } = await mixed();
    query(file, "update agno_sessions set runs = '[{' where session_id = 't'");
    const page = await db.getSessions({ includeRuns: true });
    expect(page.sessions.map((each) => [each.sessionId, each.runs.map(({ runId }) => runId)])).toEqual([
      ["s", ["a", "b", "c", "d", "e"]],
    ]);
    expect(page.unreadable).toMatchObject([
      { id: "t", error: { code: "CORRUPT_DATA", location: "agno_sessions.runs" } },
    ]);
    await refusal(db.getSessions({ includeRuns: true, onUnreadable: "throw" }), "CORRUPT_DATA");
    await db.close();
  });

  test("fills in the missing component of a session by a turn", async () => {
    const file = fixture("agno-2-agent");
    query(file, "update agno_sessions set agent_id = null, agent_data = null, user_id = null");
    query(file, "update agno_sessions set runs = ?", agnoText([agnoRun("a", "sess-agent-1")]));
    await using db = new SqliteSessionDb({ file });
    const filled = agentSession("sess-agent-1", { agentData: { agent_id: "agent-1", name: "One" }, userId: "u" });
    await db.upsertRun({ session: filled, run: agentRun("r") });
    await db.upsertRun({ session: { ...filled, agentData: { name: "Two" } }, run: agentRun("r2") });
    expect(await db.getSession({ sessionId: "sess-agent-1" })).toMatchObject({
      agentId: "agent-1",
      agentData: { agent_id: "agent-1", name: "One" },
      userId: "u",
      runs: [{ runId: "a" }, { runId: "r" }, { runId: "r2" }],
    });
  });
});
