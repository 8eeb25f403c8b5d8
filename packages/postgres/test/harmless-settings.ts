import pg from "pg";
import { describe, expect, test } from "vitest";
import { PostgresSessionDb } from "@sessiondb/postgres";
import { everyOperation, expectedOfEveryOperation } from "./every-operation.ts";
import type { Sandbox } from "./support.ts";

/** A setting with its value. */
export type Setting = readonly [name: string, value: string];

/** Settings under which all works as it does without them. */
const harmless: Readonly<Record<string, readonly string[]>> = {
  standard_conforming_strings: ["off"],
  backslash_quote: ["on", "off"],
  bytea_output: ["escape"],
  DateStyle: ["German, DMY"],
  TimeZone: ["Asia/Tokyo"],
  IntervalStyle: ["sql_standard"],
  extra_float_digits: ["-15"],
  array_nulls: ["off"],
  transform_null_equals: ["on"],
  quote_all_identifiers: ["on"],
  search_path: ["", "no_such_schema", "pg_catalog"],
  default_transaction_isolation: ["serializable", "repeatable read"],
  default_transaction_deferrable: ["on"],
  row_security: ["off"],
  session_replication_role: ["replica"],
  statement_timeout: ["20s"],
  lock_timeout: ["10s"],
  idle_in_transaction_session_timeout: ["10s"],
  lc_messages: ["C"],
  client_min_messages: ["log"],
  exit_on_error: ["on"],
  enable_indexscan: ["off"],
  enable_seqscan: ["off"],
  enable_sort: ["off"],
  enable_nestloop: ["off"],
  plan_cache_mode: ["force_generic_plan", "force_custom_plan"],
  join_collapse_limit: ["1"],
  synchronous_commit: ["off"],
  // What is switched off below counts as so costly that every statement would be compiled.
  jit: ["off"],
  work_mem: ["64kB"],
  check_function_bodies: ["off"],
};

/** Each setting with each of its values. */
export const eachSetting: readonly Setting[] = Object.entries(harmless).flatMap(([name, values]) =>
  values.map((value): Setting => [name, value]),
);

/** All settings at once, as often as there are values of one of them. */
export const allSettings: readonly (readonly Setting[])[] = [0, 1, 2].map((turn) =>
  Object.entries(harmless).map(([name, values]): Setting => [name, values[turn % values.length] ?? ""]),
);

export function setting([name, value]: Setting): string {
  return `set ${name} = ${name === "DateStyle" ? value : `'${value}'`}`;
}

/** A pool of the caller's that runs a statement on each connection. */
export function poolWith(url: string, statement: string): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max: 2 });
  pool.on("connect", (client) => void client.query(statement));
  return pool;
}

/** Does everything under these settings, on each kind of connection. */
export function testSettings(sandbox: Sandbox, settings: readonly Setting[]): void {
  const { url } = sandbox;
  const expected = expectedOfEveryOperation();
  const statement = settings.map(setting).join("; ");

  describe(settings.map((each) => each.join(" = ")).join(", "), () => {
    test.concurrent("on the store's own pool, by its URL", async () => {
      const text = settings.map(([name, value]) => `-c ${name}=${value.replaceAll(" ", "\\ ")}`).join(" ");
      const own = `${url}?options=${encodeURIComponent(text)}`;
      await using db = new PostgresSessionDb({ url: own, schema: sandbox.schema(), poolSize: 2 });
      expect(await everyOperation(db)).toEqual(await expected);
      await db.migrate();
      expect(await db.planMigration()).toEqual([]);
    });

    test.concurrent("on a pool of the caller's", async () => {
      const pool = poolWith(url, statement);
      const db = new PostgresSessionDb({ pool, schema: sandbox.schema() });
      expect(await everyOperation(db)).toEqual(await expected);
      await pool.end();
    });

    test.concurrent("in a transaction of the caller's, on a client of theirs", async () => {
      const client = await sandbox.connect();
      await client.query(statement);
      const db = new PostgresSessionDb({ client, schema: sandbox.schema() });
      await db.migrate();
      await client.query("begin");
      expect(await everyOperation(db.withTransaction(client))).toEqual(await expected);
      await client.query("commit");
      await client.end();
    });
  });
}
