import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { programOf } from "../../../scripts/servers/mysql-databases.ts";
import { startMysql, type MysqlProgram } from "../../../scripts/servers/mysql.ts";
import { query } from "./support.ts";
import { TaskWorker } from "./task-worker.ts";

/** Kills a server under load, again and again; its clients go on by themselves, and lose nothing that was acknowledged. */
export async function killRounds(flavour: MysqlProgram["flavour"], rounds: number): Promise<void> {
  const program = await programOf(flavour);
  if (program === null) {
    throw new Error(`${flavour} is to be had as a container only, which cannot be killed here`);
  }
  const server = await startMysql({ program, durable: true });
  const workers = await TaskWorker.startAll(4);
  const codes = new Set<string>();
  try {
    // Each client reaches the server before it is killed.
    for (const [index, worker] of workers.entries()) {
      await worker.run({ task: "append", url: server.url, sessionId: "s0", writers: [`first.${index}`], runs: 1 });
    }
    const acknowledged = new Set<string>();
    for (let round = 0; round < rounds; round += 1) {
      const writing = workers.map((worker, index) =>
        worker.run({
          task: "endure",
          url: server.url,
          // Two sessions, each with two writers.
          sessionId: `s${index % 2}`,
          milliseconds: 2500,
          name: `${round}.${index}`,
        }),
      );
      await sleep(300 + Math.random() * 700);
      await server.kill();
      await sleep(Math.random() * 200);
      await server.restart();
      for (const outcome of await Promise.all(writing)) {
        const { acknowledged: ids, errors } = outcome as { acknowledged: string[]; errors: Record<string, number> };
        ids.forEach((id) => acknowledged.add(id));
        Object.keys(errors).forEach((code) => codes.add(code));
        // Each client goes on by itself after the restart.
        expect(ids.length).toBeGreaterThan(0);
      }
      const rows = await query<{ run_id: string }>(server.url, "select run_id from agno_runs");
      const stored = new Set(rows.map((row) => row.run_id));
      expect([...acknowledged].filter((id) => !stored.has(id))).toEqual([]);
    }
    const orders = await query<{ runs: number; highest: number }>(
      server.url,
      "select count(*) as runs, max(run_index) + 1 as highest from agno_runs group by session_id",
    );
    expect(orders.every(({ runs, highest }) => runs === highest)).toBe(true);
    expect([...codes]).toEqual([]);
  } finally {
    await Promise.all(workers.map((worker) => worker[Symbol.asyncDispose]()));
    await server.stop();
  }
}
