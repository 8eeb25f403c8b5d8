import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { PostgresSessionDb } from "@sessiondb/postgres";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { agno2Table } from "./agno-tables.ts";
import { recorded } from "./plans.ts";
import { Sandbox } from "./support.ts";

describe.skipIf(inject("postgres") === null)("roles", () => {
  const sandbox = new Sandbox("postgres");
  const role = `sessiondb_app_${randomBytes(4).toString("hex")}`;
  const url = new URL(sandbox.url || "postgres://localhost");
  url.username = role;
  url.password = "app's secret";
  beforeAll(() => sandbox.query(`create role ${role} login password 'app''s secret'`));
  afterAll(() => sandbox.query(`drop owned by ${role}`, `drop role ${role}`));

  /** The least that a role needs once the tables are there. */
  const grants = (schema: string): string[] => [
    `grant usage on schema ${schema} to ${role}`,
    `grant select, insert, update, delete on ${schema}.agno_sessions, ${schema}.agno_runs, ${schema}.agno_schema_versions to ${role}`,
  ];

  test("one that may only read and write rows does everything but migrate, and issues no DDL", async () => {
    const schema = sandbox.schema();
    await using admin = new PostgresSessionDb({ url: sandbox.url, schema });
    await admin.migrate();
    await sandbox.query(...grants(schema));
    await using db = new PostgresSessionDb({ url: url.href, schema });
    const session = agentSession("s", { userId: "u" });
    await db.upsertRun({ session, run: agentRun("r1") });
    await db.upsertRun({ session, run: agentRun("r2"), change: { sessionState: { a: 1 } } });
    await db.upsertSessions([agentSession("t"), agentSession("w")]);
    await db.updateSession({ sessionId: "s", userId: "u" }, { metadata: { b: 2 } });
    await db.renameSession({ sessionId: "s", userId: "u", sessionName: "Name" });
    expect((await db.getSession({ sessionId: "s", runsLimit: 1 }))?.runs).toHaveLength(1);
    expect((await db.getSessions({ includeTotal: true, includeRuns: true })).total).toBe(3);
    expect((await db.getRuns({ sessionId: "s" })).runs).toHaveLength(2);
    expect(await db.getRun({ runId: "r1" })).not.toBeNull();
    expect(await db.deleteRuns({ runIds: ["r1"] })).toBe(1);
    expect(await db.deleteSession({ sessionId: "t" })).toBe(true);
    expect(await db.deleteSessions({ filter: { componentId: "agent-1" } })).toBe(2);
    expect(await db.verifySchema()).toEqual([]);
    expect(await db.planMigration()).toEqual([]);
    await db.migrate();
    expect(await db.migrateLegacyRuns()).toEqual({ sessions: 0, runs: 0, skipped: 0 });

    const client = await sandbox.connect();
    const statements = await recorded(client, async (recording) => {
      const watched = new PostgresSessionDb({ client: recording, schema });
      await watched.upsertRun({ session, run: agentRun("r") });
    });
    await client.end();
    expect(statements.map(({ text }) => text).filter((text) => /^\s*(create|alter|drop)|advisory/i.test(text))).toEqual(
      [],
    );
  });

  test("one without CREATE on the schema learns which statement was refused, and how to get the SQL", async () => {
    const schema = sandbox.schema();
    await sandbox.query(`create schema ${schema}`, `grant usage on schema ${schema} to ${role}`);
    await using db = new PostgresSessionDb({ url: url.href, schema });
    const refused = await db.getSession({ sessionId: "s" }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "PERMISSION_DENIED" });
    expect(String(refused)).toContain("CREATE TABLE");
    expect(String(refused)).toContain("planMigration()");
    expect(String(refused)).not.toContain("secret");
    // A role that may runs the plan; then the store works without being opened anew.
    await sandbox.query(...(await db.planMigration()), ...grants(schema));
    await db.upsertRun({ session: agentSession("s"), run: agentRun("r") });
    expect(await db.getSession({ sessionId: "s" })).not.toBeNull();
  });

  test("one that may not create schemas learns so", async () => {
    const schema = sandbox.schema();
    await using db = new PostgresSessionDb({ url: url.href, schema });
    const refused = db.upsertRun({ session: agentSession("s"), run: agentRun("r") });
    await expect(refused).rejects.toMatchObject({
      code: "PERMISSION_DENIED",
      message: expect.stringContaining(`CREATE SCHEMA "${schema}"`) as string,
    });
  });

  test("one that may only read can read, even tables of Agno 2 without a runs table, and its writes are refused", async () => {
    const schema = sandbox.schema();
    await sandbox.query(
      ...agno2Table(schema),
      `insert into ${schema}.agno_sessions (session_id, session_type, agent_id, runs, created_at)
       values ('s', 'agent', 'a', '[{"run_id": "old", "agent_id": "a"}]', 1)`,
      `grant usage on schema ${schema} to ${role}`,
      `grant select on ${schema}.agno_sessions to ${role}`,
    );
    await using db = new PostgresSessionDb({ url: url.href, schema });
    expect((await db.getSession({ sessionId: "s" }))?.runs.map(({ runId }) => runId)).toEqual(["old"]);
    await expect(db.renameSession({ sessionId: "s", sessionName: "x" })).rejects.toMatchObject({
      code: "SCHEMA_MISMATCH",
    });
  });

  test("autoMigrate: false issues no DDL even if the role may", async () => {
    const schema = sandbox.schema();
    await using db = new PostgresSessionDb({ url: sandbox.url, schema, autoMigrate: false });
    await expect(db.upsertSession(agentSession("s"))).rejects.toMatchObject({ code: "SCHEMA_MISMATCH" });
    expect(await sandbox.query(`select 1 from pg_namespace where nspname = '${schema}'`)).toEqual([]);
  });

  test("a wrong login is refused without showing the password", async () => {
    await using db = new PostgresSessionDb({ url: sandbox.url.replace("postgres@", "nobody:s3cr3t@") });
    const refused = await db.getSession({ sessionId: "s" }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "PERMISSION_DENIED" });
    expect(String(refused)).not.toContain("s3cr3t");
  });
});
