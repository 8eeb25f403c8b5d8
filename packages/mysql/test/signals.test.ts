import { setTimeout as sleep } from "node:timers/promises";
import { MySqlSessionDb } from "@sessiondb/mysql";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { NetworkProxy } from "@sessiondb/testing/network-proxy";
import { createPool } from "mysql2/promise";
import { expect, test } from "vitest";
import { connect, freshDatabase, onEachServer, query, withConnection } from "./support.ts";

const timeout = 60_000;

/** Aborts a call once it is at work, and returns how long it took to reject with the reason. */
async function abort(call: (signal: AbortSignal) => Promise<unknown>, atWork: () => Promise<unknown>): Promise<number> {
  const controller = new AbortController();
  const reason = new Error("Enough");
  const outcome = call(controller.signal).then(
    () => "resolved",
    (error: unknown) => error,
  );
  await atWork();
  const start = performance.now();
  controller.abort(reason);
  expect(await outcome).toBe(reason);
  return performance.now() - start;
}

/** Resolves when as many transactions wait for a lock in the database. */
async function waiting(url: string, count: number): Promise<void> {
  const waiters =
    "select count(*) as waiters from information_schema.innodb_trx as t join information_schema.processlist as p on p.id = t.trx_mysql_thread_id where t.trx_state = 'LOCK WAIT' and p.db = database()";
  while (Number((await query<{ waiters: number }>(url, waiters))[0]?.waiters) < count) {
    // Asked more often than every 100 ms, InnoDB repeats its last answer.
    await sleep(200);
  }
}

