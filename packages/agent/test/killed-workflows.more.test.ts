import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { Workflow, type WorkflowRunResult } from "@sessiondb/agent";
import type { Run } from "@sessiondb/core";
import { startWorker } from "@sessiondb/testing/worker";
import pg from "pg";
import { afterAll, describe, expect, inject, test } from "vitest";
import { approvals, journaledWorkflow, kinds, openShared, type Kind } from "./support/journaled-workflow.ts";
import { counting, itself, namesIn, places } from "./support/workflow-places.ts";

const folder = mkdtempSync(join(tmpdir(), "sessiondb-killed-"));
const program = new URL("workers/workflow-and-hang.ts", import.meta.url);
const url = inject("postgres");
const schemas: string[] = [];

afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  if (schemas.length > 0) {
    const admin = new pg.Client({ connectionString: url ?? "" });
    await admin.connect();
    await admin.query(schemas.map((schema) => `drop schema if exists ${schema} cascade`).join("; "));
    await admin.end();
  }
});

const stores: Readonly<Record<string, (name: string) => readonly string[]>> = {
  sqlite: (name) => [join(folder, `${name}.db`)],
  postgres: () => {
    const schema = `sessiondb_test_${randomBytes(6).toString("hex")}`;
    schemas.push(schema);
    return [url ?? "", schema];
  },
};

/** What a place makes of a step that ends. */
async function usual(place: string) {
  const { counts, counted } = counting();
  const { content } = await new Workflow({
    steps:
      places[place]?.(
        itself(() => "it"),
        counted,
      ) ?? [],
  }).run("in");
  return { names: namesIn(content), counts };
}

function countsOf(journal: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of readFileSync(journal, "utf8").split("\n").filter(Boolean)) {
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

/** Goes on here with the run whose process was killed. */
async function goneOn(place: string, given: { kind: Kind; journal: string; store: readonly string[] }) {
  await using db = openShared(given.store);
  const flow = journaledWorkflow(db, { place, ...given, reach: async () => {} });
  const [run] = (await db.getRuns({ sessionId: "s" })).runs as [Run];
  const options = { runId: run.runId, sessionId: "s", userId: "ada" };
  let result: WorkflowRunResult = await flow.continueRun({
    ...options,
    ...(run.status === "PAUSED" && { resumeData: approvals }),
  });
  if (result.status === "PAUSED") {
    result = await flow.continueRun({ ...options, resumeData: approvals });
  }
  return { result, state: await flow.getSessionState({ sessionId: "s" }) };
}

/** The journal of a workflow that was never killed has one line for each step, and one for the action. */
const once = (kind: Kind, counts: ReadonlyMap<string, number>) =>
  new Map([...counts, kind === "function" ? ["it", 2] : ["act", kind === "agent" ? 2 : 1]] as [string, number][]);

describe.each(Object.entries(stores))("on %s", (store, open) => {
  describe.skipIf(store === "postgres" && url === null).each(kinds)("a process killed in a step: %s", (kind) => {
    // The walk over the steps is the same on every store: of the server, what it keeps counts.
    const asked = Object.keys(places).filter((_place, index) => store === "sqlite" || index % 3 === 2);
    test.concurrent.each(asked)("%s", { timeout: 120_000 }, async (place) => {
      const name = `${kind}-${place}`;
      const [journal, target] = [join(folder, `${store}-${name}.txt`), open(name)];
      const worker = startWorker(program, [place, kind, journal, "hang", ...target]);
      await worker.said("hangs");
      await worker.kill();
      await wait(2100);
      const { names, counts } = await usual(place);
      const { result, state } = await goneOn(place, { kind, journal, store: target });
      expect(result).toMatchObject({ status: "COMPLETED" });
      expect(namesIn(result.content)).toEqual(names);
      // What was done before is done once. The step that was killed begins again, unless somebody had decided about it.
      expect(countsOf(journal)).toEqual(once(kind, counts));
      expect(state).toEqual(Object.fromEntries(counts));
    });
  });
});

const rounds = 3;
const atOnce = 3;

test.each(["in a sequence in a sequence", "in a branch of a parallel", "in a workflow in a parallel in a loop"])(
  `a process killed at any time, ${rounds} times, and another that goes on and is killed too: %s`,
  { timeout: 240_000 },
  async (place) => {
    const { names, counts } = await usual(place);
    const round = async (index: number): Promise<void> => {
      const kind = kinds[index % kinds.length] ?? "function";
      const name = `random-${place}-${index}`;
      const [journal, target] = [join(folder, `${name}.txt`), stores["sqlite"]?.(name) ?? []];
      for (let kill = 0; kill < 2; kill += 1) {
        const worker = startWorker(program, [place, kind, journal, "slow", ...target]);
        await worker.said("begins");
        await wait(Math.random() * 80);
        if (!worker.hasEnded()) {
          await worker.kill().catch(() => {});
        }
        await wait(2100);
      }
      await using db = openShared(target);
      const [run] = (await db.getRuns({ sessionId: "s" })).runs;
      if (run === undefined) {
        return;
      }
      const isOver = run.status === "COMPLETED";
      const content = isOver ? run.content : (await goneOn(place, { kind, journal, store: target })).result.content;
      expect(namesIn(content ?? null)).toEqual(names);
      const ran = countsOf(journal);
      // A tool whose process was killed after the approval has acted once, or not at all.
      const acts = ran.get("act") ?? 0;
      expect(acts).toBeLessThanOrEqual(kind === "approval" ? 1 : 3);
      ran.delete("act");
      expect([...ran.values()].every((count) => count <= 3)).toBe(true);
      expect(new Set(ran.keys())).toEqual(new Set([...counts.keys(), ...(kind === "function" ? ["it"] : [])]));
    };
    for (let start = 0; start < rounds; start += atOnce) {
      await Promise.all(Array.from({ length: atOnce }, (_, index) => round(start + index)));
    }
  },
);
