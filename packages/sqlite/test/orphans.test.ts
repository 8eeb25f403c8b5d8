import { SqliteSessionDb } from "@sessiondb/sqlite";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { refusal } from "@sessiondb/testing/refusal";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { query, temporaryFile } from "./support.ts";

// A program that deletes sessions with foreign keys off, as SQLite has them by default, leaves their runs behind.

test("runs without a session are never adopted by another user", async () => {
  const file = temporaryFile();
  await using db = new SqliteSessionDb({ file });
  await db.upsertRun({
    session: agentSession("s", { userId: "ada" }),
    run: agentRun("r", { content: "For Ada only." }),
  });
  const other = new Database(file);
  other.pragma("foreign_keys = off");
  other.exec("delete from agno_sessions");
  other.close();
  const bob = db.forUser("bob");
  const calls = [
    () => bob.upsertRun({ session: agentSession("s"), run: agentRun("r2") }),
    () => bob.upsertRun({ session: agentSession("s"), run: agentRun("r2"), change: { sessionName: "x" } }),
    () => bob.upsertSession(agentSession("s", { runs: [agentRun("r2")] })),
    () => db.upsertSessions([agentSession("t"), agentSession("s")]),
    () =>
      bob.upsertRun({
        session: agentSession("t"),
        run: agentRun("r2"),
        also: [{ session: agentSession("s"), change: {} }],
      }),
  ];
  for (const call of calls) {
    const error = await refusal(call(), "DATABASE_ERROR");
    expect(error.message).toContain("agno_runs holds runs of session");
    expect(error.message).not.toContain("For Ada only.");
  }
  expect(await bob.getSession({ sessionId: "s" })).toBeNull();
  expect((await db.getSessions()).sessions).toEqual([]);
  expect(query(file, "select run_id from agno_runs")).toEqual([{ run_id: "r" }]);
});
