import pg from "pg";
import { describe, expect, inject, test } from "vitest";
import { PostgresSessionDb } from "@sessiondb/postgres";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { NetworkProxy } from "@sessiondb/testing/network-proxy";
import { everyOperation, expectedOfEveryOperation } from "./every-operation.ts";
import { Sandbox } from "./support.ts";

/** The message of a pooler that ends a connection. */
function fatal(code: string, message: string): Buffer {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${code}\0M${message}\0\0`);
  const length = Buffer.alloc(4);
  length.writeInt32BE(fields.length + 4);
  return Buffer.concat([Buffer.from("E"), length, fields]);
}

describe.skipIf(inject("postgres") === null)("prepared statements", { timeout: 30_000 }, () => {
  const sandbox = new Sandbox("postgres");
  const { url } = sandbox;

  /** The store's statements that are prepared on a connection. */
  async function preparedOn(client: pg.ClientBase): Promise<string[]> {
    const { rows } = await client.query<{ name: string }>(
      "select name from pg_prepared_statements where name like 'sessiondb%'",
    );
    return rows.map(({ name }) => name);
  }

  test("have names of at most 63 bytes, made of their text", async () => {
    const client = await sandbox.connect();
    const db = new PostgresSessionDb({ client, schema: sandbox.schema() });
    await db.upsertRun({ session: agentSession("s"), run: agentRun("r") });
    const first = await preparedOn(client);
    await db.upsertRun({ session: agentSession("t"), run: agentRun("r 2") });
    expect(first.length).toBeGreaterThan(0);
    expect(first.every((name) => /^sessiondb_[0-9a-f]{32}$/.test(name))).toBe(true);
    expect(await preparedOn(client)).toEqual(first);
    await client.end();
  });

  test("can be turned off, and every operation is the same without", async () => {
    const client = await sandbox.connect();
    const db = new PostgresSessionDb({ client, schema: sandbox.schema(), preparedStatements: false });
    expect(await everyOperation(db)).toEqual(await expectedOfEveryOperation());
    expect(await preparedOn(client)).toEqual([]);
    await client.end();
  });

  test("are shared by the stores of one pool", async () => {
    const pool = new pg.Pool({ connectionString: url, max: 1 });
    const schema = sandbox.schema();
    const [first, second] = [new PostgresSessionDb({ pool, schema }), new PostgresSessionDb({ pool, schema })];
    await first.upsertRun({ session: agentSession("s"), run: agentRun("r") });
    await second.upsertRun({ session: agentSession("t"), run: agentRun("r 2") });
    await first.getSession({ sessionId: "s", runsLimit: 10 });
    const client = await pool.connect();
    const names = await preparedOn(client);
    client.release();
    await second.getSession({ sessionId: "s", runsLimit: 10 });
    const again = await pool.connect();
    expect(await preparedOn(again)).toEqual(names);
    again.release();
    await pool.end();
  });

  test("are at most 200 on a connection, and more statements work without names", async () => {
    const pool = new pg.Pool({ connectionString: url, max: 1 });
    const stores = Array.from({ length: 30 }, () => new PostgresSessionDb({ pool, schema: sandbox.schema() }));
    for (const db of stores) {
      await db.upsertRun({ session: agentSession("s"), run: agentRun("r") });
      await db.updateSession({ sessionId: "s" }, { sessionState: { a: 1 } });
      await db.getSessions({ userId: "u" });
      await db.getSessions({ sortBy: "updatedAt" });
      expect((await db.getSession({ sessionId: "s", runsLimit: 10 }))?.runs).toHaveLength(1);
    }
    const client = await pool.connect();
    expect(await preparedOn(client)).toHaveLength(200);
    client.release();
    await pool.end();
  });

  test("long lists of ids are not prepared", async () => {
    const client = await sandbox.connect();
    const db = new PostgresSessionDb({ client, schema: sandbox.schema() });
    await db.upsertSession(agentSession("s"));
    await db.deleteRuns({ runIds: ["none"] });
    const before = await preparedOn(client);
    for (let length = 33; length < 40; length += 1) {
      await db.deleteRuns({ runIds: Array.from({ length }, (_, index) => `none ${index}`) });
    }
    expect(await preparedOn(client)).toEqual(before);
    await client.end();
  });

  describe.each(["discard all", "deallocate all"])("after %s of the caller's client", (discard) => {
    test("every operation works, and statements are prepared anew once", async () => {
      const client = await sandbox.connect();
      const db = new PostgresSessionDb({ client, schema: sandbox.schema() });
      await db.upsertRun({ session: agentSession("s"), run: agentRun("r") });
      await client.query(discard);
      const read = () => db.getSession({ sessionId: "s" });
      await db.upsertRun({ session: agentSession("s"), run: agentRun("r 2") });
      expect((await read())?.runs).toHaveLength(2);
      expect(await preparedOn(client)).not.toEqual([]);
      await client.query(discard);
      expect((await read())?.runs).toHaveLength(2);
      expect((await read())?.runs).toHaveLength(2);
      // Discarded regularly, they cost more than they save.
      expect(await preparedOn(client)).toEqual([]);
      await client.end();
    });

    test("preparedStatements: true goes on preparing", async () => {
      const client = await sandbox.connect();
      const db = new PostgresSessionDb({ client, schema: sandbox.schema(), preparedStatements: true });
      await db.upsertRun({ session: agentSession("s"), run: agentRun("r") });
      // More names than a connection may have at once.
      for (let round = 0; round < 210; round += 1) {
        await client.query(discard);
        await db.upsertRun({ session: agentSession("s"), run: agentRun(`r ${round}`) });
        await db.getRun({ runId: "r" });
        expect(await preparedOn(client)).not.toEqual([]);
      }
      expect((await db.getSession({ sessionId: "s" }))?.runs).toHaveLength(211);
      await client.end();
    });
  });

  test("that are discarded on a pool's connections leave every operation as it was", async () => {
    const pool = new pg.Pool({ connectionString: url, max: 2 });
    const query = async (text: string): Promise<void> => {
      const clients = await Promise.all([pool.connect(), pool.connect()]);
      for (const client of clients) {
        await client.query(text);
        client.release();
      }
    };
    const schema = sandbox.schema();
    await everyOperation(new PostgresSessionDb({ pool, schema: sandbox.schema() }));
    const db = new PostgresSessionDb({ pool, schema, retryTimeout: 0 });
    await db.upsertRun({ session: agentSession("s"), run: agentRun("r") });
    for (let round = 0; round < 3; round += 1) {
      await query("deallocate all");
      // A transaction: nothing is retried, and yet it succeeds.
      await db.updateSession({ sessionId: "s" }, { sessionState: { round } });
      expect(await db.getSession({ sessionId: "s" })).toMatchObject({ sessionState: { round } });
    }
    await pool.end();
  });

  test("that are missing in the caller's transaction cost it nothing", async () => {
    const schema = sandbox.schema();
    await using db = new PostgresSessionDb({ url, schema });
    await db.upsertSession(agentSession("s"));
    const client = await sandbox.connect();
    const within = db.withTransaction(client);
    const runs: string[] = [];
    for (let round = 0; round < 3; round += 1) {
      await client.query("begin");
      for (const runId of [`a ${round}`, `b ${round}`]) {
        await within.upsertRun({ session: agentSession("s"), run: agentRun(runId) });
        await client.query("deallocate all");
        await within.updateSession({ sessionId: "s" }, { sessionState: { runId } });
        await client.query("deallocate all");
        runs.push(runId);
        expect(await within.getSession({ sessionId: "s" })).toMatchObject({
          sessionState: { runId },
          runs: runs.map((each) => ({ runId: each })),
        });
      }
      await client.query("commit");
    }
    await client.end();
    expect((await db.getSession({ sessionId: "s" }))?.runs).toHaveLength(6);
  });

  test("survive the end of their connection", async () => {
    const schema = sandbox.schema();
    await using db = new PostgresSessionDb({ url, schema, poolSize: 1 });
    for (let round = 0; round < 3; round += 1) {
      await db.upsertRun({ session: agentSession("s"), run: agentRun(`r ${round}`) });
      await sandbox.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where query like '%${schema}%' and pid <> pg_backend_pid()`,
      );
    }
    expect((await db.getSession({ sessionId: "s" }))?.runs).toHaveLength(3);
  });

  test.each([
    ["26000", 'prepared statement "sessiondb" does not exist'],
    ["42P05", 'prepared statement "sessiondb" already exists'],
    ["XX000", "max prepared statements limit reached. Limit: 100 per connection"],
  ])(
    "a pooler that ends the connection over a name with %s is followed by calls without names",
    async (code, message) => {
      const schema = sandbox.schema();
      await using proxy = await NetworkProxy.to(url);
      await using db = new PostgresSessionDb({ url: proxy.url, schema, poolSize: 2, retryTimeout: 0 });
      await db.upsertSession(agentSession("s"));
      let ended = 0;
      proxy.onRequest = (bytes) => {
        if (!/sessiondb_[0-9a-f]{32}\0/.test(bytes.toString("latin1"))) {
          return "pass";
        }
        ended += 1;
        setImmediate(() => proxy.cutAll());
        return fatal(code, message);
      };
      for (let round = 0; round < 4; round += 1) {
        await db.upsertRun({ session: agentSession("s"), run: agentRun(`r ${round}`) });
        await db.updateSession({ sessionId: "s" }, { sessionState: { round } });
        expect(await db.getSession({ sessionId: "s" })).toMatchObject({ sessionState: { round } });
      }
      expect(ended).toBe(code === "26000" ? 2 : 1);
      expect((await db.getSession({ sessionId: "s" }))?.runs).toHaveLength(4);
    },
  );

  test("an error that has nothing to do with names is reported once, and changes nothing", async () => {
    const client = await sandbox.connect();
    const schema = sandbox.schema();
    const db = new PostgresSessionDb({ client, schema });
    await db.upsertRun({ session: agentSession("s"), run: agentRun("r") });
    for (const code of ["26000", "42P05", "0A000", "22003"]) {
      await client.query(
        `create or replace function ${schema}.fail() returns trigger language plpgsql as $$ begin
           raise exception 'provoked' using errcode = '${code}'; end $$;
         create or replace trigger fail before delete on ${schema}.agno_sessions for each row execute function ${schema}.fail()`,
      );
      await expect(db.deleteSession({ sessionId: "s" })).rejects.toMatchObject({
        code: "DATABASE_ERROR",
        cause: { code },
      });
    }
    await client.query("deallocate all");
    await db.upsertRun({ session: agentSession("s"), run: agentRun("r 2") });
    await db.upsertRun({ session: agentSession("s"), run: agentRun("r 3") });
    expect(await preparedOn(client)).not.toEqual([]);
    await client.end();
  });

  test.each([
    ["agno_runs", "run_data", "json"],
    ["agno_sessions", "session_data", "json"],
    ["agno_sessions", "session_id", "text"],
    ["agno_sessions", "updated_at", "integer"],
  ])("another type of %s.%s is noticed by nobody", async (table, column, type) => {
    const client = await sandbox.connect();
    const schema = sandbox.schema();
    const db = new PostgresSessionDb({ client, schema });
    const turn = (runId: string) => db.upsertRun({ session: agentSession("s"), run: agentRun(runId) });
    const read = () => db.getSession({ sessionId: "s" });
    for (let round = 0; round < 8; round += 1) {
      await turn(`r ${round}`);
      await read();
    }
    const types = await sandbox.query(
      `select format_type(atttypid, atttypmod) as type from pg_attribute
       where attrelid = '${schema}.${table}'::regclass and attname = '${column}'`,
    );
    for (const next of [type, types[0]?.["type"] as string, type]) {
      await sandbox.query(
        `alter table ${schema}.${table} alter column ${column} type ${next} using ${column}::${next}`,
      );
      await turn(`as ${next}`);
      expect((await read())?.runs.length).toBeGreaterThan(8);
      await turn(`again as ${next}`);
      await db.getSessions();
    }
    expect(await preparedOn(client)).not.toEqual([]);
    await client.end();
  });

  test("parameters of a type that has grown take its new values", async () => {
    const client = await sandbox.connect();
    const schema = sandbox.schema();
    const db = new PostgresSessionDb({ client, schema });
    const turn = (runId: string, createdAt: number) =>
      db.upsertRun({ session: agentSession("s"), run: agentRun(runId, { createdAt }) });
    await turn("r", 1);
    await sandbox.query(`alter table ${schema}.agno_runs alter column created_at type integer`);
    await client.query("deallocate all");
    await turn("r 2", 2);
    await turn("r 3", 3);
    await sandbox.query(`alter table ${schema}.agno_runs alter column created_at type bigint`);
    await turn("r 4", 4_000_000_000);
    expect((await db.getRun({ runId: "r 4" }))?.createdAt).toBe(4_000_000_000);
    await client.end();
  });

  test("a migration of the tables while 16 write loses nothing and fails nobody", async () => {
    const schema = sandbox.schema();
    await using db = new PostgresSessionDb({ url, schema, poolSize: 16 });
    const sessions = Array.from({ length: 16 }, (_, index) => `s ${index}`);
    await Promise.all(sessions.map((sessionId) => db.upsertSession(agentSession(sessionId))));
    const over = new AbortController();
    const write = async (sessionId: string): Promise<string[]> => {
      const written: string[] = [];
      while (!over.signal.aborted) {
        const runId = `${sessionId} ${written.length}`;
        await db.upsertRun({ session: agentSession(sessionId), run: agentRun(runId) });
        written.push(runId);
        await db.getSession({ sessionId, runsLimit: 3 });
        await db.updateSession({ sessionId }, { sessionState: { runId } });
      }
      return written;
    };
    const writing = Promise.all(sessions.map(write));
    for (const type of ["json", "jsonb", "json"]) {
      await sandbox.query(
        `alter table ${schema}.agno_runs add column added_${type}_${Date.now()} text`,
        `alter table ${schema}.agno_runs alter column run_data type ${type} using run_data::${type}`,
        `alter table ${schema}.agno_sessions alter column session_data type ${type} using session_data::${type}`,
      );
    }
    over.abort();
    const written = await writing;
    for (const [index, sessionId] of sessions.entries()) {
      const session = await db.getSession({ sessionId });
      expect(session?.runs.map(({ runId }) => runId)).toEqual(written[index]);
    }
  });
});
