import { setTimeout as sleep } from "node:timers/promises";
import type { MemoryDb, SessionDb } from "@sessiondb/core";
import { expect, test } from "vitest";
import { memoriesOf, stateOf, wrongOfCycle } from "./memory-cycle.ts";
import { factCount, turns, type MemoryTaskName } from "./memory-tasks.ts";
import { NetworkProxy } from "./network-proxy.ts";
import type { Worker } from "./worker.ts";

/** An empty database. */
export interface MemoryPlace {
  /** Of a server, or null for a file. */
  readonly url: string | null;
  readonly open: () => SessionDb;
  /** Starts a process that runs `workOnMemories`, at another URL of the same database if one is given. */
  readonly start: (task: MemoryTaskName, name: string, url?: string) => Worker;
}

const timeout = 180_000;
const kills = 10;
const cuts = 40;
const processes = ["0", "1", "2", "3"];
const writers = [0, 1, 2].map((index) => `w.${index}`);

/** The tests of several processes, and of those that are killed or cut off, on one kind of database. */
export function testMemoryProcesses(fresh: () => Promise<MemoryPlace>, { isServer }: { isServer: boolean }): void {
  test(
    "a process that is killed leaves each change of memories whole or undone, and no user locked",
    { timeout },
    async () => {
      const place = await fresh();
      await using db = place.open();
      const said = newLog();
      const seen = new Set<string>();
      let next = place.start("cycle", "w");
      for (let round = 0; round < kills; round += 1) {
        const worker = next;
        next = place.start("cycle", "w");
        await worker.said("ready");
        worker.tell("go");
        await untilAllStored(worker, 1);
        await sleep(Math.random() * 100);
        await worker.kill();
        said.keep(worker);
        for (const writer of writers) {
          const state = stateOf(await memoriesOf(memoriesIn(db), writer), writer);
          said.add(writer, `seen ${state}`);
          seen.add(state.split(" ")[0] ?? "");
        }
      }
      await next.kill();
      expect(said.wrong()).toEqual([]);
      expect(seen.size).toBeGreaterThan(1);
    },
  );

  test.runIf(isServer)(
    "a connection that is cut at any packet leaves each change of memories whole or undone, and no user locked",
    { timeout },
    async () => {
      const place = await fresh();
      await using db = place.open();
      await memoriesIn(db).getMemories();
      await using proxy = await NetworkProxy.to(place.url ?? "");
      const worker = place.start("cycle", "w", proxy.url);
      await worker.said("ready");
      worker.tell("go");
      await untilAllStored(worker, 1);
      for (let round = 0; round < cuts; round += 1) {
        await proxy.cutAtPacket(Math.floor(Math.random() * 40));
        for (const writer of writers) {
          expect(stateOf(await memoriesOf(memoriesIn(db), writer), writer)).not.toContain("torn");
        }
        await untilAllStored(worker, 2);
      }
      await stopped(worker);
      const said = newLog();
      said.keep(worker);
      expect(said.wrong()).toEqual([]);
    },
  );

  test("a fact that several processes tell at once is stored once", { timeout }, async () => {
    const place = await fresh();
    await using db = place.open();
    const workers = await started(processes.map((name) => place.start("tell", name)));
    await Promise.all(workers.map(({ ended }) => ended));
    const { memories } = await memoriesIn(db).getMemories({ limit: 1000 });
    expect(memories).toHaveLength(factCount);
    const ids = new Set(memories.map(({ memoryId }) => memoryId));
    const told = workers.flatMap(({ lines }) => lines.filter((line) => line !== "ready"));
    expect(told).toHaveLength(processes.length * turns);
    // Each process was told the same id for the same fact.
    expect(new Set(told).size).toBe(factCount);
    expect(new Set(told.map((line) => line.split(" ")[1]))).toEqual(ids);
  });

  test("changes of one memory by several processes add up", { timeout }, async () => {
    const place = await fresh();
    await using db = place.open();
    await memoriesIn(db).upsertMemory({ memoryId: "shared", userId: "ada", memory: "Likes tea" });
    const workers = await started(processes.map((name) => place.start("note", name)));
    await Promise.all(workers.map(({ ended }) => ended));
    const stored = await memoriesIn(db).getMemory({ memoryId: "shared" });
    expect(stored?.topics?.toSorted()).toEqual(namesOf(processes));
  });

  test("memories that processes join while others add some are neither lost nor doubled", { timeout }, async () => {
    const place = await fresh();
    await using db = place.open();
    const joining = ["join", "join", "add", "add"] as const;
    const workers = await started(joining.map((task, index) => place.start(task, String(index))));
    await Promise.all(workers.slice(2).map(({ ended }) => ended));
    await Promise.all(workers.slice(0, 2).map(stopped));
    expect(workers.some(({ lines }) => lines.includes("joined"))).toBe(true);
    const { memories } = await memoriesIn(db).getMemories({ userId: "ada", limit: 1000 });
    expect(memories.flatMap(({ memory }) => memory.split(" ")).toSorted()).toEqual(namesOf(["2", "3"]));
  });
}

function memoriesIn({ memories }: SessionDb): MemoryDb {
  if (memories === null) {
    throw new TypeError("The store keeps no memories");
  }
  return memories;
}

function namesOf(names: readonly string[]): string[] {
  return names.flatMap((name) => Array.from({ length: turns }, (_, index) => `${name}-${index}`)).toSorted();
}

/** Lets the processes begin at once, which takes each a second to be ready for. */
async function started(workers: readonly Worker[]): Promise<readonly Worker[]> {
  await Promise.all(workers.map((worker) => worker.said("ready")));
  workers.forEach((worker) => worker.tell("go"));
  return workers;
}

async function stopped(worker: Worker): Promise<void> {
  worker.tell("stop");
  await worker.ended;
}

/** Waits until every writer has stored so much more. */
async function untilAllStored(worker: Worker, more: number): Promise<void> {
  const from = worker.lines.length;
  const deadline = performance.now() + 60_000;
  const stored = (writer: string): number =>
    worker.lines.slice(from).filter((line) => line.startsWith(`${writer} stored`)).length;
  while (!writers.every((writer) => stored(writer) >= more)) {
    if (worker.hasEnded() || performance.now() > deadline) {
      throw new Error(`A writer has not gone on: ${worker.errors()}${worker.lines.slice(-20).join("\n")}`);
    }
    await sleep(2);
  }
}

/** What each writer said, over all processes that wrote for it. */
function newLog() {
  const lines = new Map<string, string[]>(writers.map((writer) => [writer, []]));
  const add = (writer: string, line: string): void => void lines.get(writer)?.push(line);
  return {
    add,
    keep: (worker: Worker): void => {
      for (const line of worker.lines) {
        const [writer = ""] = line.split(" ");
        add(writer, line.slice(writer.length + 1));
      }
    },
    wrong: (): string[] => [...lines].flatMap(([writer, own]) => wrongOfCycle(own).map((line) => `${writer}: ${line}`)),
  };
}
