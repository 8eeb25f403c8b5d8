import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { describe, expect, inject, test } from "vitest";
import { PostgresSessionDb, type PostgresSessionDbOptions } from "@sessiondb/postgres";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { refusal } from "@sessiondb/testing/refusal";
import { Sandbox } from "./support.ts";

const servers = (["postgres", "newerPostgres", "pgBouncer"] as const).filter((name) => inject(name) !== null);
const session = agentSession("s");
const times = { statementTimeout: 300, retryTimeout: 300 };

describe.each(servers)("statements that nobody waits for any more, on %s", (name) => {
  const sandbox = new Sandbox(name);

  /** What the server's connections do that have to do with a schema. */
  async function activity(schema: string): Promise<{ connections: number; waiting: number }> {
    const [found] = await sandbox.query(
      `select count(*)::int as connections, (count(*) filter (where wait_event_type = 'Lock'))::int as waiting
        from pg_stat_activity where query like '%${schema}%' and pid <> pg_backend_pid()`,
    );
    return found as { connections: number; waiting: number };
  }

  const kinds: Readonly<Record<string, (options: PostgresSessionDbOptions, size: number) => Promise<Opened>>> = {
    "its own pool": async (options, poolSize) => ({
      db: new PostgresSessionDb({ url: sandbox.url, poolSize, ...options }),
      end: async () => {},
    }),
    "a pool of the caller's": async (options, max) => {
      const pool = new pg.Pool({ connectionString: sandbox.url, max });
      return { db: new PostgresSessionDb({ pool, ...options }), end: () => pool.end() };
    },
  };

  interface Opened {
    readonly db: PostgresSessionDb;
    readonly end: () => Promise<void>;
  }

  const writes: Readonly<Record<string, (db: PostgresSessionDb, id: string) => Promise<unknown>>> = {
    "turns of one statement": (db, id) => db.upsertRun({ session, run: agentRun(id) }),
    "turns in transactions": (db, id) => db.upsertRun({ session, run: agentRun(id), change: { metadata: { id } } }),
  };

  test.each(
    Object.entries(kinds).flatMap(([kind, open]) =>
      Object.entries(writes).map(([write, call]) => ({ kind, open, write, call })),
    ),
  )(
    "$write on $kind leave the server with the lock, and are not stored",
    { timeout: 60_000 },
    async ({ open, call }) => {
      const schema = sandbox.schema();
      const { db, end } = await open({ schema, ...times }, 4);
      await db.upsertRun({ session, run: agentRun("before") });
      const holder = await sandbox.connect();
      await holder.query("begin");
      await holder.query(`select 1 from ${schema}.agno_sessions for update`);
      for (let round = 0; round < 3; round += 1) {
        const calls = Array.from({ length: 4 }, (_, index) => call(db, `${round}-${index}`));
        await Promise.all(calls.map((each) => refusal(each, "DATABASE_BUSY")));
        // The holder, and those of the pool.
        expect((await activity(schema)).connections).toBeLessThanOrEqual(name === "pgBouncer" ? 25 : 5);
      }
      await expect.poll(async () => (await activity(schema)).waiting, { timeout: 5000 }).toBe(0);
      await holder.query("rollback");
      await holder.end();
      expect((await db.getRuns()).runs.map(({ runId }) => runId)).toEqual(["before"]);
      await db.upsertRun({ session, run: agentRun("after") });
      await db.close();
      await end();
    },
  );

  test(
    "a transaction of the caller's ends with a statement that was given up, and nothing of it is stored",
    { timeout: 20_000 },
    async () => {
      const schema = sandbox.schema();
      await using db = new PostgresSessionDb({ url: sandbox.url, schema, ...times });
      await db.upsertSession(session);
      const holder = await sandbox.connect();
      await holder.query("begin");
      await holder.query(`select 1 from ${schema}.agno_sessions for update`);
      const client = await sandbox.connect();
      await client.query("begin");
      const inside = db.withTransaction(client);
      await refusal(inside.upsertRun({ session, run: agentRun("r") }), "DATABASE_BUSY");
      await expect(client.query("commit")).rejects.toBeInstanceOf(Error);
      await holder.end();
      expect((await db.getSession({ sessionId: "s" }))?.runs).toEqual([]);
    },
  );
});

describe.skipIf(inject("postgres") === null)("many calls that wait for one locked session", () => {
  const sandbox = new Sandbox("postgres");

  test("leave connections for calls on other sessions", { timeout: 60_000 }, async () => {
    const schema = sandbox.schema();
    await using db = new PostgresSessionDb({ url: sandbox.url, schema });
    await db.upsertSession(session);
    const holder = await sandbox.connect();
    await holder.query("begin");
    await holder.query(`select 1 from ${schema}.agno_sessions for update`);
    const waiting = Array.from({ length: 50 }, (_, index) => db.upsertRun({ session, run: agentRun(`r${index}`) }));
    const others = Array.from({ length: 50 }, (_, index) =>
      db.upsertRun({ session: agentSession(`other ${index}`), run: agentRun(`o${index}`) }),
    );
    const failed = (await Promise.allSettled(others)).filter(({ status }) => status === "rejected");
    expect(failed).toEqual([]);
    await holder.end();
    await Promise.all(waiting);
    expect((await db.getSession({ sessionId: "s" }))?.runs).toHaveLength(50);
  });

  test("are told to look for the lock, and not to make the pool larger", { timeout: 20_000 }, async () => {
    const schema = sandbox.schema();
    await using db = new PostgresSessionDb({ url: sandbox.url, schema, poolSize: 1, connectionTimeout: 300 });
    await db.upsertSession(session);
    const holder = await sandbox.connect();
    await holder.query("begin");
    await holder.query(`select 1 from ${schema}.agno_sessions for update`);
    const waiting = db.upsertRun({ session, run: agentRun("r") });
    await sleep(100);
    const { message } = await refusal(db.getSession({ sessionId: "s" }), "DATABASE_BUSY");
    expect(message).toContain("wait for a lock");
    expect(message).not.toContain("larger");
    await holder.end();
    await waiting;
  });

  test("that only come too fast are told to make the pool larger", { timeout: 20_000 }, async () => {
    const schema = sandbox.schema();
    const pool = new pg.Pool({ connectionString: sandbox.url, max: 1 });
    const db = new PostgresSessionDb({ pool, schema, connectionTimeout: 300 });
    await db.upsertSession(session);
    // The pool's one connection is in use elsewhere, for a little while each time.
    const held = await pool.connect();
    const { message } = await refusal(db.getSession({ sessionId: "s" }), "DATABASE_BUSY");
    expect(message).toContain("Make the pool larger.");
    held.release();
    await pool.end();
  });
});
