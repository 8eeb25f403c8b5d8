import assert from "node:assert/strict";
import { setImmediate as turnOfLoop, setTimeout as sleep } from "node:timers/promises";
import type { MemoryDb } from "@sessiondb/core";
import type { Cases } from "../conformance-case.ts";
import { memoriesOf, memory } from "../support/memories.ts";
import { Random } from "../support/random.ts";
import { errorOf } from "../support/refusals.ts";
import { tableCases } from "../support/table-cases.ts";

interface Write {
  readonly call: (memories: MemoryDb, index: number, signal: AbortSignal) => Promise<unknown>;
  /** Returns, for each thing that the write does, whether it is done. */
  readonly traces: (memories: MemoryDb, index: number) => Promise<boolean[]>;
}

const there = async (memories: MemoryDb, memoryId: string): Promise<boolean> =>
  (await memories.getMemory({ memoryId })) !== null;

const writes: Readonly<Record<string, Write>> = {
  upsertMemory: {
    call: (memories, index, signal) => memories.upsertMemory(memory(`new${index}`, "me"), { signal }),
    traces: async (memories, index) => [await there(memories, `new${index}`)],
  },
  upsertMemories: {
    call: (memories, index, signal) =>
      memories.upsertMemories([memory(`new${index}`, "me"), memory(`theirs${index}`, "them")], { signal }),
    traces: async (memories, index) => [await there(memories, `new${index}`), await there(memories, `theirs${index}`)],
  },
  updateMemory: {
    call: (memories, index, signal) =>
      memories.updateMemory({ memoryId: "shared", signal }, ({ topics }) => ({
        topics: [...(topics ?? []), `${index}`],
      })),
    traces: async (memories, index) => [
      (await memories.getMemory({ memoryId: "shared" }))?.topics?.includes(`${index}`) === true,
    ],
  },
  changeMemories: {
    call: (memories, index, signal) =>
      memories.changeMemories({
        userId: "me",
        remove: [`old${index}`],
        update: [{ memoryId: `kept${index}`, feedback: "changed" }],
        add: [{ memory: `added ${index}` }],
        signal,
      }),
    traces: async (memories, index) => [
      !(await there(memories, `old${index}`)),
      (await memories.getMemory({ memoryId: `kept${index}` }))?.feedback === "changed",
      (await memories.getMemories({ text: `added ${index}`, limit: 1000 })).memories.some(
        (each) => each.memory === `added ${index}`,
      ),
    ],
  },
  deleteMemory: {
    call: (memories, index, signal) => memories.deleteMemory({ memoryId: `old${index}`, userId: "me", signal }),
    traces: async (memories, index) => [!(await there(memories, `old${index}`))],
  },
};

const many = 30;

export const memoryAbortCases: Cases = tableCases(
  "%s that is aborted at any moment is stored whole or not at all",
  writes,
  async (db, { call, traces }) => {
    const memories = memoriesOf(db);
    const random = new Random(many);
    const indexes = Array.from({ length: many }, (_, index) => index);
    await memories.upsertMemories([
      memory("shared", "me", { topics: [] }),
      ...indexes.flatMap((index) => [memory(`old${index}`, "me"), memory(`kept${index}`, "me")]),
    ]);
    const reason = new Error("enough");
    const results = await Promise.all(
      indexes.map(async (index) => {
        const controller = new AbortController();
        const result = errorOf(call(memories, index, controller.signal));
        // Some abort at once, the others within the first milliseconds, a few of them after the write.
        void (random.chance(30) ? turnOfLoop() : sleep(random.number(15))).then(() => controller.abort(reason));
        return result;
      }),
    );
    for (const [index, result] of results.entries()) {
      assert.ok(result === null || result === reason, `an aborted call rejects with ${String(result)}`);
      const found = await traces(memories, index);
      assert.ok(
        found.every((each) => each === (result === null)),
        `write ${index} ${result === null ? "resolved but is not stored" : "rejected but is stored"}: ${found.join()}`,
      );
    }
    assert.notEqual(await memories.upsertMemory({ userId: "me", memory: "later" }), null, "later calls work");
  },
);
