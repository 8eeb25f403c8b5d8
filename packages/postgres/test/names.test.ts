import { furtherTables } from "@sessiondb/drizzle";
import { index, pgTable, text } from "drizzle-orm/pg-core";
import { describe, expect, inject, test } from "vitest";
import { PostgresSessionDb } from "@sessiondb/postgres";
import { migrateTwice, namesOfAllKinds } from "./names.ts";
import { Sandbox } from "./support.ts";

describe.skipIf(inject("postgres") === null)("names", { timeout: 30_000 }, () => {
  const sandbox = new Sandbox("postgres");

  test.concurrent.each(namesOfAllKinds)("%s: migrating twice finds nothing to do", (name) =>
    migrateTwice(sandbox, name),
  );

  test.each([
    ["a sequence", (schema: string) => `create sequence ${schema}.agno_runs`],
    ["a type", (schema: string) => `create type ${schema}.agno_sessions as (a int)`],
    ["a materialized view", (schema: string) => `create materialized view ${schema}.agno_runs as select 1`],
    [
      "an index of another table",
      (schema: string) =>
        `create table ${schema}.other (a int); create index idx_agno_runs_created_at_run_id on ${schema}.other (a)`,
    ],
  ])("already used by %s are an error at once", async (_, statement) => {
    const schema = sandbox.schema();
    await sandbox.query(`create schema ${schema}`, statement(schema));
    await using db = new PostgresSessionDb({ url: sandbox.url, schema });
    const start = performance.now();
    for (const call of [() => db.getSessions(), () => db.migrate()]) {
      await expect(call()).rejects.toMatchObject({
        code: "DATABASE_ERROR",
        message: expect.stringMatching(/Something else has that name/) as string,
      });
    }
    expect(performance.now() - start).toBeLessThan(3000);
    expect(
      await sandbox.query(`select 1 from pg_tables where schemaname = '${schema}' and tablename like 'agno%'`),
    ).toEqual([]);
  });

  test("of further tables' indexes are shortened if too long", async () => {
    const client = await sandbox.connect();
    const schema = sandbox.schema();
    await client.query(`create schema ${schema}; set search_path = ${schema}`);
    const long = "n".repeat(63);
    const notes = pgTable(long, { [long]: text(long).primaryKey().notNull(), other: text("other") }, (table) => [
      index(`idx_${long}_first`).on(table.other),
      index(`idx_${long}_second`).on(table.other, table[long] ?? table.other),
    ]);
    const { tables } = furtherTables(new PostgresSessionDb({ client }), { tables: () => [notes] });
    await tables.migrate();
    expect([await tables.planMigration(), await tables.verifySchema()]).toEqual([[], []]);
    await tables.migrate();
    expect(await sandbox.query(`select 1 from pg_indexes where tablename = '${long}'`)).toHaveLength(3);
    await client.end();
  });

  test.each([
    ["too long for a table", () => [pgTable("n".repeat(64), { id: text("id") })]],
    ["too long for a column", () => [pgTable("notes", { id: text("é".repeat(32)) })]],
    ["of the store's own tables", () => [pgTable("Agno_Runs", { id: text("id") })]],
    ["given twice", () => [pgTable("notes", { id: text("id") }), pgTable("notes", { id: text("id") })]],
  ])("of further tables that are %s are refused", (_, tables) => {
    const db = new PostgresSessionDb({ url: sandbox.url });
    expect(() => furtherTables(db, { tables })).toThrow(
      expect.objectContaining({ code: "INVALID_ARGUMENT", argument: "options.tables" }),
    );
  });

  test("of further tables' indexes are required", async () => {
    const notes = pgTable("notes", { id: text("id") }, (table) => [index().on(table.id)]);
    await using db = new PostgresSessionDb({ url: sandbox.url, schema: sandbox.schema() });
    await expect(furtherTables(db, { tables: () => [notes] }).tables.planMigration()).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      argument: "options.tables",
    });
  });
});
