import { randomBytes } from "node:crypto";
import pg from "pg";
import { afterAll, describe, expect, inject, test } from "vitest";
import { PostgresSessionDb } from "@sessiondb/postgres";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { allSettings, poolWith, setting, testSettings } from "./harmless-settings.ts";
import { everyOperation, expectedOfEveryOperation } from "./every-operation.ts";
import { Sandbox } from "./support.ts";

describe.skipIf(inject("postgres") === null)("connections with unusual settings", { timeout: 30_000 }, () => {
  const sandbox = new Sandbox("postgres");
  const { url } = sandbox;
  const expected = expectedOfEveryOperation();
  for (const settings of allSettings) {
    testSettings(sandbox, settings);
  }

  test("may be set for the role", async () => {
    const role = `sessiondb_set_${randomBytes(4).toString("hex")}`;
    const set = (allSettings[0] ?? []).map((each) => `alter role ${role} ${setting(each)}`);
    await sandbox.query(`create role ${role} login superuser password 'x'`, ...set);
    const own = new URL(url);
    own.username = role;
    own.password = "x";
    await using db = new PostgresSessionDb({ url: own.href, schema: sandbox.schema() });
    expect(await everyOperation(db)).toEqual(await expected);
    await sandbox.query(`reassign owned by ${role} to current_user`, `drop role ${role}`);
  });

  const encodings = ["LATIN1", "SQL_ASCII", "WIN1252"];

  test.each(encodings)(
    "client_encoding = %s is refused on the caller's connections, and has no effect on the store's own",
    async (encoding) => {
      const pool = poolWith(url, `set client_encoding = '${encoding}'`);
      const refused = { code: "INVALID_ARGUMENT", argument: "client_encoding" };
      const schema = sandbox.schema();
      const db = new PostgresSessionDb({ pool, schema });
      await expect(db.upsertSession(agentSession("s"))).rejects.toMatchObject(refused);
      await pool.end();
      await using own = new PostgresSessionDb({ url: `${url}?client_encoding=${encoding}`, schema });
      expect(await everyOperation(own)).toEqual(await expected);
      const client = await sandbox.connect();
      await client.query(`set client_encoding = '${encoding}'; begin`);
      await expect(own.withTransaction(client).getSessions()).rejects.toMatchObject(refused);
      expect((await client.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
      await client.end();
    },
  );

  test("default_transaction_read_only refuses writes with a typed error, and does not hinder reads", async () => {
    const schema = sandbox.schema();
    await using writer = new PostgresSessionDb({ url, schema });
    await writer.upsertSession(agentSession("s"));
    const pool = poolWith(url, "set default_transaction_read_only = on; set default_transaction_deferrable = on");
    const db = new PostgresSessionDb({ pool, schema });
    expect(await db.getSession({ sessionId: "s" })).not.toBeNull();
    await expect(db.upsertRun({ session: agentSession("s"), run: agentRun("r") })).rejects.toMatchObject({
      code: "DATABASE_READ_ONLY",
    });
    await pool.end();
  });

  test("a timeout of the server is a typed error", async () => {
    const schema = sandbox.schema();
    await using writer = new PostgresSessionDb({ url, schema });
    await writer.upsertSession(agentSession("s"));
    const holder = await sandbox.connect();
    await holder.query(`begin; select 1 from ${schema}.agno_sessions for update`);
    for (const name of ["statement_timeout", "lock_timeout"]) {
      const options = encodeURIComponent(`-c ${name}=100`);
      await using db = new PostgresSessionDb({ url: `${url}?options=${options}`, schema, retryTimeout: 200 });
      await expect(db.upsertRun({ session: agentSession("s"), run: agentRun("r") })).rejects.toMatchObject({
        code: "DATABASE_BUSY",
      });
    }
    await holder.end();
  });

  test("a pool may have its own query_timeout, types, binary values and dates", async () => {
    const types = { getTypeParser: () => () => "parsed by the application" };
    const dates: object = { parseInputDatesAsUTC: true };
    const pool = new pg.Pool({ connectionString: url, types, query_timeout: 20_000, ...dates });
    expect(await everyOperation(new PostgresSessionDb({ pool, schema: sandbox.schema() }))).toEqual(await expected);
    await pool.end();
    const values: object = { binary: true };
    const binary = new pg.Pool({ connectionString: url, ...values });
    await expect(new PostgresSessionDb({ pool: binary }).getSessions()).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      argument: "binary",
    });
    await binary.end();
  });

  test("a migration may wait for another one longer than the query_timeout of the caller's pool", async () => {
    const schema = sandbox.schema();
    const holder = await sandbox.connect();
    await holder.query(
      `begin; select pg_advisory_xact_lock(hashtext('sessiondb'), hashtext('${schema}.agno_sessions'))`,
    );
    const pool = new pg.Pool({ connectionString: url, query_timeout: 100 });
    const migrating = new PostgresSessionDb({ pool, schema }).migrate();
    await new Promise((resolve) => setTimeout(resolve, 300));
    await holder.query("rollback");
    await migrating;
    await holder.end();
    await pool.end();
  });

  test("parsers that the application sets globally in pg are neither used nor changed", async () => {
    const { INT8, JSONB, TEXT } = pg.types.builtins;
    const before = [INT8, JSONB, TEXT].map((type) => [type, pg.types.getTypeParser(type)] as const);
    for (const [type] of before) {
      pg.types.setTypeParser(type, () => "mine");
    }
    try {
      await using db = new PostgresSessionDb({ url, schema: sandbox.schema() });
      expect(await everyOperation(db)).toEqual(await expected);
      expect(pg.types.getTypeParser(INT8)("1")).toBe("mine");
    } finally {
      for (const [type, parser] of before) {
        pg.types.setTypeParser(type, parser as (text: string) => unknown);
      }
    }
  });

  test("names that were encoded twice are found whatever standard_conforming_strings says", async () => {
    const schema = sandbox.schema();
    await using db = new PostgresSessionDb({ url, schema });
    await db.migrate();
    await sandbox.query(
      `insert into ${schema}.agno_sessions (session_id, session_type, session_data, created_at)
       values ('s', 'agent', to_jsonb('{"session_name" : "a \\"b\\" c"}'::text), 1)`,
    );
    const pool = poolWith(url, "set standard_conforming_strings = off; set escape_string_warning = on");
    const other = new PostgresSessionDb({ pool, schema });
    expect((await other.getSessions({ sessionName: 'A "B"' })).sessions).toHaveLength(1);
    await pool.end();
  });

  describe("without a schema option", () => {
    const refused = { code: "INVALID_ARGUMENT", argument: "schema" };

    test.each(["", "no_such_schema"])("a search_path of %j is refused", async (path) => {
      const pool = poolWith(url, `set search_path = '${path}'`);
      const db = new PostgresSessionDb({ pool });
      await expect(db.upsertSession(agentSession("s"))).rejects.toMatchObject(refused);
      await expect(db.getSessions()).rejects.toMatchObject(refused);
      await expect(db.migrate()).rejects.toMatchObject(refused);
      await pool.end();
    });

    test("a temporary table of the same name is refused, and others are not", async () => {
      const [schema, client] = [sandbox.schema(), await sandbox.connect()];
      await client.query(`create schema ${schema}; set search_path = ${schema}; create temp table other (id int)`);
      await new PostgresSessionDb({ client }).upsertSession(agentSession("s"));
      const second = await sandbox.connect();
      await second.query(`set search_path = ${schema}; create temp table agno_runs (id int)`);
      await expect(new PostgresSessionDb({ client: second }).getSessions()).rejects.toMatchObject(refused);
      expect(await new PostgresSessionDb({ client: second, schema }).getSession({ sessionId: "s" })).not.toBeNull();
      await client.end();
      await second.end();
    });

    test("connections of one pool that lead to different schemas are refused", async () => {
      const schemas = [sandbox.schema(), sandbox.schema()];
      await sandbox.query(...schemas.map((schema) => `create schema ${schema}`));
      const pool = new pg.Pool({ connectionString: url, max: 2 });
      let next = 0;
      pool.on("connect", (client) => void client.query(`set search_path = ${schemas[next++]}`));
      const db = new PostgresSessionDb({ pool });
      await db.upsertSession(agentSession("s"));
      const first = await pool.connect();
      await expect(db.getSession({ sessionId: "s" })).rejects.toMatchObject(refused);
      first.release();
      await pool.end();
    });
  });

  describe("databases of other encodings and collations", () => {
    const made: string[] = [];
    afterAll(() => sandbox.query(...made.map((name) => `drop database if exists ${name} with (force)`)));

    async function database(options: string): Promise<string> {
      const name = `sessiondb_test_${randomBytes(6).toString("hex")}`;
      made.push(name);
      await sandbox.query(`create database ${name} template template0 ${options}`);
      const own = new URL(url);
      own.pathname = `/${name}`;
      return own.href;
    }

    test.each(["LATIN1", "SQL_ASCII"])("%s is refused by name, and no table is made", async (encoding) => {
      const other = await database(`encoding '${encoding}' locale 'C'`);
      await using db = new PostgresSessionDb({ url: other });
      const refused = { code: "INVALID_ARGUMENT", argument: "server_encoding" };
      await expect(db.upsertSession(agentSession("s"))).rejects.toMatchObject(refused);
      await expect(db.getSessions()).rejects.toMatchObject(refused);
    });

    test.each([
      "locale 'C'",
      "locale_provider icu icu_locale 'tr-TR' locale 'C'",
      "locale_provider icu icu_locale 'de' locale 'C'",
    ])("UTF-8 with %s works", async (locale) => {
      await using db = new PostgresSessionDb({ url: await database(`encoding 'UTF8' ${locale}`) });
      expect(await everyOperation(db)).toEqual(await expected);
    });
  });
});
