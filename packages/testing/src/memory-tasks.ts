import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { SessionDbError, type MemoryDb, type SessionDb } from "@sessiondb/core";
import { enduringTimes } from "./enduring-client.ts";
import { goThroughStates } from "./memory-cycle.ts";

// What a process does to memories beside others.

export const factCount = 25;
/** How often each process changes, and the facts that it adds. */
export const turns = 25;

/** Waits until the line is in the pipe, so that it outlives the process. */
const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** Two callers at once. */
async function twice(each: (index: number) => Promise<unknown>): Promise<void> {
  const half = async (start: number): Promise<void> => {
    for (let index = start; index < turns; index += 2) {
      await each(index);
    }
  };
  await Promise.all([half(0), half(1)]);
}

type Task = (memories: MemoryDb, name: string, signal: AbortSignal) => Promise<unknown>;

const tasks = {
  /** Three writers of their own users that go through the states of `goThroughStates` until they are told to stop. */
  cycle: (memories, name, signal) =>
    Promise.all(
      [0, 1, 2].map((index) => {
        const writer = `${name}.${index}`;
        return goThroughStates(memories, writer, { say: (line) => say(`${writer} ${line}`), signal });
      }),
    ),
  /** The same facts as the others, each process in its own spelling. Says the id that each one got. */
  tell: (memories, name) =>
    twice(async (index) => {
      const number = index % factCount;
      const spelled = Number(name) % 2 === 0 ? `Fact number ${number}` : `  FACT  number ${number}! `;
      const { memoryId } = await memories.upsertMemory({ userId: "ada", memory: spelled });
      say(`${number} ${memoryId}`);
    }),
  /** Adds a topic to the memory "shared" again and again. */
  note: (memories, name) =>
    twice((index) =>
      memories.updateMemory({ memoryId: "shared", userId: "ada" }, ({ topics }) => ({
        topics: [...(topics ?? []), `${name}-${index}`],
      })),
    ),
  /** Adds facts that no other process knows. */
  add: (memories, name) => twice((index) => memories.upsertMemory({ userId: "ada", memory: `${name}-${index}` })),
  /** Replaces all memories by one that says the same, again and again until it is told to stop. */
  join: async (memories, _name, signal) => {
    while (!signal.aborted) {
      const { memories: stored } = await memories.getMemories({ userId: "ada", limit: 1000 });
      const memory = stored.map((each) => each.memory).join(" ");
      const remove = stored.map(({ memoryId }) => memoryId);
      try {
        if (remove.length > 1) {
          await memories.changeMemories({ userId: "ada", remove, add: [{ memory }] });
          say("joined");
        }
      } catch (error) {
        // Another process has joined them meanwhile.
        if (!SessionDbError.isInstance(error) || error.code !== "MEMORY_NOT_FOUND") {
          throw error;
        }
      }
      await sleep(1);
    }
  },
} satisfies Record<string, Task>;

export type MemoryTaskName = keyof typeof tasks;

/** The times of a store that waits long, and of one that faults must not hold up, in milliseconds. */
export type MemoryTimes = Partial<typeof enduringTimes>;

/**
 * The program of a process: `<task> <name>`. Begins at its first line of input, once everything is ready, and stops at the
 * second.
 */
export async function workOnMemories(
  open: (times: MemoryTimes) => SessionDb,
  [task = "", name = ""]: readonly string[],
): Promise<void> {
  const db = open(task === "cycle" ? enduringTimes : { retryTimeout: 60_000 });
  const { memories } = db;
  if (memories === null) {
    throw new TypeError("The store keeps no memories");
  }
  const stop = new AbortController();
  say("ready");
  await once(process.stdin, "data");
  process.stdin.on("data", () => stop.abort());
  await (tasks[task as MemoryTaskName] as Task)(memories, name, stop.signal);
  await db.close();
  process.stdin.destroy();
}
