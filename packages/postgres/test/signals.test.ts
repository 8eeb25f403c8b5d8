import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { afterEach, describe, expect, inject, test } from "vitest";
import { PostgresSessionDb } from "@sessiondb/postgres";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { Sandbox } from "./support.ts";

const reason = new Error("the caller has left");

/** Aborts after some milliseconds, with the reason above. */
function abortIn(milliseconds: number): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => controller.abort(reason), milliseconds);
  return controller.signal;
}

/** What a call rejects with, and after how long. */
async function rejection(call: Promise<unknown>): Promise<{ error: unknown; milliseconds: number }> {
  const start = performance.now();
  const error: unknown = await call.then(
    () => null,
    (cause: unknown) => cause,
  );
  return { error, milliseconds: performance.now() - start };
}

describe.skipIf(inject("postgres") === null)("a signal that aborts", () => {
  const sandbox = new Sandbox("postgres");
  const { url } = sandbox;
  const clients: pg.Client[] = [];
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.end()));
  });

  /** Locks the session `s` in a transaction of another connection. */
  async function lockSession(schema: string): Promise<pg.Client> {
    const client = await sandbox.connect();
    clients.push(client);
    await client.query("begin");
    await client.query(`select 1 from ${schema}.agno_sessions where session_id = 's' for update`);
    return client;
  }

  const session = agentSession("s");
  const calls: Readonly<Record<string, (db: PostgresSessionDb, signal: AbortSignal) => Promise<unknown>>> = {
    updateSession: (db, signal) => db.updateSession({ sessionId: "s", signal }, { metadata: { changed: true } }),
    "upsertRun with a change": (db, signal) =>
      db.upsertRun({ session, run: agentRun("new"), change: { metadata: { changed: true } }, signal }),
    "upsertRun with a condition": (db, signal) =>
      db.upsertRun({ session, run: agentRun("new"), onlyIfNewest: "r", signal }),
    upsertSession: (db, signal) => db.upsertSession({ ...session, metadata: { changed: true } }, { signal }),
    updateRun: (db, signal) => db.updateRun({ runId: "r", signal }, () => null),
    deleteSession: (db, signal) => db.deleteSession({ sessionId: "s", signal }),
    "deleteSessions by filter": (db, signal) => db.deleteSessions({ filter: { componentId: "agent-1" }, signal }),
    deleteRuns: (db, signal) => db.deleteRuns({ runIds: ["r"], signal }),
  };

  test.each(Object.entries(calls))("ends %s that waits for a lock, and nothing is written", async (_, call) => {
    const schema = sandbox.schema();
    await using db = new PostgresSessionDb({ url, schema, poolSize: 1 });
    await db.upsertRun({ session, run: agentRun("r") });
    const before = await db.getSession({ sessionId: "s" });
    const other = await lockSession(schema);
    const { error, milliseconds } = await rejection(call(db, abortIn(100)));
    expect(error).toBe(reason);
    expect(milliseconds).toBeLessThan(3000);
    await other.query("rollback");
    // The server notices that the connection has gone once it answers, so what it was asked may still fail after that.
    await sleep(100);
    expect(await db.getSession({ sessionId: "s" })).toEqual(before);
    expect(await db.upsertRun({ session, run: agentRun("later") })).toMatchObject({ stored: true });
  });

  test("ends the wait for a connection, which stays in the pool", async () => {
    const schema = sandbox.schema();
    const pool = new pg.Pool({ connectionString: url, max: 1 });
    await using db = new PostgresSessionDb({ pool, schema });
    await db.upsertRun({ session, run: agentRun("r") });
    const taken = await pool.connect();
    for (const read of [false, true]) {
      const signal = abortIn(50);
      const call = read ? db.getRun({ runId: "r", signal }) : db.upsertRun({ session, run: agentRun("new"), signal });
      expect((await rejection(call)).error).toBe(reason);
    }
    taken.release();
    expect((await db.getRuns()).runs.map(({ runId }) => runId)).toEqual(["r"]);
    expect(pool.waitingCount).toBe(0);
    await db.close();
    await pool.end();
  });

  test("ends a read at once, even if the server is slow to answer", async () => {
    const schema = sandbox.schema();
    await using db = new PostgresSessionDb({ url, schema });
    await db.upsertRun({ session, run: agentRun("r") });
    const client = await sandbox.connect();
    clients.push(client);
    await client.query("begin");
    await client.query(`lock table ${schema}.agno_runs in access exclusive mode`);
    const { error, milliseconds } = await rejection(db.getSession({ sessionId: "s", signal: abortIn(100) }));
    expect(error).toBe(reason);
    expect(milliseconds).toBeLessThan(3000);
    await client.query("rollback");
    expect((await db.getSession({ sessionId: "s" }))?.runs).toHaveLength(1);
  });

  test("leaves the caller's transaction usable", async () => {
    const schema = sandbox.schema();
    await using db = new PostgresSessionDb({ url, schema });
    await db.upsertRun({ session, run: agentRun("r") });
    const client = await sandbox.connect();
    clients.push(client);
    await client.query("begin");
    const within = db.withTransaction(client);
    await within.upsertRun({ session, run: agentRun("kept") });
    const controller = new AbortController();
    const change = () => {
      controller.abort(reason);
      return { metadata: { changed: true } };
    };
    const call = within.upsertRun({ session, run: agentRun("undone"), change, signal: controller.signal });
    expect((await rejection(call)).error).toBe(reason);
    await client.query("commit");
    const stored = await db.getSession({ sessionId: "s" });
    expect(stored?.runs.map(({ runId }) => runId)).toEqual(["r", "kept"]);
    expect(stored?.metadata).toBe(null);
  });
});

