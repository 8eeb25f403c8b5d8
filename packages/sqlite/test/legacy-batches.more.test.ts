import { SqliteSessionDb } from "@sessiondb/sqlite";
import { startWorker } from "@sessiondb/testing/worker";
import { describe, expect, test } from "vitest";
import { agno2File, runRows } from "./legacy.ts";
import { program, query } from "./support.ts";

const idsOf = (name: string, count: number) => Array.from({ length: count }, (_, index) => `${name}-${index}`);
const places = (runIds: readonly string[]) => runIds.map((runId, index) => `${runId}@${index}`);

describe("migrateLegacyRuns in a process of its own", () => {
  test("hears a signal of the system between two batches, and continues after it", { timeout: 60_000 }, async () => {
    const runIds = idsOf("r", 8000);
    const file = agno2File({ s: runIds });
    const worker = startWorker(program("copy-legacy-runs"), [file]);
    await worker.next();
    worker.terminate();
    await worker.said("stopped");
    await worker.ended;
    const [rows] = query<{ count: number }>(file, "select count(*) as count from agno_runs");
    expect(rows?.count).toBeLessThan(8000);
    await using db = new SqliteSessionDb({ file });
    await db.migrateLegacyRuns();
    expect(runRows(file, "s")).toEqual(places(runIds));
  });

  test("continues after it was killed", { timeout: 60_000 }, async () => {
    const columns = Object.fromEntries(idsOf("s", 5).map((sessionId) => [sessionId, idsOf(sessionId, 1300)]));
    const file = agno2File(columns);
    for (let kill = 0; kill < 2; kill += 1) {
      const worker = startWorker(program("copy-legacy-runs"), [file]);
      await worker.next();
      await worker.next();
      await worker.kill();
      expect(worker.lines).not.toContain("done");
    }
    await using db = new SqliteSessionDb({ file });
    const { sessions: examined, runs, skipped } = await db.migrateLegacyRuns();
    expect([examined, skipped]).toEqual([5, 0]);
    expect(runs).toBeLessThanOrEqual(4500);
    for (const [sessionId, runIds] of Object.entries(columns)) {
      expect(runRows(file, sessionId)).toEqual(places(runIds));
    }
  });
});
