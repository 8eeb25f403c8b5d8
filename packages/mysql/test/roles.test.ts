import { MySqlSessionDb } from "@sessiondb/mysql";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { refusal } from "@sessiondb/testing/refusal";
import { expect, test } from "vitest";
import { freshDatabase, onEachServer, query } from "./support.ts";

/** The URL of the database for a new user with these rights on it. */
async function asRole(url: string, rights: string): Promise<string> {
  const database = new URL(url).pathname.slice(1);
  await query(url, `create user ${database}@'%' identified by 'secret'`);
  await query(url, `grant ${rights} on ${database}.* to ${database}@'%'`);
  return Object.assign(new URL(url), { username: database, password: "secret" }).href;
}

const dml = "select, insert, update, delete";

onEachServer((server) => {
  test("a role that may only read and write rows does everything but create tables", async () => {
    const url = await freshDatabase(server.url);
    await using owner = new MySqlSessionDb({ url });
    await owner.migrate();
    await using db = new MySqlSessionDb({ url: await asRole(url, dml) });
    await db.upsertRun({ session: agentSession("a", { userId: "ann" }), run: agentRun("r1") });
    await db.upsertRun({
      session: agentSession("a", { userId: "ann" }),
      run: agentRun("r2"),
      change: { sessionName: "Trip" },
    });
    await db.upsertSessions([agentSession("b", { userId: "ben" }), agentSession("c")]);
    await db.updateSession({ sessionId: "b" }, () => ({ sessionState: { count: 1 } }));
    expect((await db.getSession({ sessionId: "a" }))?.runs).toHaveLength(2);
    expect((await db.getSessions({ sessionName: "trip", includeTotal: true })).total).toBe(1);
    expect((await db.getRuns({ sessionId: "a" })).runs).toHaveLength(2);
    expect(await db.deleteRuns({ runIds: ["r1"] })).toBe(1);
    expect(await db.deleteSessions({ sessionIds: ["b", "c"] })).toBe(2);
    expect(await db.verifySchema()).toEqual([]);
    expect(await db.planMigration()).toEqual([]);
    await db.migrateLegacyRuns();
    // With nothing to do there is no statement that could be refused.
    await db.migrate();
  });

  test("a role that may not create tables learns which statement was refused, and how to get the SQL", async () => {
    const url = await freshDatabase(server.url);
    await using db = new MySqlSessionDb({ url: await asRole(url, dml) });
    const error = await refusal(db.upsertRun({ session: agentSession("a"), run: agentRun("r") }), "PERMISSION_DENIED");
    expect(error.message).toContain("CREATE TABLE `agno_schema_versions`");
    expect(error.message).toContain("planMigration()");
    for (const statement of await db.planMigration()) {
      await query(url, statement);
    }
    await db.upsertRun({ session: agentSession("a"), run: agentRun("r") });
    expect(await db.verifySchema()).toEqual([]);
  });

  test("no DDL is issued without autoMigrate", async () => {
    const url = await freshDatabase(server.url);
    await using db = new MySqlSessionDb({ url, autoMigrate: false });
    const error = await refusal(db.upsertRun({ session: agentSession("a"), run: agentRun("r") }), "SCHEMA_MISMATCH");
    expect(error.message).toContain("planMigration()");
    expect(await query(url, "show tables")).toEqual([]);
  });

  test("a role that may only read can read, and its writes are refused", async () => {
    const url = await freshDatabase(server.url);
    await using owner = new MySqlSessionDb({ url });
    await owner.upsertRun({ session: agentSession("a"), run: agentRun("r") });
    await using db = new MySqlSessionDb({ url: await asRole(url, "select") });
    expect((await db.getSession({ sessionId: "a" }))?.runs).toHaveLength(1);
    await refusal(db.upsertRun({ session: agentSession("a"), run: agentRun("r2") }), "PERMISSION_DENIED");
  });
});
