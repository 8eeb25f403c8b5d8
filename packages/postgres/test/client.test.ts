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

  /** Makes each change of a session take longer than the statements below may. */
  async function slowUpdates(schema: string): Promise<void> {
    await sandbox.query(
      `create function ${schema}.wait() returns trigger language plpgsql as $$ begin perform pg_sleep(0.6); return new; end $$`,
      `create trigger wait before update on ${schema}.agno_sessions for each row execute function ${schema}.wait()`,
    );
  }

  test.each(["updateSession", "upsertRun"] as const)(
    "an aborted %s leaves the caller's client as it was, and has stored nothing",
    async (method) => {
      const schema = sandbox.schema();
      const client = await sandbox.connect();
      const db = new PostgresSessionDb({ client, schema });
      await db.upsertSession(agentSession("s"));
      await slowUpdates(schema);
      // The store's first statement waits behind the caller's own.
      const own = client.query("select pg_sleep(0.3)");
      const signal = AbortSignal.timeout(100);
      const session = agentSession("s");
      const call =
        method === "upsertRun"
          ? db.upsertRun({ session, run: agentRun("r"), signal })
          : db.updateSession({ sessionId: "s", signal }, { sessionName: "changed" });
      await expect(call).rejects.toMatchObject({ name: "TimeoutError" });
      await own;
      const late = AbortSignal.timeout(300);
      const slow = db.updateSession({ sessionId: "s", signal: late }, { sessionName: "changed" });
      await expect(slow).rejects.toMatchObject({ name: "TimeoutError" });
      await client.query(`create table ${schema}.orders (id int); insert into ${schema}.orders values (1)`);
      expect(await db.getSession({ sessionId: "s" })).toMatchObject({ sessionName: null, runs: [] });
      await client.end();
      expect(await sandbox.query(`select id from ${schema}.orders`)).toEqual([{ id: 1 }]);
    },
  );

  test("a statement that gets no answer in time closes the caller's client, and stores nothing", async () => {
    const schema = sandbox.schema();
    await using db = new PostgresSessionDb({ url, schema });
    await db.upsertSession(agentSession("s"));
    const client = await sandbox.connect();
    const owned = new PostgresSessionDb({ client, schema, statementTimeout: 300, retryTimeout: 0 });
    const waiting = client.query("select pg_sleep(1)").catch((error: unknown) => error);
    await expect(owned.upsertRun({ session: agentSession("s"), run: agentRun("r") })).rejects.toMatchObject({
      code: "DATABASE_BUSY",
    });
    expect(await waiting).toMatchObject({ message: expect.stringContaining("Connection terminated") as string });
    await expect(client.query("select 1")).rejects.toThrow(/clos|not queryable|terminated/);
    expect((await db.getSession({ sessionId: "s" }))?.runs).toEqual([]);
  });

  test("in the caller's transaction it ends the transaction, and harms no later use of the pool", async () => {
    const schema = sandbox.schema();
    await using db = new PostgresSessionDb({ url, schema, statementTimeout: 300 });
    await db.upsertSession(agentSession("s"));
    await slowUpdates(schema);
    const pool = new pg.Pool({ connectionString: url, max: 1 });
    const client = await pool.connect();
    await client.query("begin");
    const inside = db.withTransaction(client);
    const change = { metadata: { last: "r" } };
    await expect(inside.upsertRun({ session: agentSession("s"), run: agentRun("r"), change })).rejects.toMatchObject({
      code: "DATABASE_BUSY",
    });
    await expect(client.query("commit")).rejects.toThrow(/clos|not queryable|terminated/);
    client.release();
    expect((await pool.query<{ one: number }>("select 1 as one, pg_sleep(0.5)")).rows[0]?.one).toBe(1);
    await pool.end();
    expect(await db.getSession({ sessionId: "s" })).toMatchObject({ metadata: null, runs: [] });
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
