import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Agent } from "@sessiondb/agent";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { scriptedModel } from "@sessiondb/testing/scripted-model";
import { startWorker } from "@sessiondb/testing/worker";
import { afterAll, describe, test } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "sessiondb-cancel-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const program = new URL("workers/cancelled.ts", import.meta.url);

/** Starts a run in another process, which waits, and opens its file here. */
async function waiting(name: string, staleAfter = 70) {
  const file = join(folder, `${name}.db`);
  const worker = startWorker(program, [file]);
  const runId = await worker.next();
  await worker.said("waits");
  const db = new SqliteSessionDb({ file });
  const agent = new Agent({ id: "agent", model: scriptedModel(() => "Here I am."), db, sessionId: "s", staleAfter });
  const stored = async () => {
    const run = await db.getRun({ runId });
    return run?.runType === "agent" ? { status: run.status, results: run.tools?.map(({ result }) => result) } : null;
  };
  return { worker, runId, db, agent, stored };
}

const results = ["Bought milk"];
const seconds = (count: number) => new Promise((resolve) => setTimeout(resolve, count * 1000));

describe.concurrent("a run in another process", () => {
  test.concurrent("is cancelled from here, before it says anything more", async ({ expect }) => {
    const { worker, runId, db, agent, stored } = await waiting("cancelled");
    await expect.poll(stored, { interval: 5 }).toEqual({ status: "RUNNING", results });
    expect(await agent.getRunningRuns()).toMatchObject([{ runId, sessionId: "s", userId: null }]);
    expect(await agent.cancelRun({ runId })).toBe(true);
    expect(await stored()).toEqual({ status: "CANCELLED", results });
    expect(await agent.getRunningRuns()).toEqual([]);
    // Within a renewal.
    await worker.said("RUN_CANCELLED");
    await worker.ended;
    expect(await stored()).toEqual({ status: "CANCELLED", results });
    await db.close();
  });

  test.concurrent("that was killed is closed by the next turn after its lease", async ({ expect }) => {
    const { worker, db, agent, stored } = await waiting("killed", 1);
    await expect.poll(stored, { interval: 5 }).toEqual({ status: "RUNNING", results });
    await worker.kill();
    await seconds(2.1);
    expect(await agent.getRunningRuns()).toEqual([]);
    await agent.run("Hello");
    expect(await stored()).toEqual({ status: "ERROR", results });
    await db.close();
  });

  test.concurrent("that was stopped for longer than its lease is stored with its end", async ({ expect }) => {
    const { worker, db, agent, stored } = await waiting("stopped", 1);
    await expect.poll(stored, { interval: 5 }).toEqual({ status: "RUNNING", results });
    worker.stop();
    await seconds(2.1);
    await agent.run("Hello");
    expect(await stored()).toEqual({ status: "ERROR", results });
    worker.goOn();
    worker.tell("go on");
    await worker.said("COMPLETED");
    await worker.ended;
    expect(await stored()).toEqual({ status: "COMPLETED", results });
    expect((await agent.getMessages()).map(({ content }) => content)).toContain("Done.");
    await db.close();
  });

  test.concurrent("that was cancelled while it was stopped stays cancelled", async ({ expect }) => {
    const { worker, runId, db, agent, stored } = await waiting("cancelled-stopped");
    await expect.poll(stored, { interval: 5 }).toEqual({ status: "RUNNING", results });
    worker.stop();
    expect(await agent.cancelRun({ runId })).toBe(true);
    worker.goOn();
    worker.tell("go on");
    await worker.said("RUN_CANCELLED");
    await worker.ended;
    expect(await stored()).toEqual({ status: "CANCELLED", results });
    await db.close();
  });
});
