import { expect, inject, test } from "vitest";
import { PostgresSessionDb } from "../src/index.ts";
test.each(["postgres", "newerPostgres", "pgBouncer"] as const)("%s", async (key) => {
  await using db = new PostgresSessionDb({ url: inject(key) as string, schema: "smoke" });
  const session = {
    sessionId: "s",
    sessionType: "agent" as const,
    agentId: "a",
    userId: "u",
    sessionData: { session_name: "ÅNGSTRÖM Σίσυφος" },
  };
  for (let i = 0; i < 5; i++)
    await db.upsertRun({
      session,
      run: { runId: `r${i}`, runType: "agent", agentId: "a", status: "COMPLETED", content: "x" } as never,
    });
  expect((await db.getSession({ sessionId: "s", runsLimit: 2 }))?.runs.map((r) => r.runId)).toEqual(["r3", "r4"]);
  expect((await db.getSession({ sessionId: "s" }))?.runs.map((r) => r.runId)).toEqual(["r0", "r1", "r2", "r3", "r4"]);
  expect((await db.getRuns({ sessionId: "s", limit: 2 })).runs.map((r) => r.runId)).toEqual(["r0", "r1"]);
  expect((await db.getSessions({ sessionName: "ångström σίσυφος" })).sessions.length).toBe(1);
  expect(await db.verifySchema()).toEqual([]);
  expect(await db.planMigration()).toEqual([]);
  await db.updateSession({ sessionId: "s" }, () => ({ sessionState: { a: 1 } }));
  expect(await db.deleteRuns({ runIds: ["r1"] })).toBe(1);
  expect(await db.deleteSession({ sessionId: "s" })).toBe(true);
});