describe.skipIf(inject("postgres") === null)("a client in the caller's transaction", () => {
  const sandbox = new Sandbox("postgres");

  test("is refused for the store's own transactions; withTransaction refuses one outside a transaction", async () => {
    const schema = sandbox.schema();
    const client = await sandbox.connect();
    await using db = new PostgresSessionDb({ client, schema });
    await db.upsertRun({ session: agentSession("s"), run: agentRun("r") });
    await expect(db.withTransaction(client).getRun({ runId: "r" })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      argument: "client",
    });
    await client.query("begin");
    await expect(db.upsertRun({ session: agentSession("s"), run: agentRun("new") })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      argument: "client",
    });
    const within = db.withTransaction(client);
    await within.updateRun({ runId: "r" }, (run) => ({ ...run, content: "changed" }));
    await within.upsertRun({ session: agentSession("s"), run: agentRun("new"), deleteRunsAfter: null });
    expect((await within.getRuns()).runs.map(({ runId }) => runId)).toEqual(["new"]);
    await client.query("rollback");
    expect((await db.getRuns()).runs.map(({ content }) => content)).toEqual(["Answer of r"]);
    await db.close();
    await client.end();
  });

  test("two stores for one transaction take turns on it", async () => {
    const schema = sandbox.schema();
    await using db = new PostgresSessionDb({ url: sandbox.url, schema });
    await db.upsertSession(agentSession("theirs", { userId: "owner" }));
    const client = await sandbox.connect();
    await client.query("begin");
    const many = Array.from({ length: 12 }, (_, index) => agentSession(`b${index}`, { userId: "me" }));
    const [turn, refused, stored] = await Promise.allSettled([
      db.withTransaction(client).upsertRun({ session: agentSession("a"), run: agentRun("r") }),
      db.withTransaction(client).upsertSessions([...many, agentSession("theirs", { userId: "me" })]),
      db
        .withTransaction(client)
        .forUser("me")
        .upsertSessions([agentSession("c"), agentSession("d")]),
    ]);
    await client.query("commit");
    await client.end();
    expect([turn.status, refused.status, stored.status]).toEqual(["fulfilled", "rejected", "fulfilled"]);
    const { sessions } = await db.getSessions();
    expect(sessions.map(({ sessionId }) => sessionId).toSorted()).toEqual(["a", "c", "d", "theirs"]);
    expect((await db.getRuns()).runs.map(({ runId }) => runId)).toEqual(["r"]);
  });

  test("turns that change sessions in crossing orders from two pools wait for each other", async () => {
    const schema = sandbox.schema();
    await using one = new PostgresSessionDb({ url: sandbox.url, schema });
    await using other = new PostgresSessionDb({ url: sandbox.url, schema });
    const ids = ["a", "b", "c"];
    await one.upsertSessions(ids.map((id) => agentSession(id)));
    const add = { change: ({ sessionState }: { sessionState: object }) => ({ sessionState: plusOne(sessionState) }) };
    await Promise.all(
      Array.from({ length: 24 }, (_, index) => {
        const [id = "", ...rest] = [...ids.slice(index % 3), ...ids.slice(0, index % 3)];
        return (index % 2 === 0 ? one : other).upsertRun({
          session: agentSession(id),
          run: agentRun(`r${index}`),
          ...add,
          also: (index % 4 < 2 ? rest : rest.toReversed()).map((each) => ({ session: agentSession(each), ...add })),
        });
      }),
    );
    const { sessions } = await one.getSessions();
    expect(sessions.map(({ sessionState }) => sessionState)).toEqual([{ n: 24 }, { n: 24 }, { n: 24 }]);
  });
});

function plusOne(state: object): { n: number } {
  return { n: Number(Reflect.get(state, "n") ?? 0) + 1 };
}
