import { openSessionDb } from "@sessiondb/core";
import pg from "pg";
import { describe, expect, inject, test } from "vitest";
import { fromUrl, PostgresSessionDb } from "@sessiondb/postgres";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { Sandbox } from "./support.ts";

test.each([{}, { url: "postgres://h/d", pool: new pg.Pool() }, { pool: new pg.Pool(), client: new pg.Client() }])(
  "options that name no connection or two are refused: %#",
  (options) => {
    expect(() => new PostgresSessionDb(options)).toThrow(/one of url, pool and client/);
  },
);

test.each(["", "mysql://h/d", "h/d", 7])("the connection string %j is refused and not repeated", (url) => {
  expect(() => fromUrl(url as string)).toThrow(/postgres:\/\/user:password@host/);
});

test("a schema that cannot be a name is refused", () => {
  expect(() => new PostgresSessionDb({ url: "postgres://h/d", schema: "" })).toThrow(/schema must be/);
  expect(() => new PostgresSessionDb({ url: "postgres://h/d", schema: "x".repeat(64) })).toThrow(/schema must be/);
});

describe.skipIf(inject("postgres") === null)("clients", () => {
  const sandbox = new Sandbox("postgres");
  const { url } = sandbox;

  test("openSessionDb takes the schema from the connection string", async () => {
    const schema = sandbox.schema();
    await using db = await openSessionDb(`${url}?schema=${schema}`);
    await db.upsertRun({ session: agentSession("s"), run: agentRun("r") });
    expect(await sandbox.query(`select run_id from ${schema}.agno_runs`)).toEqual([{ run_id: "r" }]);
  });

  test("the caller's client is used by one operation after another, and stays open", async () => {
    const client = await sandbox.connect();
    const db = new PostgresSessionDb({ client, schema: sandbox.schema() });
    await Promise.all(
      Array.from({ length: 8 }, (_, index) => db.upsertRun({ session: agentSession("s"), run: agentRun(`r${index}`) })),
    );
    expect((await db.getSession({ sessionId: "s" }))?.runs).toHaveLength(8);
    await db.close();
    expect((await client.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
    await client.end();
  });

  test("the application's own type parsers are neither used nor changed", async () => {
    const { INT8, JSONB } = pg.types.builtins;
    pg.types.setTypeParser(INT8, (text) => BigInt(text));
    pg.types.setTypeParser(JSONB, () => "mine");
    try {
      await using db = new PostgresSessionDb({ url, schema: sandbox.schema() });
      await db.upsertRun({ session: agentSession("s", { createdAt: 5, metadata: { a: 1 } }), run: agentRun("r") });
      expect(await db.getSession({ sessionId: "s" })).toMatchObject({ createdAt: 5, metadata: { a: 1 } });
    } finally {
      pg.types.setTypeParser(INT8, (text) => text);
      pg.types.setTypeParser(JSONB, (text) => JSON.parse(text) as unknown);
    }
  });
});
