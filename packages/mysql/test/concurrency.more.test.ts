import { setTimeout as sleep } from "node:timers/promises";
import { MySqlSessionDb } from "@sessiondb/mysql";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freshDatabase, freshStore, onEachServer, query, withConnection } from "./support.ts";
import { TaskWorker } from "./task-worker.ts";

const workers: TaskWorker[] = [];
const first4 = (): TaskWorker[] => workers.slice(0, 4);

beforeAll(async () => {
  workers.push(...(await TaskWorker.startAll(16)));
}, 120_000);

afterAll(async () => {
  await Promise.all(workers.map((worker) => worker[Symbol.asyncDispose]()));
});

const timeout = 120_000;

onEachServer((server) => {
  test("64 writers in 4 processes append to one session without losing a run", { timeout }, async () => {
    await using db = await freshStore(server);
    const url = await freshDatabase(server.url);
    const names = first4().map((_, worker) => Array.from({ length: 16 }, (_none, writer) => `${worker}.${writer}`));
    const runs = 5;
    await Promise.all(
      first4().map((worker, index) =>
        worker.run({ task: "append", url, sessionId: "s", writers: names[index] ?? [], runs }),
      ),
    );
    await db.verifySchema();
    const rows = await query<{ run_id: string; run_index: number }>(
      url,
      "select run_id, run_index from agno_runs order by run_index, created_at, run_id",
    );
    const expected = names.flat().flatMap((name) => Array.from({ length: runs }, (_, index) => `${name}-${index}`));
    expect(rows.map((row) => row.run_id).toSorted()).toEqual(expected.toSorted());
    // The session's lock orders the writers, so here the numbers are even dense.
    expect(rows.map((row) => row.run_index)).toEqual(expected.map((_, index) => index));
  });

  test("1,000 increments from 4 processes add up", { timeout }, async () => {
    const url = await freshDatabase(server.url);
    const tasks = (times: number) =>
      first4().map((worker) => worker.run({ task: "increment", url, sessionId: "s", times }));
    await workers[0]?.run({ task: "append", url, sessionId: "s", writers: ["w"], runs: 1 });
    await Promise.all(tasks(250));
    const [row] = await query<{ count: unknown }>(
      url,
      "select json_extract(session_data, '$.session_state.count') as count from agno_sessions",
    );
    expect(Number(row?.count)).toBe(1000);
  });

  test("writers on different sessions do not wait for each other", { timeout }, async () => {
    const url = await freshDatabase(server.url);
    const ids = Array.from({ length: 40 }, (_, index) => `s${String(index).padStart(2, "0")}`);
    await workers[0]?.run({ task: "turns", url, sessionIds: ids.filter((_, index) => index % 2 === 0) });
    await withConnection(url, async (held) => {
      // A turn in the midst of the others' ids that has written everything and commits nothing.
      await held.query("set session transaction isolation level read committed");
      await held.query("start transaction");
      await held.query("update agno_sessions set updated_at = updated_at + 1 where session_id = 's20'");
      await held.query(
        "insert into agno_runs (run_id, session_id, run_type, run_index, run_data, created_at) values ('held', 's20', 'agent', 1, '{}', 1)",
      );
      const slowest = await Promise.all(
        first4().map((worker, index) =>
          worker.run({
            task: "turns",
            url,
            // Old sessions and new ones, of all processes side by side.
            sessionIds: ids.filter((id, place) => place % 4 === index && id !== "s20"),
          }),
        ),
      );
      expect(Math.max(...(slowest as number[]))).toBeLessThan(5000);
      await held.query("rollback");
    });
  });

  test("16 processes run the first operation simultaneously on an empty database, 25 times", { timeout }, async () => {
    for (let round = 0; round < 25; round += 1) {
      const url = await freshDatabase(server.url);
      await Promise.all(workers.map((worker, index) => worker.run({ task: "first", url, sessionId: `s${index}` })));
      const [row] = await query<{ runs: number }>(url, "select count(*) as runs from agno_runs");
      expect(row?.runs).toBe(16);
    }
  });

  test(
    "50 concurrent callers in 5 processes that pop the last message get 50 different ones",
    { timeout },
    async () => {
      const url = await freshDatabase(server.url);
      await using db = new MySqlSessionDb({ url });
      const messages = Array.from({ length: 50 }, (_, index) => ({ role: "user", content: `message ${index}` }));
      await db.upsertRun({ session: agentSession("s"), run: agentRun("r", { messages }) });
      const popped = await Promise.all(
        workers.slice(0, 5).map((worker) => worker.run({ task: "pop", url, runId: "r", times: 10 })),
      );
      expect(new Set(popped.flat())).toEqual(new Set(messages.map(({ content }) => content)));
      expect(popped.flat()).toHaveLength(50);
      expect(await db.getRun({ runId: "r" })).toMatchObject({ messages: [] });
    },
  );

  test("turns from 4 processes that also change other sessions, in crossing orders, add up", { timeout }, async () => {
    const url = await freshDatabase(server.url);
    const orders = [
      ["a", "b", "c"],
      ["c", "b", "a"],
      ["b", "c", "a"],
      ["a", "c", "b"],
    ];
    await Promise.all(
      first4().map((worker, index) =>
        worker.run({ task: "cross", url, sessionIds: orders[index] ?? [], name: `w${index}`, times: 25 }),
      ),
    );
    await using db = new MySqlSessionDb({ url });
    const { sessions } = await db.getSessions({ includeRuns: true });
    expect(
      sessions.map(({ sessionId, sessionState, runs }) => [sessionId, sessionState["count"], runs.length]),
    ).toEqual(
      expect.arrayContaining([
        ["a", 100, 50],
        ["b", 100, 25],
        ["c", 100, 25],
      ]),
    );
  });

  test("deadlocks are retried", { timeout }, async () => {
    const url = await freshDatabase(server.url);
    await workers[0]?.run({ task: "turns", url, sessionIds: ["a", "b"] });
    const before = await deadlocks(server.url);
    await withConnection(url, async (other) => {
      // It locks the sessions the other way round, and has written more: the store's transactions are those undone.
      await other.query("create table written (n int primary key)");
      await other.query("start transaction");
      const rows = Array.from({ length: 100 }, (_, index) => `(${index})`);
      await other.query(`insert into written values ${rows.join()}`);
      await other.query("select * from agno_sessions where session_id = 'b' for update");
      const writes = first4().map((worker) => worker.run({ task: "together", url, sessionIds: ["a", "b"], times: 5 }));
      const allWait = "select count(*) as waiting from information_schema.innodb_trx where trx_state = 'LOCK WAIT'";
      while (Number((await query<{ waiting: number }>(url, allWait))[0]?.waiting) < 4) {
        // Asked more often than every 100 ms, InnoDB repeats its last answer.
        await sleep(200);
      }
      await other.query("select * from agno_sessions where session_id = 'a' for update");
      await other.query("commit");
      await Promise.all(writes);
    });
    expect(await deadlocks(server.url)).toBeGreaterThan(before);
    const [row] = await query<{ sessions: number }>(url, "select count(*) as sessions from agno_sessions");
    expect(row?.sessions).toBe(2);
  });
});

async function deadlocks(url: string): Promise<number> {
  const metric = "select count as count from information_schema.innodb_metrics where name = 'lock_deadlocks'";
  const [row] = await query<{ count: number }>(url, metric);
  return Number(row?.count);
}
