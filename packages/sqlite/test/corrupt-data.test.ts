import { SqliteSessionDb } from "@sessiondb/sqlite";
import { describe, expect, test } from "vitest";
import { agentRun, agentSession, hashOf, query, refusal, temporaryFile } from "./support.ts";

const secret = "the user's own words";

async function damaged(table: string, column: string, value: unknown): Promise<string> {
  const file = temporaryFile();
  await using db = new SqliteSessionDb({ file });
  for (const sessionId of ["good", "bad", "other"]) {
    const session = agentSession(sessionId, { userId: "u" });
    await db.upsertSession({ ...session, metadata: { a: 1 }, runs: [agentRun(`${sessionId}-run`)] });
  }
  query(file, `update ${table} set ${column} = ? where session_id = 'bad'`, value);
  query(file, "pragma wal_checkpoint(truncate)");
  return file;
}

const unreadable = [`{"a": "${secret}`, "", secret, Buffer.from([0xff, 0xfe])];
const columns = ["session_data", "agent_data", "team_data", "workflow_data", "metadata", "summary"];

describe.each(columns)("agno_sessions.%s that cannot be read", (column) => {
  test.each(unreadable.map((value) => [value]))("as %j is told by table, column and id", async (value) => {
    const file = await damaged("agno_sessions", column, value);
    await using db = new SqliteSessionDb({ file });
    const error = await refusal(db.getSession({ sessionId: "bad" }), "CORRUPT_DATA");
    expect(error).toMatchObject({ location: `agno_sessions.${column}`, id: "bad" });
    expect(`${error.message} ${String(error.cause)}`).not.toContain(secret);
  });

  test("leaves the other sessions as they are, and no page leaves it out in silence", async () => {
    const file = await damaged("agno_sessions", column, "{");
    await using db = new SqliteSessionDb({ file });
    expect((await db.getSession({ sessionId: "good" }))?.runs).toHaveLength(1);
    const error = await refusal(db.getSessions(), "CORRUPT_DATA");
    expect(error).toMatchObject({ location: `agno_sessions.${column}`, id: "bad" });
    expect((await db.getSessions({ componentId: "nobody" })).sessions).toEqual([]);
  });

  test("is not overwritten by a change", async () => {
    const file = await damaged("agno_sessions", column, "{");
    const before = query(file, "select * from agno_sessions");
    await using db = new SqliteSessionDb({ file });
    await refusal(db.updateSession({ sessionId: "bad" }, { sessionState: { a: 1 } }), "CORRUPT_DATA");
    await refusal(db.renameSession({ sessionId: "bad", sessionName: "x" }), "CORRUPT_DATA");
    const change = () => ({ sessionState: { a: 1 } });
    const session = agentSession("bad", { userId: "u" });
    await refusal(db.upsertRun({ session, run: agentRun("new"), change }), "CORRUPT_DATA");
    expect(query(file, "select * from agno_sessions")).toEqual(before);
    expect(query(file, "select run_id from agno_runs where session_id = 'bad'")).toEqual([{ run_id: "bad-run" }]);
  });

  test("does not stop the session from being deleted", async () => {
    await using db = new SqliteSessionDb({ file: await damaged("agno_sessions", column, "{") });
    expect(await db.deleteSession({ sessionId: "bad", userId: "u" })).toBe(true);
    expect((await db.getSessions()).sessions).toHaveLength(2);
  });
});

describe("agno_runs.run_data that cannot be read", () => {
  test.each([...unreadable, "[]", "5", "null", '"text"'].map((value) => [value]))("as %j", async (value) => {
    const file = await damaged("agno_runs", "run_data", value);
    await using db = new SqliteSessionDb({ file });
    const before = hashOf(file);
    for (const read of [
      () => db.getSession({ sessionId: "bad" }),
      () => db.getSession({ sessionId: "bad", runsLimit: 1 }),
      () => db.getSessions({ includeRuns: true }),
      () => db.getRun({ runId: "bad-run" }),
      () => db.getRuns(),
      () => db.getRuns({ sessionId: "bad" }),
    ]) {
      const error = await refusal(read(), "CORRUPT_DATA");
      expect(error).toMatchObject({ location: "agno_runs.run_data", id: "bad-run" });
      expect(`${error.message} ${String(error.cause)}`).not.toContain(secret);
    }
    expect((await db.getSession({ sessionId: "bad", includeRuns: false }))?.runs).toEqual([]);
    expect((await db.getSessions()).sessions).toHaveLength(3);
    expect((await db.getSession({ sessionId: "good" }))?.runs).toHaveLength(1);
    expect(hashOf(file)).toBe(before);
    // A turn writes no other run, so the session goes on; and a run that is written again is whole again.
    await db.upsertRun({ session: agentSession("bad", { userId: "u" }), run: agentRun("next") });
    await db.upsertRun({ session: agentSession("bad", { userId: "u" }), run: agentRun("bad-run") });
    expect((await db.getSession({ sessionId: "bad" }))?.runs.map(({ runId }) => runId)).toEqual(["bad-run", "next"]);
  });

  test("does not stop the run from being deleted", async () => {
    await using db = new SqliteSessionDb({ file: await damaged("agno_runs", "run_data", "{") });
    expect(await db.deleteRuns({ runIds: ["bad-run"], userId: "u" })).toBe(1);
    expect((await db.getSession({ sessionId: "bad" }))?.runs).toEqual([]);
  });
});
