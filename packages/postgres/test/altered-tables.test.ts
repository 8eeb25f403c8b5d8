import { randomBytes } from "node:crypto";
import { inspect } from "node:util";
import { SessionDbError } from "@sessiondb/core";
import type pg from "pg";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { PostgresSessionDb } from "@sessiondb/postgres";
import { marked, operations, session, turn } from "./marked-operations.ts";
import { Sandbox } from "./support.ts";
import { features, tables } from "./table-features.ts";

/** Rows but for when a session was used last: a turn of one statement whose run a trigger suppresses counts as use. */
const untouched = (rows: readonly Record<string, unknown>[]) => rows.map((row) => ({ ...row, updated_at: null }));

describe.skipIf(inject("postgres") === null)("tables with", { timeout: 60_000 }, () => {
  const sandbox = new Sandbox("postgres");
  const role = `sessiondb_app_${randomBytes(4).toString("hex")}`;
  const own = new URL(sandbox.url || "postgres://localhost");
  own.username = role;
  own.password = "secret";
  beforeAll(() => sandbox.query(`create role ${role} login password 'secret'`));
  afterAll(() => sandbox.query(`drop owned by ${role} cascade`, `drop role ${role}`));

  test.concurrent.each(Object.entries(features))(
    "%s: an acknowledged write is stored, and a refused one changes nothing",
    async (_, feature) => {
      const schema = sandbox.schema();
      await using admin = new PostgresSessionDb({ url: sandbox.url, schema, poolSize: 1 });
      await admin.upsertSessions([{ ...session("s"), runs: [turn("r1"), turn("r2", "other")] }, { ...session("t") }]);
      await sandbox.query(
        `grant usage on schema ${schema} to ${role}`,
        `grant all on all tables in schema ${schema} to ${role}`,
        ...feature(schema),
      );
      const client = await sandbox.connect();
      const rows = async () =>
        (
          await client.query<Record<string, unknown>>(`select * from ${schema}.agno_sessions order by session_id`)
        ).rows.concat((await client.query(`select * from ${schema}.agno_runs order by run_id`)).rows);
      await using db = new PostgresSessionDb({
        url: own.href,
        schema,
        autoMigrate: false,
        retryTimeout: 500,
        poolSize: 1,
      });
      for (const [name, { run, holds }] of Object.entries(operations)) {
        const before = await rows();
        const refused: unknown = await run(db).then(
          async (result) =>
            (await holds(admin, result)) ? null : `acknowledged ${JSON.stringify(result)}, and not so`,
          (error: unknown) => error,
        );
        const changes = JSON.stringify(untouched(await rows())) !== JSON.stringify(untouched(before));
        const isTyped = refused === null || SessionDbError.isInstance(refused);
        const leaks = inspect(refused, { depth: 10 }).includes(marked.slice(0, 15));
        expect({ name, refused, isTyped, leaks, harms: refused !== null && changes }).toEqual({
          name,
          refused,
          isTyped: true,
          leaks: false,
          harms: false,
        });
        if (changes) {
          await restore(client, schema, before);
        }
      }
      await client.end();
    },
  );

  /** Puts the rows back that an operation changed. */
  async function restore(client: pg.Client, schema: string, before: readonly Record<string, unknown>[]): Promise<void> {
    const kept = (name: string) => JSON.stringify(before.filter((row) => "run_id" in row === (name === "agno_runs")));
    await client.query(`set session_replication_role = replica`);
    for (const name of tables) {
      const base =
        (await client.query<{ found: boolean }>(`select to_regclass('${schema}.base_${name}') is not null as found`))
          .rows[0]?.found === true
          ? `base_${name}`
          : name;
      await client.query(`truncate ${schema}.${base} cascade`);
      const columns = (
        await client.query<{ name: string }>(
          `select attname as name from pg_attribute where attrelid = '${schema}.${base}'::regclass and attnum > 0 and not attisdropped and attgenerated = ''`,
        )
      ).rows
        .map((row) => row.name)
        .join(", ");
      await client.query(
        `insert into ${schema}.${base} (${columns}) select ${columns} from json_populate_recordset(null::${schema}.${base}, $1)`,
        [kept(name)],
      );
    }
    await client.query(`set session_replication_role = origin`);
  }
});
