import type { RunRow, SessionRow } from "@sessiondb/core/adapter";
import { count, desc, eq } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import { describe, expect, expectTypeOf, inject, test } from "vitest";
import { PostgresSessionDb, sessionTables } from "@sessiondb/postgres";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { agno2Table, agno3Tables } from "./agno-tables.ts";
import { Sandbox } from "./support.ts";

test("the Drizzle tables have rows of the contract's types", () => {
  const { sessions, runs } = sessionTables();
  expectTypeOf<typeof sessions.$inferSelect>().toEqualTypeOf<SessionRow>();
  expectTypeOf<typeof runs.$inferSelect>().toEqualTypeOf<RunRow>();
});

describe.skipIf(inject("postgres") === null)("tables", () => {
  const sandbox = new Sandbox("postgres");
  const { url } = sandbox;

  const columnsIn = (schema: string) =>
    sandbox.query(`select table_name, column_name, ordinal_position, data_type, character_maximum_length, is_nullable,
      column_default, collation_name from information_schema.columns where table_schema = '${schema}' order by 1, 3`);
  const constraintsIn = (schema: string) =>
    sandbox.query(`select conrelid::regclass::text as "table", conname, contype, pg_get_constraintdef(oid) as definition
      from pg_constraint where connamespace = '${schema}'::regnamespace and contype <> 'n' order by 1, 2`);
  const indexesIn = (schema: string) =>
    sandbox.query(`select indexname, indexdef from pg_indexes where schemaname = '${schema}' order by 1`);
  const withoutSchema = (rows: unknown, schema: string): unknown =>
    JSON.parse(JSON.stringify(rows).replaceAll(`${schema}.`, ""));

  test("match those that Agno creates: columns, types, keys, and its indexes on request", async () => {
    const [ours, theirs] = [sandbox.schema(), sandbox.schema()];
    await sandbox.query(...agno3Tables(theirs));
    await using db = new PostgresSessionDb({ url, schema: ours, indexes: "agno" });
    await db.migrate();
    expect(await columnsIn(ours)).toEqual(await columnsIn(theirs));
    expect(withoutSchema(await constraintsIn(ours), ours)).toEqual(withoutSchema(await constraintsIn(theirs), theirs));
    const made = withoutSchema(await indexesIn(ours), ours) as unknown[];
    expect(made).toEqual(expect.arrayContaining(withoutSchema(await indexesIn(theirs), theirs) as unknown[]));
    const versions = await sandbox.query(
      `select table_name, version, created_at from ${ours}.agno_schema_versions order by 1`,
    );
    expect(versions).toEqual([
      {
        table_name: "agno_runs",
        version: "3.0.0",
        created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{6}$/),
      },
      { table_name: "agno_sessions", version: "3.0.0", created_at: expect.anything() },
    ]);
  });

  test("have few indexes by default", async () => {
    const schema = sandbox.schema();
    await using db = new PostgresSessionDb({ url, schema });
    await db.migrate();
    expect((await indexesIn(schema)).map(({ indexname }) => indexname)).toEqual([
      "agno_runs_pkey",
      "agno_schema_versions_pkey",
      "agno_sessions_pkey",
      "idx_agno_runs_agent_id_created_at",
      "idx_agno_runs_created_at_run_id",
      "idx_agno_runs_session_id_run_index",
      "idx_agno_runs_status_created_at",
      "idx_agno_runs_team_id_created_at",
      "idx_agno_runs_user_id_session_id",
      "idx_agno_runs_workflow_id_created_at",
      "idx_agno_sessions_agent_id_created_at",
      "idx_agno_sessions_created_at_session_id",
      "idx_agno_sessions_team_id_created_at",
      "idx_agno_sessions_updated_at_session_id",
      "idx_agno_sessions_user_id_created_at",
      "idx_agno_sessions_user_id_updated_at",
      "idx_agno_sessions_workflow_id_created_at",
    ]);
    expect(await db.planMigration()).toEqual([]);
  });

  test("that Agno 3 made are valid as they are, and migrate adds the indexes they lack", async () => {
    const schema = sandbox.schema();
    await sandbox.query(...agno3Tables(schema));
    await using db = new PostgresSessionDb({ url, schema });
    expect(await db.verifySchema()).toEqual([]);
    await db.upsertRun({ session: agentSession("s"), run: agentRun("r") });
    const before = await indexesIn(schema);
    expect(await db.planMigration()).toHaveLength(13);
    await db.migrate();
    expect(await db.planMigration()).toEqual([]);
    expect(await indexesIn(schema)).toHaveLength(before.length + 13);
  });

  test("that Agno 2 made with json columns work, including names and runs of both kinds", async () => {
    const schema = sandbox.schema();
    const json = ["session_data", "agent_data", "metadata", "runs", "summary"]
      .map((column) => `alter column ${column} type json using ${column}::json`)
      .join(", ");
    await sandbox.query(
      ...agno2Table(schema),
      `alter table ${schema}.agno_sessions ${json}`,
      `insert into ${schema}.agno_sessions (session_id, session_type, agent_id, session_data, runs, created_at)
       values ('s', 'agent', 'a', '{"session_name": "Ärger"}', '[{"run_id": "old", "agent_id": "a"}]', 1)`,
    );
    await using db = new PostgresSessionDb({ url, schema });
    await db.upsertRun({ session: agentSession("s"), run: agentRun("new") });
    expect((await db.getSessions({ sessionName: "äRGER" })).sessions).toHaveLength(1);
    expect((await db.getSession({ sessionId: "s" }))?.runs.map(({ runId }) => runId)).toEqual(["old", "new"]);
    expect(await db.migrateLegacyRuns()).toEqual({ sessions: 1, runs: 1, skipped: 0 });
    expect((await db.getSession({ sessionId: "s", runsLimit: 9 }))?.runs.map(({ runId }) => runId)).toEqual([
      "old",
      "new",
    ]);
    expect(await db.deleteRuns({ runIds: ["old"] })).toBe(1);
    expect((await db.getSession({ sessionId: "s" }))?.runs.map(({ runId }) => runId)).toEqual(["new"]);
  });

  test("hold runs without an index, which precede all others everywhere", async () => {
    const schema = sandbox.schema();
    await using db = new PostgresSessionDb({ url, schema });
    await db.upsertSession(agentSession("s", { runs: [agentRun("x0"), agentRun("x1"), agentRun("x2")] }));
    await sandbox.query(
      `insert into ${schema}.agno_runs (run_id, session_id, run_type, run_data, created_at)
       select id, 's', 'agent', jsonb_build_object('run_id', id, 'agent_id', 'a'), at from (values ('n2', 2), ('n1', 1), ('N3', 2)) as v (id, at)`,
    );
    const order = ["n1", "N3", "n2", "x0", "x1", "x2"];
    const idsOf = (runs: readonly { runId: string }[] | undefined) => runs?.map(({ runId }) => runId);
    expect(idsOf((await db.getSession({ sessionId: "s" }))?.runs)).toEqual(order);
    expect(idsOf((await db.getSessions({ includeRuns: true })).sessions[0]?.runs)).toEqual(order);
    for (const limit of [1, 3, 4, 5, 9]) {
      expect(idsOf((await db.getSession({ sessionId: "s", runsLimit: limit }))?.runs)).toEqual(order.slice(-limit));
      const [listed] = (await db.getSessions({ includeRuns: true, runsLimit: limit })).sessions;
      expect(idsOf(listed?.runs)).toEqual(order.slice(-limit));
    }
    for (const [direction, wanted] of [
      ["asc", order],
      ["desc", order.toReversed()],
    ] as const) {
      for (const limit of [1, 2, 4]) {
        const found: string[] = [];
        let cursor: string | null = null;
        do {
          const page = await db.getRuns({
            sessionId: "s",
            limit,
            sortOrder: direction,
            ...(cursor !== null && { cursor }),
          });
          found.push(...page.runs.map(({ runId }) => runId));
          cursor = page.nextCursor;
        } while (cursor !== null);
        expect(found).toEqual(wanted);
      }
    }
    await db.deleteRuns({ runIds: ["N3"] });
    const places = await sandbox.query(`select run_id, run_index::int from ${schema}.agno_runs order by run_index`);
    expect(places.map(({ run_id, run_index }) => [run_id, run_index])).toEqual(
      ["n1", "n2", "x0", "x1", "x2"].map((id, index) => [id, index]),
    );
  });

  test("serve the application's own queries", async () => {
    const schema = sandbox.schema();
    await using db = new PostgresSessionDb({ url, schema });
    await db.upsertSession(agentSession("s", { metadata: { plan: "gold" }, runs: [agentRun("r1"), agentRun("r2")] }));
    const { sessions, runs } = sessionTables({ schema });
    const client = await sandbox.connect();
    const own = drizzle(client, { schema: { sessions, runs } });
    const rows = await own
      .select({ metadata: sessions.metadata, runs: count() })
      .from(sessions)
      .innerJoin(runs, eq(runs.sessionId, sessions.sessionId))
      .groupBy(sessions.sessionId);
    expect(rows).toEqual([{ metadata: { plan: "gold" }, runs: 2 }]);
    const [newest] = await own.select().from(runs).orderBy(desc(runs.runIndex)).limit(1);
    expect(newest).toMatchObject({ runId: "r2", runIndex: 1, runData: { run_id: "r2", content: "Answer of r2" } });
    await own
      .insert(sessions)
      .values({ sessionId: "t", sessionType: "team", sessionData: { session_name: "Mine" }, createdAt: 5 });
    expect(await db.getSession({ sessionId: "t" })).toMatchObject({ sessionName: "Mine", createdAt: 5 });
    await client.end();
  });

  test("are found through the search path without a schema, and in public by name", async () => {
    const schema = sandbox.schema();
    await sandbox.query(`create schema ${schema}`);
    const client = await sandbox.connect();
    await client.query(`set search_path to ${schema}`);
    const db = new PostgresSessionDb({ client });
    await db.upsertRun({ session: agentSession("s"), run: agentRun("r") });
    expect(await sandbox.query(`select run_id from ${schema}.agno_runs`)).toEqual([{ run_id: "r" }]);
    const inPublic = new PostgresSessionDb({ client, schema: "public", autoMigrate: false });
    expect((await inPublic.planMigration())[0]).toContain(`CREATE TABLE "public".`);
    await client.end();
  });

  test("may have any name that Postgres accepts", async () => {
    const schema = `${sandbox.schema()} "quoted' . ü`;
    await using db = new PostgresSessionDb({ url, schema, sessionTable: `my "sessions' $1 ?`, indexes: "agno" });
    await db.upsertRun({ session: agentSession("s"), run: agentRun("r") });
    expect((await db.getSession({ sessionId: "s", runsLimit: 1 }))?.runs).toHaveLength(1);
    expect(await db.verifySchema()).toEqual([]);
    await sandbox.query(`drop schema "${schema.replaceAll('"', '""')}" cascade`);
  });

  test("of the wrong types are reported, column by column", async () => {
    const schema = sandbox.schema();
    await sandbox.query(
      ...agno3Tables(schema),
      `alter table ${schema}.agno_sessions alter column metadata type text, drop column summary`,
    );
    await using db = new PostgresSessionDb({ url, schema });
    expect(await db.verifySchema()).toEqual([
      { table: "agno_sessions", column: "metadata", wanted: "jsonb", found: "text" },
      { table: "agno_sessions", column: "summary", wanted: "jsonb", found: "nothing" },
    ]);
    await expect(db.getSession({ sessionId: "s" })).rejects.toMatchObject({ code: "SCHEMA_MISMATCH" });
  });
});