onEachServer((server) => {
  test("writes aborted while they wait for a lock reject at once and store nothing", { timeout }, async () => {
    const url = await freshDatabase(server.url);
    await using db = new MySqlSessionDb({ url, poolSize: 2 });
    await db.upsertRun({ session: agentSession("s"), run: agentRun("a") });
    const also = [{ session: agentSession("also"), change: { sessionName: "New" } }];
    const calls: ((signal: AbortSignal) => Promise<unknown>)[] = [
      (signal) => db.upsertRun({ session: agentSession("s"), run: agentRun("b"), signal }),
      (signal) =>
        db.upsertRun({ session: agentSession("s"), run: agentRun("b"), change: { sessionName: "No" }, also, signal }),
      (signal) => db.updateRun({ runId: "a", signal }, () => null),
      (signal) => db.deleteSession({ sessionId: "s", signal }),
    ];
    await withConnection(url, async (held) => {
      for (const call of calls) {
        const before = await db.getSession({ sessionId: "s" });
        await held.query("start transaction");
        await held.query("select * from agno_sessions where session_id = 's' for update");
        expect(await abort(call, () => waiting(url, 1))).toBeLessThan(1000);
        // The pool has a connection for others, though the server may still be busy with the one given up.
        expect(await db.getSession({ sessionId: "s" })).toEqual(before);
        await db.upsertSession(agentSession("other"));
        await held.query("rollback");
        await db.updateSession({ sessionId: "s" }, {});
        expect((await db.getSession({ sessionId: "s" }))?.runs.map(({ runId }) => runId)).toEqual(["a"]);
        expect(await db.getSession({ sessionId: "also" })).toBeNull();
      }
    });
    expect((await db.upsertRun({ session: agentSession("s"), run: agentRun("b") })).stored).toBe(true);
  });

  test("an aborted turn releases its locks", { timeout }, async () => {
    const url = await freshDatabase(server.url);
    await using db = new MySqlSessionDb({ url });
    await db.upsertSessions([agentSession("a"), agentSession("b")]);
    await withConnection(url, async (held) => {
      await held.query("start transaction");
      await held.query("select * from agno_sessions where session_id = 'b' for update");
      // It has locked the one, and waits for the other.
      const also = [{ session: agentSession("a"), change: { sessionName: "No" } }];
      const turn = { session: agentSession("b"), run: agentRun("r"), also };
      await abort(
        (signal) => db.upsertRun({ ...turn, signal }),
        () => waiting(url, 1),
      );
      const start = performance.now();
      await db.updateSession({ sessionId: "a" }, { sessionState: { count: 1 } });
      expect(performance.now() - start).toBeLessThan(5000);
      await held.query("rollback");
    });
    expect(await db.getSession({ sessionId: "a" })).toMatchObject({ sessionName: null, sessionState: { count: 1 } });
    expect((await db.getSession({ sessionId: "b" }))?.runs).toEqual([]);
  });

  test("calls aborted while the pool is exhausted leave its queue", { timeout }, async () => {
    const url = await freshDatabase(server.url);
    const pool = createPool({ uri: url.replace("mariadb:", "mysql:"), connectionLimit: 1 });
    try {
      await using db = new MySqlSessionDb({ pool });
      await db.upsertRun({ session: agentSession("s"), run: agentRun("a") });
      const held = await pool.getConnection();
      const write = (signal: AbortSignal) => db.upsertRun({ session: agentSession("s"), run: agentRun("b"), signal });
      expect(await abort(write, () => sleep(20))).toBeLessThan(1000);
      expect(
        await abort(
          (signal) => db.getSessions({ signal }),
          () => sleep(20),
        ),
      ).toBeLessThan(1000);
      const next = db.getSession({ sessionId: "s" });
      held.release();
      expect((await next)?.runs.map(({ runId }) => runId)).toEqual(["a"]);
      expect(pool.pool).toMatchObject({ _connectionQueue: { length: 0 }, _freeConnections: { length: 1 } });
    } finally {
      await pool.end();
    }
  });

  test("a read aborted while the server says nothing rejects at once", { timeout }, async () => {
    await using proxy = await NetworkProxy.to(await freshDatabase(server.url));
    await using db = new MySqlSessionDb({ url: proxy.url, poolSize: 1 });
    await db.upsertRun({ session: agentSession("s"), run: agentRun("a") });
    proxy.onAnswer = () => "hold";
    const read = (signal: AbortSignal) => db.getSession({ sessionId: "s", signal });
    expect(await abort(read, () => sleep(50))).toBeLessThan(1000);
    proxy.onAnswer = () => "pass";
    expect((await db.getSession({ sessionId: "s" }))?.runs).toHaveLength(1);
  });

  test("a commit that is under way is not interrupted", { timeout }, async () => {
    await using proxy = await NetworkProxy.to(await freshDatabase(server.url));
    await using db = new MySqlSessionDb({ url: proxy.url });
    await db.upsertRun({ session: agentSession("s"), run: agentRun("a") });
    const controller = new AbortController();
    proxy.onRequest = (bytes) => {
      if (bytes.includes("COMMIT")) {
        controller.abort(new Error("Too late"));
      }
      return "pass";
    };
    const turn = db.upsertRun({ session: agentSession("s"), run: agentRun("b"), signal: controller.signal });
    expect(await turn).toEqual({ stored: true, deletedRuns: 0 });
    expect(controller.signal.aborted).toBe(true);
    expect((await db.getSession({ sessionId: "s" }))?.runs).toHaveLength(2);
  });

  test(
    "an aborted write in the caller's transaction is undone, and the transaction continues",
    { timeout },
    async () => {
      const url = await freshDatabase(server.url);
      await using db = new MySqlSessionDb({ url });
      await db.upsertRun({ session: agentSession("s"), run: agentRun("a") });
      const connection = await connect(url);
      await connection.beginTransaction();
      await using inside = db.withTransaction(connection);
      await inside.upsertRun({ session: agentSession("t"), run: agentRun("t1") });
      await withConnection(url, async (held) => {
        await held.query("start transaction");
        await held.query("select * from agno_sessions where session_id = 's' for update");
        const controller = new AbortController();
        const reason = new Error("Enough");
        const outcome = inside
          .upsertRun({ session: agentSession("s"), run: agentRun("b"), signal: controller.signal })
          .catch((error: unknown) => error);
        await waiting(url, 1);
        controller.abort(reason);
        await held.query("rollback");
        expect(await outcome).toBe(reason);
      });
      await inside.upsertRun({ session: agentSession("t"), run: agentRun("t2") });
      await connection.commit();
      await connection.end();
      expect((await db.getSession({ sessionId: "s" }))?.runs.map(({ runId }) => runId)).toEqual(["a"]);
      expect((await db.getSession({ sessionId: "t" }))?.runs.map(({ runId }) => runId)).toEqual(["t1", "t2"]);
    },
  );
});
