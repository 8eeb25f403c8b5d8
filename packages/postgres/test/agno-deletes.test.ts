import type { SessionDb } from "@sessiondb/core";
import pg from "pg";
import { describe, expect, inject, test } from "vitest";
import {
  agnoDeleteTests,
  agnoTableSets,
  createAgnoTables,
  fillAgnoTables,
  type AgnoTableName,
} from "@sessiondb/testing/agno-deletes";
import { PostgresSessionDb } from "@sessiondb/postgres";
import { recording } from "@sessiondb/testing/recording";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { agnoDatabase, role, roleUrl, url } from "./agno-delete-site.ts";
import { plansOf } from "./plans.ts";

const refused = (call: Promise<unknown>) => call.catch((error: unknown) => error);

describe.skipIf(inject("postgres") === null)("deletes next to Agno's tables", () => {
  const { client, query, fresh } = agnoDatabase();

  agnoDeleteTests(fresh, agnoTableSets.usual);

  const all: readonly AgnoTableName[] = [
    "agno_tool_results",
    "agno_fs",
    "agno_transcripts",
    "agno_compactions",
    "agno_learnings",
  ];

  test("find Agno's tables in the schema that the search path leads to", async () => {
    const site = await fresh();
    await query(`set search_path = ${site.schema}`);
    await using db = new PostgresSessionDb({ client });
    await createAgnoTables(site, all);
    await db.upsertSession(agentSession("a"));
    await fillAgnoTables(site, all, "a");
    expect(await db.deleteSession({ sessionId: "a" })).toBe(true);
    expect(await query(`select 1 from agno_compactions union all select 1 from agno_tool_results`)).toEqual([]);
    expect(await query(`select path from fs.agno_fs`)).toEqual([{ path: "of the agent" }]);
    // What was found may go with its schema.
    await query("drop schema fs cascade");
    await db.upsertSession(agentSession("a"));
    expect(await db.deleteSession({ sessionId: "a" })).toBe(true);
    await query("reset search_path");
  });

  test("read the catalogue once, and never again once every table was found", async () => {
    const site = await fresh();
    const texts: string[] = [];
    const watched = recording(client, ({ text }) => texts.push(text));
    await using db = new PostgresSessionDb({ client: watched, schema: site.schema });
    const looksOf = async (work: () => Promise<unknown>): Promise<[looks: number, deletes: number]> => {
      texts.length = 0;
      await work();
      const deletes = texts.filter((text) => text.startsWith("delete "));
      return [texts.filter((text) => text.includes("pg_catalog")).length, deletes.length];
    };
    await db.upsertSessions(["a", "b", "c", "d"].map((sessionId) => agentSession(sessionId)));
    const remove = (sessionId: string) => looksOf(() => db.deleteSession({ sessionId }));
    expect(await remove("nowhere")).toEqual([0, 0]);
    expect(await remove("a")).toEqual([1, 2]);
    await createAgnoTables(site, ["agno_compactions"]);
    expect(await remove("b")).toEqual([1, 3]);
    await createAgnoTables(site, ["agno_tool_results", "agno_fs", "agno_transcripts", "agno_learnings"]);
    expect(await remove("c")).toEqual([1, 7]);
    expect(await remove("d")).toEqual([0, 7]);
    expect(await looksOf(() => db.upsertRun({ session: agentSession("e"), run: agentRun("r") }))).toEqual([0, 0]);
  });

  test("find their rows by an index", { timeout: 60_000 }, async () => {
    const site = await fresh();
    const { schema } = site;
    await using db = site.open();
    await db.upsertSessions(["s1", "s2"].map((sessionId) => agentSession(sessionId)));
    await createAgnoTables(site, all);
    await query(`
      create index on ${schema}.agno_tool_results (session_id);
      create index on ${schema}.agno_transcripts (agno_session_id);
      create index on ${schema}.agno_compactions (session_id);
      create index on ${schema}.agno_learnings (session_id);
      insert into ${schema}.agno_tool_results select 'r' || i, 'n' || i / 10, 'p' || i, 's' || i / 10 from generate_series(0, 49999) i;
      insert into fs.agno_fs select 'n' || i / 10, '', 'p' || i, 'text' from generate_series(0, 49999) i;
      insert into ${schema}.agno_transcripts select 'claude', 'x' || i, 0, 'said', 's' || i / 10 from generate_series(0, 49999) i;
      insert into ${schema}.agno_compactions select 'c' || i, 's' || i / 10, 'said' from generate_series(0, 49999) i;
      insert into ${schema}.agno_learnings select 'l' || i, 's' || i / 10, 'session_context', 'said' from generate_series(0, 49999) i;
      analyze`);
    const plans = await plansOf(client, { schema }, (store) => store.deleteSession({ sessionId: "s1" }));
    const ofAgno = plans.filter(({ text }) => /delete from .*agno_(?!sessions|runs)/.test(text));
    expect(ofAgno).toHaveLength(5);
    for (const { steps } of ofAgno) {
      expect(steps).not.toContain("Seq Scan");
    }
    expect(await query("select 1 from fs.agno_fs")).toHaveLength(49_990);
  });

  const ownGrants = (schema: string): string =>
    `grant usage on schema ${schema} to ${role};
     grant select, insert, update, delete on ${schema}.agno_sessions, ${schema}.agno_runs, ${schema}.agno_schema_versions to ${role}`;

  test.each([...all])(
    "of a role without rights to %s delete nothing and name the table",
    { timeout: 60_000 },
    async (table) => {
      const site = await fresh();
      const { schema } = site;
      await using owner = site.open();
      await owner.migrate();
      const tables = all.filter((each) => each === table || (table === "agno_fs" && each === "agno_tool_results"));
      await createAgnoTables(site, tables);
      await query(ownGrants(schema));
      for (const granted of tables.filter((each) => each !== table)) {
        await query(`grant select, delete on ${site.tableName(granted)} to ${role}`);
      }
      await using db = new PostgresSessionDb({ url: roleUrl.href, schema });
      await db.upsertSessions([
        agentSession("a", { runs: [agentRun("r")], userId: "ada" }),
        agentSession("b", { userId: "ada" }),
      ]);
      await fillAgnoTables(site, tables, "a");
      // All rights are missing; then, on Postgres's own word, one after the other.
      const where = table === "agno_fs" ? ["USAGE of schema fs"] : [];
      const steps: [grant: string, missing: string[]][] = [
        ["select 1", [...where, "SELECT", "DELETE"]],
        [`grant usage on schema ${table === "agno_fs" ? "fs" : schema} to ${role}`, ["SELECT", "DELETE"]],
        [`grant delete on ${site.tableName(table)} to ${role}`, ["SELECT"]],
      ];
      for (const [grant, missing] of steps) {
        await query(grant);
        expect(await db.verifySchema()).toEqual([
          { table, column: null, wanted: "SELECT and DELETE", found: `no ${missing.join(", ")}` },
        ]);
        for (const call of [
          () => db.deleteSession({ sessionId: "a" }),
          () => db.deleteSessions({ filter: {}, userId: "ada" }),
          () => inCallersTransaction((within) => within.deleteSession({ sessionId: "a" }), schema),
        ]) {
          const error = await refused(call());
          expect(error).toMatchObject({ code: "PERMISSION_DENIED" });
          expect(String(error)).toContain(table);
          expect((await db.getSession({ sessionId: "a" }))?.runs).toHaveLength(1);
        }
        for (const each of tables) {
          expect((await query(`select 1 from ${site.tableName(each)}`)).length).toBeGreaterThan(0);
        }
      }
      await query(`grant select on ${site.tableName(table)} to ${role}`);
      expect(await db.verifySchema()).toEqual([]);
      expect(await db.deleteSessions({ filter: {}, userId: "ada" })).toBe(2);
      await query(`drop owned by ${role}`);
    },
  );

  /** A delete in a transaction of the role's, in which another statement then succeeds all the same. */
  async function inCallersTransaction(work: (within: SessionDb) => Promise<unknown>, schema: string): Promise<void> {
    const connection = new pg.Client({ connectionString: roleUrl.href });
    await connection.connect();
    try {
      await connection.query("begin");
      const within = new PostgresSessionDb({ client: connection, schema }).withTransaction(connection);
      const error = await refused(work(within));
      await connection.query("select 1");
      throw error;
    } finally {
      await connection.end();
    }
  }

  test("need no right to Agno's files if the table that leads to them is missing", async () => {
    const site = await fresh();
    await using owner = site.open();
    await owner.migrate();
    await createAgnoTables(site, ["agno_fs"]);
    await query(ownGrants(site.schema));
    await using db = new PostgresSessionDb({ url: roleUrl.href, schema: site.schema });
    await db.upsertSession(agentSession("a"));
    expect(await db.verifySchema()).toEqual([]);
    expect(await db.deleteSession({ sessionId: "a" })).toBe(true);
    await query(`drop owned by ${role}`);
  });

  /** As Agno 3.1.10 ties the lease of a sandbox to its session and to the run that holds it. */
  const sandboxes = (schema: string): string => `
    create table ${schema}.agno_sessions_sandbox_bindings (namespace varchar not null, session_id varchar not null,
      run_id varchar, primary key (namespace, session_id),
      foreign key (session_id) references ${schema}.agno_sessions (session_id) on delete cascade,
      foreign key (run_id) references ${schema}.agno_runs (run_id));
    insert into ${schema}.agno_sessions_sandbox_bindings values ('computer', 'a', 'r2')`;

  const session = agentSession("a", { userId: "ada" });
  const held = async (): Promise<{ readonly db: PostgresSessionDb; readonly schema: string }> => {
    const { schema } = await fresh();
    const db = new PostgresSessionDb({ client, schema });
    await db.upsertSession({ ...session, runs: [agentRun("r1"), agentRun("r2"), agentRun("r3")] });
    await query(sandboxes(schema));
    return { db, schema };
  };

  test.each<[string, (db: SessionDb) => Promise<unknown>, unknown]>([
    ["deleteSession", (db) => db.deleteSession({ sessionId: "a" }), true],
    ["deleteSessions by id", (db) => db.deleteSessions({ sessionIds: ["a"] }), 1],
    ["deleteSessions by filter", (db) => db.deleteSessions({ filter: { endTimestamp: 4e9 } }), 1],
    ["deleteSessions of a handle", (db) => db.forUser("ada").deleteSessions({ filter: {} }), 1],
  ])("%s deletes the lease of a sandbox with its run", async (_, remove, wanted) => {
    const { db, schema } = await held();
    expect(await remove(db)).toBe(wanted);
    expect(await query(`select 1 from ${schema}.agno_sessions_sandbox_bindings`)).toEqual([]);
    expect(await query(`select 1 from ${schema}.agno_runs`)).toEqual([]);
  });

  test.each<[string, (db: SessionDb) => Promise<unknown>]>([
    ["deleteRuns", (db) => db.deleteRuns({ runIds: ["r1", "r2"] })],
    ["deleteRuns of a user", (db) => db.deleteRuns({ runIds: ["r2"], userId: "ada" })],
    ["updateRun to null", (db) => db.updateRun({ runId: "r2" }, () => null)],
    ["deleteRunsAfter", (db) => db.upsertRun({ session, run: agentRun("r4"), deleteRunsAfter: "r1" })],
  ])("%s of a run that a sandbox uses names the table that references it", async (_, remove) => {
    const { db, schema } = await held();
    for (const within of [false, true]) {
      await query("begin");
      const error = await refused(
        remove(within ? db.withTransaction(client) : new PostgresSessionDb({ client: await other(), schema })),
      );
      await query("rollback");
      expect(error).toMatchObject({ code: "IN_USE", name: "InUseError", table: "agno_sessions_sandbox_bindings" });
      expect(String(error)).toContain("agno_sessions_sandbox_bindings");
      expect((await db.getRuns({ sessionId: "a" })).runs.map(({ runId }) => runId)).toEqual(["r1", "r2", "r3"]);
    }
    await query(`update ${schema}.agno_sessions_sandbox_bindings set run_id = null`);
    await remove(db);
    expect((await db.getRuns({ sessionId: "a" })).runs.map(({ runId }) => runId)).not.toContain("r2");
    await Promise.all(opened.splice(0).map((each) => each.end()));
  });

  const opened: pg.Client[] = [];
  async function other(): Promise<pg.Client> {
    const connection = new pg.Client({ connectionString: url.href });
    opened.push(connection);
    await connection.connect();
    return connection;
  }

  test.each([
    ["without a foreign key", ""],
    [
      "with one without ON DELETE",
      "alter table agno_runs add foreign key (session_id) references agno_sessions (session_id)",
    ],
  ])("clear runs %s, too", async (_, then) => {
    const { schema } = await fresh();
    await using db = new PostgresSessionDb({ client, schema });
    await db.upsertSession({ ...session, runs: [agentRun("r1")] });
    await query(
      `set search_path = ${schema}; alter table agno_runs drop constraint agno_runs_session_id_fkey; ${then}; reset search_path`,
    );
    expect(await db.deleteSession({ sessionId: "a" })).toBe(true);
    expect((await db.getRuns()).runs).toEqual([]);
  });

  test("that another foreign key forbids name its table", async () => {
    const { schema } = await fresh();
    await using db = new PostgresSessionDb({ client, schema });
    await db.upsertSession({ ...session, runs: [agentRun("r1")] });
    await query(
      `create table ${schema}.orders (run_id varchar references ${schema}.agno_runs); insert into ${schema}.orders values ('r1')`,
    );
    const error = await refused(db.deleteSession({ sessionId: "a" }));
    expect(error).toMatchObject({ code: "IN_USE", table: "orders" });
    expect((await db.getSession({ sessionId: "a" }))?.runs).toHaveLength(1);
  });
});
