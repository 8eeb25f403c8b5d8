import { furtherTables, Statement, step, type SqlConnection, type Steps } from "@sessiondb/drizzle";
import { sql } from "drizzle-orm";
import { pgTable, text } from "drizzle-orm/pg-core";
import { describe, expect, inject, test } from "vitest";
import { PostgresSessionDb } from "@sessiondb/postgres";
import { agentSession } from "@sessiondb/testing/models";
import { Sandbox } from "./support.ts";

const notes = pgTable("notes", { id: text("id").primaryKey().notNull() });

describe.skipIf(inject("postgres") === null)("a commit", () => {
  const sandbox = new Sandbox("postgres");

  test("that the server answers with a rollback is an error, and stores nothing", async () => {
    const schema = sandbox.schema();
    await sandbox.query(`create schema ${schema}`);
    const client = await sandbox.connect();
    await client.query(`set search_path = ${schema}`);
    const db = new PostgresSessionDb({ client });
    const { tables } = furtherTables(db, { tables: () => [notes] });
    const insert = new Statement<never>(tables.dialect, sql`insert into ${notes} values (${"a"})`);
    const failing = new Statement<never>(tables.dialect, sql`select 1 / 0`);

    function* work(on: SqlConnection): Steps<string> {
      yield* step(on.execute(insert, insert.bind({})));
      try {
        yield* step(on.execute(failing, []));
      } catch {
        // As a package may do that takes a failed statement for harmless.
      }
      return "done";
    }

    await expect(tables.write(work)).rejects.toMatchObject({
      code: "DATABASE_ERROR",
      message: expect.stringContaining("ROLLBACK") as string,
    });
    expect((await client.query("select id from notes")).rows).toEqual([]);
    await client.query("begin");
    const within = furtherTables(db.withTransaction(client), { tables: () => [notes] }).tables;
    await expect(within.write(work)).rejects.toMatchObject({ code: "DATABASE_ERROR" });
    await db.withTransaction(client).upsertSession(agentSession("s"));
    await client.query("commit");
    expect(await db.getSession({ sessionId: "s" })).not.toBeNull();
    await client.end();
  });
});
