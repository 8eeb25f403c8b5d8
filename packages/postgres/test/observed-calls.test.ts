import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { ObservedPool } from "@sessiondb/core";
import { PostgresSessionDb } from "@sessiondb/postgres";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { observeCalls } from "@sessiondb/testing/observed-calls";
import pg from "pg";
import { expect, test } from "vitest";
import { Sandbox } from "./support.ts";

const sandbox = new Sandbox("postgres");
const calls = observeCalls();

test("counts the statements of calls at the same time apart", async () => {
  await using db = sandbox.open();
  const sessionOf = (count: number): string => `s${count}`;
  const counts = Array.from({ length: 8 }, (_, index) => index + 1);
  for (const count of counts) {
    const runs = Array.from({ length: count }, (_, index) => agentRun(`${count}.${index}`));
    await db.upsertSession({ ...agentSession(sessionOf(count)), runs });
  }
  calls.length = 0;
  await Promise.all(counts.map((count) => db.getSession({ sessionId: sessionOf(count) })));
  expect(calls.map(({ store, statements, rows }) => ({ store, statements, rows }))).toEqual(
    expect.arrayContaining(counts.map((count) => ({ store: "postgres", statements: 1, rows: count + 1 }))),
  );
});

test("tells that a call was tried again after its connection was lost", async () => {
  const schema = sandbox.schema();
  await using db = sandbox.opener({ schema, poolSize: 1 })();
  await db.upsertSession(agentSession("s"));
  const held = await sandbox.connect();
  await held.query(`begin; select 1 from ${schema}.agno_sessions for update`);
  const waiting = db.upsertRun({ session: agentSession("s"), run: agentRun("r") });
  await expect
    .poll(async () => {
      const killed = await sandbox.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where wait_event_type = 'Lock' and query like '%${schema}%'`,
      );
      return killed.length;
    })
    .toBe(1);
  await held.query("rollback");
  await held.end();
  await waiting;
  expect(calls.at(-1)).toMatchObject({ method: "upsertRun", outcome: "succeeded", errorCode: null });
  expect(calls.at(-1)?.retries).toBeGreaterThan(0);
});

test("tells what the pool is in use for, and which connections the server has not let go of", async () => {
  const states: ObservedPool[] = [];
  const watcher = (state: unknown): number => states.push(state as ObservedPool);
  const schema = sandbox.schema();
  const pool = new pg.Pool({ connectionString: sandbox.url, max: 1 });
  {
    await using db = new PostgresSessionDb({ pool, schema, statementTimeout: 400, retryTimeout: 0 });
    await db.upsertSession(agentSession("s"));
    const holder = await sandbox.connect();
    await holder.query(`begin; select 1 from ${schema}.agno_sessions for update`);
    subscribe("sessiondb:pool", watcher);
    const turns = ["a", "b"].map((runId) => db.upsertRun({ session: agentSession("s"), run: agentRun(runId) }));
    const [first] = await Promise.allSettled(turns);
    await holder.query("rollback");
    await holder.end();
    expect(first).toMatchObject({ status: "rejected", reason: { code: "DATABASE_BUSY" } });
  }
  await pool.end();
  await expect.poll(() => states.at(-1)).toEqual({ store: "postgres", used: 0, waiting: 0, abandoned: 0 });
  unsubscribe("sessiondb:pool", watcher);
  expect(states).toContainEqual({ store: "postgres", used: 1, waiting: 1, abandoned: 0 });
  expect(states).toContainEqual({ store: "postgres", used: 1, waiting: 1, abandoned: 1 });
  expect(states.every(({ used }) => used <= 1)).toBe(true);
});
