import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { describe, expect, inject, test } from "vitest";
import { PostgresSessionDb } from "@sessiondb/postgres";
import { kindsOfDeletes, storeForDeletes } from "@sessiondb/testing/deletes";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { NetworkProxy } from "@sessiondb/testing/network-proxy";
import { Sandbox } from "./support.ts";

/** As it is sent: BEGIN … READ COMMITTED is another. */
const commit = "commit\0";

/** No wait is longer than what was allowed, give or take a slow machine. */
async function within<Value>(milliseconds: number, work: Promise<Value>): Promise<Value> {
  const late = sleep(milliseconds, null, { ref: false }).then(() => {
    throw new Error(`took longer than ${milliseconds} ms`);
  });
  return Promise.race([work, late]);
}

describe.skipIf(inject("postgres") === null)("faults", { timeout: 30_000 }, () => {
  const sandbox = new Sandbox("postgres");
  const { url } = sandbox;
  const session = agentSession("s");

  async function throughProxy(
    options: object = {},
  ): Promise<{ db: PostgresSessionDb; proxy: NetworkProxy; schema: string }> {
    const schema = sandbox.schema();
    const proxy = await NetworkProxy.to(url);
    const db = new PostgresSessionDb({ url: proxy.url, schema, ...options });
    await db.upsertSession(session);
    return { db, proxy, schema };
  }

  const terminate = (schema: string) =>
    sandbox.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where query like '%${schema}%' and pid <> pg_backend_pid()`,
    );

  test("idle connections that the server cuts are silently replaced", async () => {
    const schema = sandbox.schema();
    await using db = new PostgresSessionDb({ url, schema });
    const numbers = [0, 1, 2, 3, 4];
    await db.upsertSession(session);
    for (let round = 0; round < 3; round += 1) {
      await Promise.all(numbers.map((n) => db.upsertRun({ session, run: agentRun(`${round}-${n}`) })));
      expect((await terminate(schema)).length).toBeGreaterThan(0);
    }
    expect((await db.getSession({ sessionId: "s" }))?.runs).toHaveLength(15);
  });

  test("a transaction whose connection is cut in the middle is repeated once", async () => {
    const schema = sandbox.schema();
    await using db = new PostgresSessionDb({ url, schema });
    await db.upsertSession(session);
    const holder = await sandbox.connect();
    await holder.query("begin");
    await holder.query(`select 1 from ${schema}.agno_sessions for update`);
    const waiting = db.updateSession({ sessionId: "s" }, ({ sessionState }) => ({
      sessionState: { count: Number(sessionState["count"] ?? 0) + 1 },
    }));
    await sleep(100);
    await sandbox.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where wait_event_type = 'Lock' and query like '%${schema}%'`,
    );
    await sleep(50);
    await holder.query("rollback");
    await holder.end();
    expect((await waiting)?.sessionState).toEqual({ count: 1 });
  });

  test("a turn whose reply is lost is stored once", async () => {
    const { db, proxy, schema } = await throughProxy();
    proxy.loseReplyTo("with touched");
    await db.upsertRun({ session, run: agentRun("r") });
    proxy.loseReplyTo(commit);
    await db.upsertRun({ session: agentSession("first"), run: agentRun("r2") });
    expect(proxy.lostReplies).toBe(2);
    const rows = await sandbox.query(`select run_id, run_index::int from ${schema}.agno_runs order by run_id`);
    expect(rows).toEqual([
      { run_id: "r", run_index: 0 },
      { run_id: "r2", run_index: 0 },
    ]);
    await db.close();
    await proxy[Symbol.asyncDispose]();
  });

  test("a change whose commit is not acknowledged is never made twice, and the error says so", async () => {
    const { db, proxy } = await throughProxy();
    const count = () =>
      db.updateSession({ sessionId: "s" }, ({ sessionState }) => ({
        sessionState: { count: Number(sessionState["count"] ?? 0) + 1 },
      }));
    await count();
    proxy.loseReplyTo(commit);
    await expect(count()).rejects.toMatchObject({
      code: "DATABASE_UNREACHABLE",
      message: expect.stringContaining("is unknown") as string,
    });
    // This time it was committed; the store goes on with a new connection.
    expect((await count())?.sessionState).toEqual({ count: 3 });
    await db.close();
    await proxy[Symbol.asyncDispose]();
  });

  test("a delete whose commit is not acknowledged counts what it deleted", async () => {
    const { db, proxy } = await throughProxy();
    await db.deleteSession({ sessionId: "s" });
    for (const [index, { name, call, result }] of kindsOfDeletes.entries()) {
      await storeForDeletes(db);
      proxy.loseReplyTo(commit);
      expect([name, await call(db)]).toEqual([name, result]);
      expect(proxy.lostReplies).toBe(index + 1);
    }
    await db.close();
    await proxy[Symbol.asyncDispose]();
  });

  test("a delete that cannot be repeated after its commit was lost does not say that nothing was deleted", async () => {
    const { db, proxy, schema } = await throughProxy({ retryTimeout: 300, connectionTimeout: 200 });
    await storeForDeletes(db);
    proxy.onRequest = (bytes) => {
      proxy.reachable &&= !bytes.includes(commit);
      return "pass";
    };
    proxy.loseReplyTo(commit);
    await expect(db.deleteSession({ sessionId: "d0" })).rejects.toMatchObject({
      code: "DATABASE_UNREACHABLE",
      message: expect.stringContaining("is unknown") as string,
    });
    expect(await sandbox.query(`select 1 from ${schema}.agno_sessions where session_id = 'd0'`)).toEqual([]);
    await db.close();
    await proxy[Symbol.asyncDispose]();
  });

  test("connections cut again and again during turns lose no acknowledged run", async () => {
    const { db, proxy } = await throughProxy();
    const stop = new AbortController();
    const cutting = (async () => {
      while (!stop.signal.aborted) {
        await sleep(80);
        proxy.cutAll();
      }
    })();
    const ids = Array.from({ length: 60 }, (_, index) => `r${index}`);
    await Promise.all(
      [0, 1, 2, 3].map(async (writer) => {
        for (const id of ids.filter((_, index) => index % 4 === writer)) {
          await db.upsertRun({ session, run: agentRun(id) });
        }
      }),
    );
    stop.abort();
    await cutting;
    const stored = (await db.getSession({ sessionId: "s" }))?.runs.map(({ runId }) => runId);
    expect(stored?.toSorted()).toEqual(ids.toSorted());
    await db.close();
    await proxy[Symbol.asyncDispose]();
  });

  /** A server's last words: an error, and the end of the connection. */
  const farewell = Buffer.concat(
    ["E\0\0\0\0", "SFATAL\0", "VFATAL\0", "C57P01\0", "Mterminating connection\0", "\0"].map((part) =>
      Buffer.from(part),
    ),
  );
  farewell.writeInt32BE(farewell.length - 1, 1);

  test.each(["a pool of its own", "a pool of the caller's"])(
    "last words of the server right behind any of its answers end no process: %s",
    async (kind) => {
      const schema = sandbox.schema();
      await using direct = new PostgresSessionDb({ url, schema });
      await direct.upsertSession(session);
      let isOver = false;
      for (let at = 0; !isOver; at += 1) {
        await using proxy = await NetworkProxy.to(url);
        let answers = 0;
        proxy.onAnswer = (bytes) => {
          answers += 1;
          return answers === at + 1 ? Buffer.concat([bytes, farewell]) : "pass";
        };
        const pool = new pg.Pool({ connectionString: proxy.url, max: 1 });
        pool.on("error", () => {});
        await using db = new PostgresSessionDb({
          ...(kind === "a pool of its own" ? { url: proxy.url } : { pool }),
          schema,
        });
        await db.upsertRun({ session, run: agentRun(`${kind} ${at}`) });
        isOver = answers <= at;
        expect((await db.getSession({ sessionId: "s", runsLimit: 1 }))?.runs[0]?.runId).toBe(`${kind} ${at}`);
        await db.close();
        await pool.end();
      }
    },
  );

  test("a server that stops answering is an error after a bounded wait, and no connection stays in the pool", async () => {
    const { db, proxy } = await throughProxy({ statementTimeout: 600, connectionTimeout: 600, retryTimeout: 300 });
    proxy.onRequest = () => "hold";
    await expect(within(4000, db.getSession({ sessionId: "s" }))).rejects.toMatchObject({ code: "DATABASE_BUSY" });
    await expect(within(4000, db.getSession({ sessionId: "s" }))).rejects.toMatchObject({
      code: "DATABASE_UNREACHABLE",
    });
    proxy.onRequest = () => "pass";
    proxy.cutAll();
    expect(await db.getSession({ sessionId: "s" })).not.toBeNull();
    await db.close();
    await proxy[Symbol.asyncDispose]();
  });

  test("a lock that is never released is an error after a bounded wait", async () => {
    const schema = sandbox.schema();
    await using db = new PostgresSessionDb({ url, schema, statementTimeout: 200 });
    await db.upsertSession(session);
    const holder = await sandbox.connect();
    await holder.query("begin");
    await holder.query(`select 1 from ${schema}.agno_sessions for update`);
    await expect(within(2000, db.renameSession({ sessionId: "s", sessionName: "x" }))).rejects.toMatchObject({
      code: "DATABASE_BUSY",
    });
    await expect(within(2000, db.upsertRun({ session, run: agentRun("r") }))).rejects.toMatchObject({
      code: "DATABASE_BUSY",
    });
    await holder.end();
  });

  test("an exhausted pool is an error after a bounded wait, and loses no connection", async () => {
    const schema = sandbox.schema();
    const pool = new pg.Pool({ connectionString: url, max: 1 });
    const db = new PostgresSessionDb({ pool, schema, connectionTimeout: 100 });
    await db.upsertSession(session);
    const client = await pool.connect();
    const refused = within(2000, db.getSession({ sessionId: "s" }));
    await expect(refused).rejects.toMatchObject({
      code: "DATABASE_BUSY",
      message: expect.stringContaining("pool") as string,
    });
    client.release();
    expect(await db.getSession({ sessionId: "s" })).not.toBeNull();
    await db.close();
    // The pool is the caller's own, and open.
    expect((await pool.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
    await pool.end();
  });

  test("the error of a missing server names it, without the password", async () => {
    const proxy = await NetworkProxy.to(url);
    await proxy[Symbol.asyncDispose]();
    const { host } = new URL(proxy.url);
    await using db = new PostgresSessionDb({ url: `postgres://me:s3cret@${host}/mine` });
    const refused = await within(2000, db.getSession({ sessionId: "s" })).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "DATABASE_UNREACHABLE" });
    expect(String(refused)).toContain(`${host}/mine`);
    expect(String(refused)).not.toContain("s3cret");
    await using elsewhere = new PostgresSessionDb({ url: "postgres://nowhere.invalid/mine" });
    await expect(elsewhere.getSession({ sessionId: "s" })).rejects.toMatchObject({ code: "DATABASE_UNREACHABLE" });
    await using missing = new PostgresSessionDb({ url: url.replace(/\/postgres$/, "/no_such_database") });
    await expect(missing.getSession({ sessionId: "s" })).rejects.toMatchObject({ code: "DATABASE_UNREACHABLE" });
  });

  test("a read-only database can be read, and its writes are refused as such", async () => {
    const schema = sandbox.schema();
    await using writer = new PostgresSessionDb({ url, schema });
    await writer.upsertSession(session);
    await using db = new PostgresSessionDb({ url: `${url}?options=-c%20default_transaction_read_only%3Don`, schema });
    expect(await db.getSession({ sessionId: "s" })).not.toBeNull();
    for (const write of [
      () => db.upsertRun({ session, run: agentRun("r") }),
      () => db.updateSession({ sessionId: "s" }, { metadata: {} }),
      () => db.deleteSession({ sessionId: "s" }),
    ]) {
      await expect(write()).rejects.toMatchObject({ code: "DATABASE_READ_ONLY" });
    }
  });

  test("the store waits when the server has no connections left", async () => {
    const schema = sandbox.schema();
    const role = `sessiondb_few_${randomBytes(4).toString("hex")}`;
    await sandbox.query(`create role ${role} login superuser connection limit 1`, `alter role ${role} nosuperuser`);
    await sandbox.query(`create schema ${schema} authorization ${role}`);
    const own = new URL(url);
    own.username = role;
    const occupant = new pg.Client({ connectionString: own.href });
    await occupant.connect();
    await using db = new PostgresSessionDb({ url: own.href, schema, retryTimeout: 300, poolSize: 1 });
    await expect(within(3000, db.getSession({ sessionId: "s" }))).rejects.toMatchObject({ code: "DATABASE_BUSY" });
    const waiting = db.getSession({ sessionId: "s" });
    await occupant.end();
    expect(await waiting).toBeNull();
    await db.close();
    await sandbox.query(`drop owned by ${role} cascade`, `drop role ${role}`);
  });

  test("an id longer than the column of a table made elsewhere is refused, and nothing is half-written", async () => {
    const schema = sandbox.schema();
    await using db = new PostgresSessionDb({ url, schema });
    await db.migrate();
    await sandbox.query(`alter table ${schema}.agno_runs alter column run_id type varchar(36)`);
    const refused = db.upsertRun({ session: agentSession("new"), run: agentRun("r".repeat(37)) });
    await expect(refused).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining("36") as string,
    });
    expect(await db.getSession({ sessionId: "new" })).toBeNull();
    await expect(db.upsertSession(agentSession("i".repeat(256)))).rejects.toMatchObject({
      message: expect.stringContaining("at most 255 characters long, not 256") as string,
    });
  });
});
