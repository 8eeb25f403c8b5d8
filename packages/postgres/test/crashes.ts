import { setTimeout as sleep } from "node:timers/promises";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { expect } from "vitest";
import { startPostgres, type PostgresServer } from "../../../scripts/servers/postgres.ts";
import { PostgresSessionDb } from "@sessiondb/postgres";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { startWorker } from "@sessiondb/testing/worker";

const writers = 4;

/** Kills a server under load, again and again; its clients go on by themselves, and lose nothing that was acknowledged. */
export async function killRounds(binaries: string, rounds: number): Promise<void> {
  const server = await startPostgres({ binaries, durable: true });
  try {
    const workers = Array.from({ length: writers }, (_, index) =>
      startWorker(new URL("workers/append-forever.ts", import.meta.url), [server.url, "crash", index]),
    );
    await Promise.all(workers.map((worker) => worker.said(`${workers.indexOf(worker)}.0-0`)));
    for (let round = 0; round < rounds; round += 1) {
      const before = workers.map(({ lines }) => lines.length);
      await sleep(50 + Math.random() * 300);
      await server.kill();
      await server.restart();
      // Every client writes again before the next round.
      while (workers.some(({ lines }, index) => lines.length <= (before[index] ?? 0) + 4)) {
        await sleep(10);
        expect(workers.map((worker) => worker.hasEnded())).toEqual(workers.map(() => false));
      }
    }
    workers.forEach((worker) => worker.tell("stop"));
    await Promise.all(workers.map(({ ended }) => ended));
    await expectWhole(
      server,
      workers.flatMap(({ lines }) => lines),
    );
  } finally {
    await server.stop();
  }
}

async function expectWhole(server: PostgresServer, acknowledged: readonly string[]): Promise<void> {
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  const { rows } = await client.query<{ run_id: string }>(
    `select run_id from crash.agno_runs order by session_id, run_index, created_at, run_id collate "C"`,
  );
  await client.end();
  const stored = rows.map(({ run_id }) => run_id);
  const known = new Set(stored);
  expect(acknowledged.filter((id) => !known.has(id))).toEqual([]);
  expect(acknowledged.length).toBeGreaterThan(writers);
  // What one writer wrote is in its order.
  for (const name of new Set(stored.map((id) => id.split("-")[0]))) {
    const numbers = stored.filter((id) => id.startsWith(`${name}-`)).map((id) => Number(id.split("-")[1]));
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
  }
}

/** A server in recovery is read, and says to writers that it is. */
export async function standby(binaries: string): Promise<void> {
  const server = await startPostgres({ binaries, durable: true });
  try {
    await using db = new PostgresSessionDb({ url: server.url });
    await db.upsertRun({ session: agentSession("s"), run: agentRun("r") });
    await server.kill();
    writeFileSync(join(server.data, "standby.signal"), "");
    await server.restart();
    expect((await db.getSession({ sessionId: "s", runsLimit: 1 }))?.runs).toHaveLength(1);
    expect((await db.getSessions()).sessions).toHaveLength(1);
    for (const write of [
      () => db.upsertRun({ session: agentSession("s"), run: agentRun("r2") }),
      () => db.updateSession({ sessionId: "s" }, { metadata: {} }),
    ]) {
      await expect(write()).rejects.toMatchObject({ code: "DATABASE_READ_ONLY" });
    }
    await using fresh = new PostgresSessionDb({ url: server.url, schema: "other" });
    await expect(fresh.getSession({ sessionId: "s" })).rejects.toMatchObject({ code: "DATABASE_READ_ONLY" });
  } finally {
    await server.stop();
  }
}
