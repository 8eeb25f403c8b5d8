import assert from "node:assert/strict";
import type { MemoryDb } from "@sessiondb/core";
import type { Cases } from "../conformance-case.ts";
import {
  allMemories,
  listedMemories,
  memory,
  memoryChecks,
  memoryMethods,
  refusesWrite,
  storedMemory,
} from "../support/memories.ts";
import { assertRefusal, rejection } from "../support/refusals.ts";

// Whose memories a call reaches, and when it reaches none.

/** Who owns a memory that somebody else names. */
const owners = Object.entries(memoryMethods).filter(([name]) => !/Topics|Stats/.test(name));

const ownership: Record<string, (memories: MemoryDb) => Promise<void>> = Object.fromEntries(
  owners.map(([name, { call, forOther }]) => [
    `${name} of a user reaches no other user's memory`,
    async (memories: MemoryDb) => {
      await memories.upsertMemories([memory("mine", "me"), memory("theirs", "them")]);
      if (forOther === "refuses") {
        const error = await refusesWrite(memories, "MEMORY_OWNERSHIP", () =>
          call(memories, "theirs", { userId: "me" }),
        );
        assert.equal((error as { memoryId?: unknown }).memoryId, "theirs");
        return;
      }
      const before = await storedMemory(memories, "theirs");
      const result = JSON.stringify(await call(memories, "theirs", { userId: "me" }));
      assert.ok(!result.includes("theirs"), `${name} returned another user's memory`);
      assert.deepStrictEqual(await storedMemory(memories, "theirs"), before);
    },
  ]),
);

const scopes: Record<string, (memories: MemoryDb) => Promise<void>> = Object.fromEntries(
  Object.entries(memoryMethods).map(([name, { call }]) => [
    `${name} refuses an empty user`,
    async (memories: MemoryDb) => {
      await memories.upsertMemory(memory("mine", "me"));
      for (const userId of ["", null, 1, "a\0b", ...(name.startsWith("upsert") ? [] : [undefined])]) {
        await refusesWrite(memories, "INVALID_ARGUMENT", () => call(memories, "mine", { userId }));
      }
    },
  ]),
);

const ends: Record<string, (memories: MemoryDb, db: { close(): Promise<void> }) => Promise<void>> = Object.fromEntries(
  Object.entries(memoryMethods).flatMap(([name, { call }]) => [
    [
      `${name} with an aborted signal does nothing`,
      async (memories: MemoryDb) => {
        await memories.upsertMemory(memory("mine", "me"));
        const before = await allMemories(memories);
        const reason = new Error("enough");
        assert.equal(await rejection(() => call(memories, "mine", { signal: AbortSignal.abort(reason) })), reason);
        assert.deepStrictEqual(await allMemories(memories), before);
      },
    ],
    [
      `${name} of a closed store is refused`,
      async (memories: MemoryDb, db: { close(): Promise<void> }) => {
        await db.close();
        assertRefusal(await rejection(() => call(memories, "mine", {})), "CLOSED");
      },
    ],
    [
      `${name} refuses an option that it does not have`,
      async (memories: MemoryDb) => {
        await refusesWrite(memories, "INVALID_ARGUMENT", () => call(memories, "mine", { userid: "me" }));
      },
    ],
  ]),
);

export const memoryOwnerCases: Cases = memoryChecks({
  ...ownership,
  ...scopes,
  ...ends,

  "clearing is one user's": async (memories) => {
    await memories.upsertMemories([memory("a", "me"), memory("b", "me"), memory("c", "them")]);
    assert.equal(await memories.clearMemories({ userId: "me" }), 2);
    assert.deepStrictEqual(await listedMemories(memories), ["c"]);
    await memories.upsertMemory(memory("a", "me"));
    assert.deepStrictEqual((await listedMemories(memories)).toSorted(), ["a", "c"]);
  },

  "a user's handle is confined to the user": async (memories, db) => {
    await memories.upsertMemories([memory("mine", "me"), memory("theirs", "them")]);
    const own = db.forUser("me").memories ?? assert.fail("a store of memories keeps them for its handles");
    assert.equal(own.userId, "me");
    assert.equal(await own.getMemory({ memoryId: "theirs" }), null);
    assert.deepStrictEqual(
      (await own.getMemories()).memories.map(({ memoryId }) => memoryId),
      ["mine"],
    );
    for await (const page of own.memoryPages()) {
      assert.deepStrictEqual(
        page.memories.map(({ memoryId }) => memoryId),
        ["mine"],
      );
    }
    assert.deepStrictEqual(
      (await own.getMemoryTopics()).map(({ topic }) => topic),
      ["food", "mine"],
    );
    const foreign = { memoryId: "theirs" };
    for (const call of [
      () => own.upsertMemory({ memoryId: "theirs", memory: "x" }),
      () => own.upsertMemories([{ memory: "y" }, { memoryId: "theirs", memory: "x" }]),
      () => own.updateMemory(foreign, { memory: "x" }),
      () => own.changeMemories({ remove: ["theirs"] }),
      () => own.changeMemories({ update: [{ memoryId: "theirs", memory: "x" }] }),
      () => own.deleteMemory(foreign),
      () => own.deleteMemories({ memoryIds: ["theirs"] }),
    ]) {
      await refusesWrite(memories, "MEMORY_OWNERSHIP", call);
    }
    const named = { userId: "them", memory: "x", memoryId: "mine", memoryIds: ["mine"] };
    for (const call of [
      () => own.getMemory(named),
      () => own.getMemories({ userId: "them" } as object),
      () => own.upsertMemory(named),
      () => own.upsertMemories([named]),
      () => own.changeMemories({ userId: "them" } as object),
      () => own.clearMemories({ userId: "them" } as object),
      () => own.getMemoryTopics({ userId: "them" } as object),
    ]) {
      await refusesWrite(memories, "INVALID_ARGUMENT", call);
    }
    assert.equal((await own.upsertMemory({ memory: "Mine too" })).userId, "me");
    assert.equal((await own.changeMemories({ add: [{ memory: "And this" }] })).added[0]?.userId, "me");
    assert.equal(await own.clearMemories(), 3);
    assert.deepStrictEqual(await listedMemories(memories), ["theirs"]);
    assert.ok(!Object.values(own).some((value) => value === memories), "a handle offers no way to the store");
  },

  "user ids are compared byte for byte": async (memories) => {
    const users = ["ada", "Ada", "ada ", "a\u0301da", "áda", "default", "null", "%"];
    for (const [index, userId] of users.entries()) {
      await memories.upsertMemory({ memoryId: `m${index}`, userId, memory: "The same" });
    }
    for (const [index, userId] of users.entries()) {
      assert.deepStrictEqual(await listedMemories(memories, { userId }), [`m${index}`], userId);
      assert.equal((await memories.getMemoryStats({ userId })).users[0]?.count, 1);
    }
    assert.equal(await memories.clearMemories({ userId: "ada" }), 1);
    assert.equal((await allMemories(memories)).length, users.length - 1);
  },
});
