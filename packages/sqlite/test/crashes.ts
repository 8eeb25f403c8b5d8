import { setTimeout as sleep } from "node:timers/promises";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { startWorker } from "@sessiondb/testing/worker";
import { expect } from "vitest";
import { program, query, temporaryFile } from "./support.ts";

/** Kills a process that has just begun to write, on a new file before it has written, and returns the ids of the runs that it had told to be stored. */
async function killWriter(file: string, name: string, isNew: boolean): Promise<readonly string[]> {
  const writer = startWorker(program("append-forever"), [file, name]);
  await writer.said(isNew ? "started" : `${name}-0`);
  await sleep(Math.random() * (isNew ? 30 : 150));
  await writer.kill();
  expect(writer.errors()).toBe("");
  // A whole line was written after the store had acknowledged the run.
  return writer.lines.slice(1);
}

async function expectWhole(file: string, acknowledged: readonly string[]): Promise<void> {
  expect(query(file, "pragma integrity_check")).toEqual([{ integrity_check: "ok" }]);
  expect(query(file, "pragma foreign_key_check")).toEqual([]);
  await using db = new SqliteSessionDb({ file });
  const session = await db.getSession({ sessionId: "s" });
  const runs = session?.runs ?? [];
  const stored = new Set(runs.map(({ runId }) => runId));
  expect(acknowledged.filter((runId) => !stored.has(runId))).toEqual([]);
  for (const run of runs) {
    expect(run.content).toHaveLength(20_000);
  }
  // A turn is its run and what it changed of the session: both are there, or neither.
  expect(session?.sessionState["turns"] ?? 0).toBe(runs.length);
  const indexes = query<{ run_index: number }>(file, "select run_index from agno_runs order by run_index");
  expect(indexes.map(({ run_index }) => run_index)).toEqual(runs.map((_, index) => index));
}

/** Every fourth round begins with a new file, so that the creation of the tables is killed as well. */
export async function killRounds(rounds: number): Promise<void> {
  let file = temporaryFile();
  let acknowledged: string[] = [];
  let total = 0;
  for (let round = 0; round < rounds; round += 1) {
    if (round % 4 === 0) {
      file = temporaryFile();
      acknowledged = [];
    }
    const stored = await killWriter(file, `round-${round}`, round % 4 === 0);
    total += stored.length;
    acknowledged.push(...stored);
    await expectWhole(file, acknowledged);
  }
  // Had no run been acknowledged at all, nothing was tested.
  expect(total).toBeGreaterThan(0);
}
