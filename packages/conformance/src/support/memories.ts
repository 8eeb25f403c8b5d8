import assert from "node:assert/strict";
import type { MemoryDb, SessionDb, UserMemory, UserMemoryInit } from "@sessiondb/core";
import type { Cases } from "../conformance-case.ts";
import { secret } from "./data.ts";
import { leaveOut } from "./leave-out.ts";
import { assertRefusal, rejection } from "./refusals.ts";

/** The memories of a store. A check of them is left out on a store that keeps none. */
export function memoriesOf(db: SessionDb): MemoryDb {
  return db.memories ?? leaveOut("the store keeps no memories");
}

/** Returns cases of a store from checks of its memories. */
export function memoryChecks(
  checks: Readonly<Record<string, (memories: MemoryDb, db: SessionDb) => Promise<void>>>,
): Cases {
  const entries = Object.entries(checks).map(([name, check]): [string, Cases[string]] => [
    name,
    (db) => check(memoriesOf(db), db),
  ]);
  return Object.fromEntries(entries);
}

/** Returns a memory of a user, with content in every field. */
export function memory(memoryId: string, userId: string, fields: Partial<UserMemoryInit> = {}): UserMemoryInit {
  return {
    memoryId,
    userId,
    memory: `${memoryId} of ${userId} ${secret}`,
    topics: ["food", memoryId],
    input: `I am ${userId} ${secret}`,
    feedback: `good ${secret}`,
    agentId: "agent",
    teamId: "team",
    ...fields,
  };
}

export async function storedMemory(memories: MemoryDb, memoryId: string): Promise<UserMemory> {
  return (await memories.getMemory({ memoryId })) ?? assert.fail(`there is no memory ${memoryId}`);
}

/** Returns all memories of a store, page by page, without the times that the clock decides. */
export async function allMemories(memories: MemoryDb): Promise<UserMemory[]> {
  const all: UserMemory[] = [];
  for await (const page of memories.memoryPages({ limit: 100, sortBy: "createdAt", sortOrder: "asc" })) {
    assert.deepStrictEqual(page.unreadable, []);
    all.push(...page.memories);
    assert.ok(all.length <= 20_000, "the pages go on for ever");
  }
  return all
    .map((each) => ({ ...each, createdAt: 0, updatedAt: 0 }))
    .toSorted((a, b) => (a.memoryId < b.memoryId ? -1 : 1));
}

/** Returns the ids of a list, in order. */
export async function listedMemories(
  memories: MemoryDb,
  options: Parameters<MemoryDb["getMemories"]>[0] = {},
): Promise<string[]> {
  return (await memories.getMemories({ limit: 1000, ...options })).memories.map(({ memoryId }) => memoryId);
}

/** Asserts that a write is refused with that code, and nothing changed. */
export async function refusesWrite(memories: MemoryDb, code: string, call: () => Promise<unknown>): Promise<unknown> {
  const before = await allMemories(memories);
  const error = await rejection(call);
  assertRefusal(error, code as Parameters<typeof assertRefusal>[1]);
  assert.deepStrictEqual(await allMemories(memories), before, "a refused write changed the store");
  return error;
}

interface MemoryMethod {
  readonly writes: boolean;
  readonly takesUser: "options" | "memory" | "required";
  /** What a call for a user does to a memory of another user, or of nobody. */
  readonly forOther: "finds nothing" | "refuses";
  readonly call: (memories: MemoryDb, memoryId: string, options: Readonly<Record<string, unknown>>) => Promise<unknown>;
}

const read = { writes: false, takesUser: "options", forOther: "finds nothing" } as const;
const write = { writes: true, takesUser: "options", forOther: "refuses" } as const;

/** Every method, so that a rule for all of them is written once. `options` are the options of the call. */
export const memoryMethods: Readonly<Record<string, MemoryMethod>> = {
  getMemory: { ...read, call: (memories, memoryId, options) => memories.getMemory({ memoryId, ...options }) },
  getMemories: { ...read, call: (memories, _, options) => memories.getMemories({ ...options }) },
  getMemoryTopics: { ...read, call: (memories, _, options) => memories.getMemoryTopics({ ...options }) },
  getMemoryStats: { ...read, call: (memories, _, options) => memories.getMemoryStats({ ...options }) },
  upsertMemory: {
    ...write,
    takesUser: "memory",
    call: (memories, memoryId, { userId = "me", ...options }) =>
      memories.upsertMemory({ memoryId, userId: userId as string, memory: `changed ${memoryId}` }, options),
  },
  upsertMemories: {
    ...write,
    takesUser: "memory",
    call: (memories, memoryId, { userId = "me", ...options }) =>
      memories.upsertMemories(
        [
          { userId: userId as string, memory: "one more" },
          { memoryId, userId: userId as string, memory: `changed ${memoryId}` },
        ],
        options,
      ),
  },
  updateMemory: {
    ...write,
    call: (memories, memoryId, options) => memories.updateMemory({ memoryId, ...options }, { memory: "changed" }),
  },
  "changeMemories that updates": {
    ...write,
    takesUser: "required",
    call: (memories, memoryId, options) =>
      memories.changeMemories({
        userId: "me",
        add: [{ memory: "one more" }],
        update: [{ memoryId, memory: "changed" }],
        ...options,
      }),
  },
  "changeMemories that removes": {
    ...write,
    takesUser: "required",
    call: (memories, memoryId, options) =>
      memories.changeMemories({ userId: "me", add: [{ memory: "one more" }], remove: [memoryId], ...options }),
  },
  deleteMemory: { ...write, call: (memories, memoryId, options) => memories.deleteMemory({ memoryId, ...options }) },
  deleteMemories: {
    ...write,
    call: (memories, memoryId, options) => memories.deleteMemories({ memoryIds: [memoryId], ...options }),
  },
  clearMemories: {
    ...write,
    takesUser: "required",
    forOther: "finds nothing",
    call: (memories, _, options) => memories.clearMemories({ userId: "me", ...options }),
  },
};
