import { SqliteSessionDb } from "@sessiondb/sqlite";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { refusal } from "@sessiondb/testing/refusal";
import { describe, expect, test } from "vitest";
import { query, temporaryFile } from "./support.ts";

// What a database does on its own, by triggers, must neither be taken for a success nor keep a call busy for ever.

async function withSessions(count: number): Promise<{ file: string; db: SqliteSessionDb }> {
  const file = temporaryFile();
  const db = new SqliteSessionDb({ file });
  const ids = Array.from({ length: count }, (_, index) => `s${String(index).padStart(4, "0")}`);
  await db.upsertSessions(ids.map((id) => agentSession(id, { userId: "u", runs: [agentRun(`${id}-run`)] })));
  return { file, db };
}

const counts = (file: string) =>
  query(file, "select (select count(*) from agno_sessions) as sessions, (select count(*) from agno_runs) as runs")[0];

const sessionsLeft = (file: string) =>
  query<{ sessions: number }>(file, "select count(*) as sessions from agno_sessions")[0]?.sessions ?? 0;

describe("deleteSessions with a filter", () => {
  const filter = { sessionType: "agent" } as const;

  test("commits in batches, and a failure reports how many sessions are gone", { timeout: 30_000 }, async () => {
    const { file, db } = await withSessions(1200);
    query(
      file,
      "create trigger keep_one before delete on agno_sessions when old.session_id = 's0700' begin select raise(abort, 'kept'); end",
    );
    const error = await refusal(db.deleteSessions({ filter }), "PARTIAL_DELETE");
    expect(error).toMatchObject({ deleted: 500, cause: { code: "DATABASE_ERROR" } });
    expect(counts(file)).toEqual({ sessions: 700, runs: 700 });
    // Repeated while the fault lasts, nothing is gone, so it is the fault itself that is told.
    await refusal(db.deleteSessions({ filter }), "DATABASE_ERROR");
    expect(counts(file)).toEqual({ sessions: 700, runs: 700 });
    query(file, "drop trigger keep_one");
    expect(await db.forUser("u").deleteSessions({ filter })).toBe(700);
    expect(counts(file)).toEqual({ sessions: 0, runs: 0 });
    await db.close();
  });

  test("stops between two batches when aborted", { timeout: 30_000 }, async () => {
    const { file, db } = await withSessions(2500);
    const controller = new AbortController();
    const reason = new Error("enough");
    const timer = setInterval(() => {
      if (sessionsLeft(file) < 2500) {
        controller.abort(reason);
      }
    });
    const error = await refusal(db.deleteSessions({ filter, signal: controller.signal }), "PARTIAL_DELETE");
    clearInterval(timer);
    expect(error.cause).toBe(reason);
    expect(sessionsLeft(file)).toBeGreaterThan(0);
    expect(error).toMatchObject({ deleted: 2500 - sessionsLeft(file) });
    await db.close();
  });

  test("fails if the database deletes fewer rows than asked, and deletes no run", async () => {
    const { file, db } = await withSessions(3);
    query(file, "create trigger keep_all before delete on agno_sessions begin select raise(ignore); end");
    for (const call of [() => db.deleteSessions({ filter }), () => db.deleteSession({ sessionId: "s0000" })]) {
      expect((await refusal(call(), "DATABASE_ERROR")).message).toContain("agno_sessions");
    }
    expect(counts(file)).toEqual({ sessions: 3, runs: 3 });
    await db.close();
  });

  test("deletes named sessions all or not at all", async () => {
    const { file, db } = await withSessions(600);
    query(
      file,
      "create trigger keep_one before delete on agno_sessions when old.session_id = 's0599' begin select raise(abort, 'kept'); end",
    );
    const sessionIds = Array.from({ length: 600 }, (_, index) => `s${String(index).padStart(4, "0")}`);
    await refusal(db.deleteSessions({ sessionIds }), "DATABASE_ERROR");
    expect(counts(file)).toEqual({ sessions: 600, runs: 600 });
    await db.close();
  });
});

describe("a session that the database fails to insert", () => {
  test("is reported with the table's name by every write that would create it", async () => {
    const { file, db } = await withSessions(1);
    query(file, "create trigger refuse before insert on agno_sessions begin select raise(ignore); end");
    const session = agentSession("new");
    for (const write of [
      () => db.upsertSession(session),
      () => db.upsertSessions([agentSession("s0000", { userId: "u" }), session]),
      () => db.upsertRun({ session, run: agentRun("r") }),
      () => db.upsertRun({ session, run: agentRun("r"), change: { sessionName: "x" } }),
      () => db.upsertRun({ session, run: agentRun("r"), onlyIfNewest: null }),
      () =>
        db.upsertRun({
          session: agentSession("s0000", { userId: "u" }),
          run: agentRun("r"),
          also: [{ session, change: { sessionName: "x" } }],
        }),
    ]) {
      const error = await refusal(write(), "DATABASE_ERROR");
      expect(error.message).toContain("agno_sessions");
      expect(error.message).toContain("trigger");
    }
    expect(counts(file)).toEqual({ sessions: 1, runs: 1 });
    await db.close();
  });
});
