import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import type { MemoryDb, UserMemory } from "@sessiondb/core";
import type { Cases, CutMoment, OpenCut } from "../conformance-case.ts";
import { allMemories, memoriesOf, memory } from "../support/memories.ts";
import { assertRefusal } from "../support/refusals.ts";
import { tableCases } from "../support/table-cases.ts";
import { usingOpened, usingReference } from "../support/using-store.ts";

// When a connection breaks, a write of memories succeeds by a retry or rejects with an error that says so. It is stored
// whole or not at all, once at most, and the store keeps working.

const moments: readonly CutMoment[] = ["before request", "before answer", "before answer to commit"];
const lost = ["DATABASE_UNREACHABLE", "DATABASE_BUSY"] as const;

const writes: Readonly<Record<string, (memories: MemoryDb) => Promise<unknown>>> = {
  "upsertMemory that adds": (memories) => memories.upsertMemory({ userId: "me", memory: "new" }),
  "upsertMemory that changes": (memories) =>
    memories.upsertMemory({ memoryId: "a", userId: "me", memory: "changed", topics: ["changed"] }),
  upsertMemories: (memories) =>
    memories.upsertMemories([
      { userId: "me", memory: "new" },
      { userId: "zoe", memory: "new" },
      { userId: "me", memory: "newer" },
    ]),
  updateMemory: (memories) =>
    memories.updateMemory({ memoryId: "a" }, ({ topics }) => ({ topics: [...(topics ?? []), "once"] })),
  "changeMemories that adds": (memories) =>
    memories.changeMemories({ userId: "me", add: [{ memory: "new" }], update: [{ memoryId: "a", memory: "changed" }] }),
  "changeMemories that removes": (memories) =>
    memories.changeMemories({ userId: "me", remove: ["a", "b"], add: [{ memory: "both" }] }),
  deleteMemory: (memories) => memories.deleteMemory({ memoryId: "a", userId: "me" }),
  deleteMemories: (memories) => memories.deleteMemories({ memoryIds: ["a", "c"] }),
  clearMemories: (memories) => memories.clearMemories({ userId: "me" }),
};

async function prepare(memories: MemoryDb): Promise<void> {
  await memories.upsertMemories([memory("a", "me"), memory("b", "me"), memory("c", "them")]);
}

/** The memories without the ids that the store draws. */
async function held(memories: MemoryDb): Promise<unknown[]> {
  return (await allMemories(memories)).map(plain).toSorted((a, b) => (a.place < b.place ? -1 : 1));
}

function plain({ memoryId, ...rest }: UserMemory) {
  const place = `${rest.userId} ${rest.memory}`;
  return { ...rest, place, memoryId: memoryId.length > 1 ? "drawn" : memoryId };
}

/** A result that says how much was deleted, which must count what a lost answer acknowledged; else null. */
function deletedIn(result: unknown): unknown {
  return typeof result === "number" || typeof result === "boolean" ? result : null;
}

async function settled(call: () => Promise<unknown>): Promise<{ result: unknown; error: unknown }> {
  try {
    return { result: await call(), error: null };
  } catch (error) {
    return { result: null, error };
  }
}

export const memoryConnectionCases: Cases<OpenCut> = tableCases(
  "%s during a broken connection is stored whole and once, or not at all",
  writes,
  async (openCut: OpenCut, write) => {
    for (const moment of moments) {
      await usingReference(async (reference) => {
        const expected = memoriesOf(reference);
        await prepare(expected);
        const before = await held(expected);
        const deleted = deletedIn(await write(expected));
        const after = await held(expected);
        await usingOpened(openCut, async ({ db, cut }) => {
          const memories = memoriesOf(db);
          await prepare(memories);
          await cut(moment);
          const { result, error } = await settled(() => write(memories));
          const found = await held(memories);
          if (error === null) {
            assert.deepStrictEqual(found, after, `cut ${moment}, it resolved`);
            assert.equal(deletedIn(result), deleted, `cut ${moment}, it counted`);
          } else {
            const code = lost.find((each) => each === (error as { code?: unknown }).code);
            assertRefusal(error, code ?? "DATABASE_UNREACHABLE");
            assert.ok(
              [before, after].some((state) => isDeepStrictEqual(state, found)),
              `cut ${moment}, it rejected and is stored in part`,
            );
          }
          await memories.upsertMemory({ memoryId: "later", userId: "me", memory: "later" });
          assert.notEqual(await memories.getMemory({ memoryId: "later" }), null, "the store keeps working");
        });
      });
    }
  },
);
