import { describe, expect, inject, test } from "vitest";
import { PostgresSessionDb } from "@sessiondb/postgres";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { runWorker, startWorker } from "@sessiondb/testing/worker";
import { Sandbox } from "./support.ts";

const processes = 4;
/** A process takes a second to start on a small machine; the stores in it start at once all the same. */
const starters = process.env["SESSIONDB_TEST_TIER"] === "slow" ? 16 : processes;
const rounds = 25;

const worker = (name: string) => new URL(`workers/${name}.ts`, import.meta.url);
const range = (length: number) => Array.from({ length }, (_, index) => index);

describe.skipIf(inject("postgres") === null)("processes", { timeout: 120_000 }, () => {
  const sandbox = new Sandbox("postgres");
  const { url } = sandbox;

  async function runsIn(schema: string): Promise<string[]> {
    const rows = await sandbox.query(
      `select run_id from ${schema}.agno_runs order by run_index, created_at, run_id collate "C"`,
    );
    return rows.map(({ run_id }) => String(run_id));
  }

  test.each(["s", "own"])(
    "64 writers that append to the session %s lose nothing and keep their order",
    async (session) => {
      const schema = sandbox.schema();
      const [writers, each] = [16, 10];
      await Promise.all(
        range(processes).map((name) => runWorker(worker("append-runs"), [url, schema, session, writers, each, name])),
      );
      const stored = await runsIn(schema);
      expect(stored).toHaveLength(processes * writers * each);
      for (const name of range(processes).flatMap((process) =>
        range(writers).map((writer) => `${process}.${writer}`),
      )) {
        expect(stored.filter((id) => id.startsWith(`${name}-`))).toEqual(
          range(each).map((index) => `${name}-${index}`),
        );
      }
      await using db = new PostgresSessionDb({ url, schema });
      const read = await db.getSessions({ includeRuns: true, limit: 100 });
      expect(read.sessions.flatMap(({ runs }) => runs)).toHaveLength(stored.length);
    },
  );

  test("1,000 increments add up", async () => {
    const schema = sandbox.schema();
    await using db = new PostgresSessionDb({ url, schema });
    await db.upsertSession(agentSession("s", { sessionData: { session_state: { kept: true } } }));
    await Promise.all(range(processes).map(() => runWorker(worker("count-up"), [url, schema, 1000 / processes])));
    expect((await db.getSession({ sessionId: "s" }))?.sessionState).toEqual({ counter: 1000, kept: true });
  });

  test("50 callers in 5 processes that pop the last message get 50 different ones", async () => {
    const schema = sandbox.schema();
    await using db = new PostgresSessionDb({ url, schema });
    const messages = range(50).map((number) => ({ role: "user", id: `m${number}`, content: "hi" }));
    await db.upsertRun({ session: agentSession("s"), run: agentRun("r", { messages }) });
    const popped = await Promise.all(range(5).map(() => runWorker(worker("pop-messages"), [url, schema, 10])));
    expect(new Set(popped.flatMap((output) => output.trim().split("\n")))).toEqual(
      new Set(messages.map(({ id }) => id)),
    );
    expect(await db.getRun({ runId: "r" })).toMatchObject({ messages: [] });
  });

  test(`${rounds} empty databases are each first used by ${starters} processes and 16 stores at once`, async () => {
    const workers = range(starters).map((name) => startWorker(worker("first-operation"), [url, 16 / starters, name]));
    await Promise.all(workers.map((each) => each.said("ready")));
    for (let round = 0; round < rounds; round += 1) {
      const schema = sandbox.schema();
      workers.forEach((each) => each.tell(schema));
      await Promise.all(workers.map((each) => each.said(schema)));
      expect(await runsIn(schema)).toHaveLength(16);
      expect(await sandbox.query(`select * from ${schema}.agno_schema_versions`)).toHaveLength(2);
    }
    await Promise.all(workers.map((each) => each[Symbol.asyncDispose]()));
  });

  test("writers on different sessions do not wait for each other", async () => {
    const schema = sandbox.schema();
    await using db = new PostgresSessionDb({ url, schema });
    await db.upsertSessions([agentSession("held"), agentSession("free")]);
    const holder = await sandbox.connect();
    await holder.query("begin");
    await holder.query(`select 1 from ${schema}.agno_sessions where session_id = 'held' for update`);
    const waiting = db.upsertRun({ session: agentSession("held"), run: agentRun("r1") });
    await db.upsertRun({ session: agentSession("free"), run: agentRun("r2") });
    await db.upsertRun({ session: agentSession("new"), run: agentRun("r3") });
    await db.updateSession({ sessionId: "free" }, { sessionState: {} });
    expect(await db.getRun({ runId: "r1" })).toBeNull();
    await holder.query("rollback");
    await holder.end();
    await waiting;
    expect(await db.getRun({ runId: "r1" })).not.toBeNull();
  });

  test.each(["40001", "40P01", "55P03"])("operations that fail with %s are retried", async (code) => {
    const schema = sandbox.schema();
    await using db = new PostgresSessionDb({ url, schema });
    await db.upsertSession(agentSession("s"));
    // A sequence is not rolled back, so the first tries of each operation fail, and then it goes through.
    await sandbox.query(
      `create sequence ${schema}.tries`,
      `create function ${schema}.fail() returns trigger language plpgsql as $$ begin
         if nextval('${schema}.tries') <= 3 then raise exception 'provoked' using errcode = '${code}'; end if;
         return coalesce(new, old); end $$`,
      `create trigger fail before insert or update or delete on ${schema}.agno_sessions for each row execute function ${schema}.fail()`,
    );
    for (const operation of [
      () => db.upsertRun({ session: agentSession("s"), run: agentRun("r1") }),
      () => db.upsertRun({ session: agentSession("new"), run: agentRun("r2") }),
      () => db.updateSession({ sessionId: "s" }, ({ sessionState }) => ({ sessionState: { ...sessionState, a: 1 } })),
      () => db.upsertSessions([agentSession("s"), agentSession("t")]),
      () => db.deleteSession({ sessionId: "t" }),
    ]) {
      await sandbox.query(`alter sequence ${schema}.tries restart`);
      await operation();
      expect(await sandbox.query(`select last_value > 3 as failed from ${schema}.tries`)).toEqual([{ failed: true }]);
    }
    expect(await db.getSession({ sessionId: "t" })).toBeNull();
    expect((await db.getSession({ sessionId: "s" }))?.runs).toHaveLength(1);
  });

  test("operations that keep failing are an error within the time allowed", async () => {
    const schema = sandbox.schema();
    await using db = new PostgresSessionDb({ url, schema, retryTimeout: 200 });
    await db.upsertSession(agentSession("s"));
    await sandbox.query(
      `create function ${schema}.fail() returns trigger language plpgsql as $$ begin
         raise exception 'provoked' using errcode = '40001'; end $$`,
      `create trigger fail before update on ${schema}.agno_sessions for each row execute function ${schema}.fail()`,
    );
    const refused = db.upsertRun({ session: agentSession("s"), run: agentRun("r1") });
    await expect(refused).rejects.toMatchObject({ code: "DATABASE_BUSY" });
  });
});
