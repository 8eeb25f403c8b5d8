import { SqliteSessionDb } from "@sessiondb/sqlite";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { refusal } from "@sessiondb/testing/refusal";
import { describe, expect, test } from "vitest";
import { agno2File, agnoRun, agnoText } from "./legacy.ts";
import { query } from "./support.ts";

// What is broken in a table of Agno 2 concerns those alone whose session it is, and who may see all of them.

const broken = (runId: string): string => agnoText([agnoRun(runId, "bad")]).slice(0, -5);

/** Ada's and Bob's sessions with their runs in the column, and Bob's session `bad`, whose column names `b` and breaks off. */
function brokenColumn(): string {
  const file = agno2File({ bad: [], s: ["a"], t: ["b"] });
  query(file, "update agno_sessions set user_id = case session_id when 's' then 'ada' else 'bob' end");
  query(file, "update agno_sessions set runs = ? where session_id = 'bad'", `${broken("a")} ${broken("b")} lost`);
  return file;
}

const corrupt = { location: "agno_sessions.runs", id: "bad" };

describe("a column of Agno 2 that cannot be read", () => {
  test("hides no run of another session", async () => {
    await using db = new SqliteSessionDb({ file: brokenColumn() });
    for (const [userId, runId] of [
      ["ada", "a"],
      ["bob", "b"],
    ] as const) {
      const user = db.forUser(userId);
      expect(await user.getRun({ runId })).toMatchObject({ runId });
      expect(await db.getRun({ runId })).toMatchObject({ runId });
      expect(await user.updateRun({ runId }, (run) => ({ ...run, content: "changed" }))).toMatchObject({ runId });
    }
    expect(await db.forUser("ada").deleteRuns({ runIds: ["a"] })).toBe(1);
    expect(await db.deleteRuns({ runIds: ["b"] })).toBe(1);
  });

  test("is reported only to its owner and to trusted calls when a run was not found", async () => {
    await using db = new SqliteSessionDb({ file: brokenColumn() });
    const runId = "lost";
    const ada = db.forUser("ada");
    expect(await ada.getRun({ runId })).toBeNull();
    expect(await ada.updateRun({ runId }, (run) => run)).toBeNull();
    expect(await ada.deleteRuns({ runIds: [runId] })).toBe(0);
    for (const calls of [db, db.forUser("bob")]) {
      for (const call of [
        calls.getRun({ runId }),
        calls.updateRun({ runId }, (run) => run),
        calls.deleteRuns({ runIds: [runId] }),
      ]) {
        expect(await refusal(call, "CORRUPT_DATA")).toMatchObject(corrupt);
      }
    }
  });

  test("is not revealed by the refusal to delete another user's run", async () => {
    const file = brokenColumn();
    await using db = new SqliteSessionDb({ file });
    await db.upsertRun({ session: agentSession("t", { userId: "bob" }), run: agentRun("row") });
    query(file, "update agno_runs set session_id = 'bad' where run_id = 'row'");
    const error = await refusal(db.forUser("ada").deleteRuns({ runIds: ["row"] }), "SESSION_OWNERSHIP");
    expect(error.message).not.toContain("agno_sessions.runs");
    await refusal(db.forUser("bob").deleteRuns({ runIds: ["row"] }), "CORRUPT_DATA");
  });
});

describe("runs listed from a column of Agno 2 and from rows", () => {
  async function brokenRow(): Promise<{ file: string; db: SqliteSessionDb }> {
    const file = agno2File({ s: ["a", "b"] });
    const db = new SqliteSessionDb({ file });
    for (const runId of ["b", "c", "d"]) {
      await db.upsertRun({ session: agentSession("s"), run: agentRun(runId, { agentId: "agent-1" }) });
    }
    query(file, "update agno_runs set run_data = '{' where run_id in ('b', 'c')");
    return { file, db };
  }

  test("are returned with the unreadable ones reported, in pages in both directions", async () => {
    const { db } = await brokenRow();
    await using _ = db;
    const faultOf = (id: string) => ({ id, error: { code: "CORRUPT_DATA", location: "agno_runs.run_data", id } });
    for (const componentId of [undefined, "agent-1"]) {
      const page = await db.getRuns({ sessionId: "s", ...(componentId !== undefined && { componentId }) });
      expect(page.runs.map(({ runId }) => runId)).toEqual(["a", "d"]);
      expect(page.unreadable).toMatchObject([faultOf("b"), faultOf("c")]);
    }
    const nobody = await db.getRuns({ sessionId: "s", componentId: "agent-2" });
    expect(nobody).toMatchObject({ runs: [], unreadable: [] });
    const first = await db.getRuns({ sessionId: "s", limit: 2 });
    expect(first).toMatchObject({ runs: [{ runId: "a" }], unreadable: [{ id: "b" }] });
    const second = await db.getRuns({ sessionId: "s", limit: 2, cursor: first.nextCursor ?? "" });
    expect(second).toMatchObject({ runs: [{ runId: "d" }], unreadable: [{ id: "c" }], nextCursor: null });
    const back = await db.getRuns({ sessionId: "s", limit: 2, cursor: second.previousCursor ?? "" });
    expect(back).toMatchObject({ runs: [{ runId: "a" }], unreadable: [{ id: "b" }], previousCursor: null });
  });

  test("are an error if the caller asked for one", async () => {
    const { db } = await brokenRow();
    await using _ = db;
    const throwing = { sessionId: "s", onUnreadable: "throw" } as const;
    expect(await refusal(db.getRuns(throwing), "CORRUPT_DATA")).toMatchObject({ id: "b" });
    expect((await db.getRuns({ ...throwing, limit: 1 })).runs).toMatchObject([{ runId: "a" }]);
  });

  test("are an error if the column is broken", async () => {
    await using db = new SqliteSessionDb({ file: brokenColumn() });
    expect(await refusal(db.getRuns({ sessionId: "bad" }), "CORRUPT_DATA")).toMatchObject(corrupt);
    expect(await db.forUser("ada").getRuns({ sessionId: "bad" })).toMatchObject({ runs: [], unreadable: [] });
  });
});
