import type { RunRow, SessionRow } from "@sessiondb/core/adapter";
import { sessionTables, SqliteSessionDb } from "@sessiondb/sqlite";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import Database from "better-sqlite3";
import { count, desc, eq, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/better-sqlite3";
import { describe, expect, expectTypeOf, test } from "vitest";
import { fixture, temporaryFile } from "./support.ts";

describe("the Drizzle tables", () => {
  test("have rows of the contract's types", () => {
    const { sessions, runs } = sessionTables();
    expectTypeOf<typeof sessions.$inferSelect>().toEqualTypeOf<SessionRow>();
    expectTypeOf<typeof runs.$inferSelect>().toEqualTypeOf<RunRow>();
  });

  test("serve the application's own queries", async () => {
    const client = new Database(temporaryFile());
    const names = { sessionTable: "my sessions" };
    await using db = new SqliteSessionDb({ client, ...names });
    const session = agentSession("s", { userId: "u", metadata: { plan: "gold" }, sessionData: { session_name: "é" } });
    await db.upsertRun({ session, run: agentRun("r1", { createdAt: 1 }) });
    await db.upsertRun({ session, run: agentRun("r2", { createdAt: 2 }) });

    const { sessions, runs } = sessionTables(names);
    const own = drizzle(client, { schema: { sessions, runs } });
    const rows = own
      .select({ user: sessions.userId, metadata: sessions.metadata, runs: count() })
      .from(sessions)
      .innerJoin(runs, eq(runs.sessionId, sessions.sessionId))
      .groupBy(sessions.sessionId)
      .all();
    expect(rows).toEqual([{ user: "u", metadata: { plan: "gold" }, runs: 2 }]);
    const [newest] = own.select().from(runs).orderBy(desc(runs.runIndex)).limit(1).all();
    expect(newest).toMatchObject({ runId: "r2", runIndex: 1, createdAt: 2, status: "COMPLETED", agentId: "agent-1" });
    expect(newest?.runData).toMatchObject({ run_id: "r2", content: "Answer of r2" });
    // One document per column, so SQL can look into it.
    const named = own
      .select({ name: sql<string>`${sessions.sessionData} ->> 'session_name'` })
      .from(sessions)
      .all();
    expect(named).toEqual([{ name: "é" }]);
    client.close();
  });

  test("write rows that the store reads", async () => {
    const client = new Database(temporaryFile());
    await using db = new SqliteSessionDb({ client });
    await db.migrate();
    const { sessions } = sessionTables();
    const row = {
      sessionId: "s",
      sessionType: "team",
      teamId: "t",
      sessionData: { session_name: "Mine" },
      createdAt: 5,
    };
    drizzle(client).insert(sessions).values(row).run();
    const session = await db.getSession({ sessionId: "s" });
    expect(session).toMatchObject({ sessionType: "team", componentId: "t", sessionName: "Mine", createdAt: 5 });
    client.close();
  });

  test("read the double encoding that Agno writes", () => {
    const client = new Database(fixture("agno-3"), { readonly: true });
    const { sessions } = sessionTables();
    const [row] = drizzle(client).select({ data: sessions.sessionData }).from(sessions).all();
    expect(row?.data).toMatchObject({ session_state: {} });
    client.close();
  });
});
