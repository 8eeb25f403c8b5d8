import assert from "node:assert/strict";
import type { MemoryDb } from "@sessiondb/core";
import type { Cases } from "../conformance-case.ts";
import { session } from "../support/data.ts";
import { allMemories, listedMemories, memory, memoryChecks, refusesWrite, storedMemory } from "../support/memories.ts";
import { rejection } from "../support/refusals.ts";

/** Texts that a database may decode, cut, or take for JSON or for something else. */
const texts = [
  ["42", "null", "true", '"quoted"', '{"memory": "inside"}', "[1]", "back\\slash", "it's", "%_", "\\u00e9", "a\tb\nc"],
  ["Isst gern Äpfel", "日本語", "😀 smiles", " padded ", "\u0001", "\u007f", "a\u2028b", "x".repeat(20_000)],
].flat();

/** Texts that say the same. */
const sameTexts: readonly (readonly [string, string])[] = [
  ["Likes tea", "likes TEA"],
  ["Likes tea", "  Likes\n\ttea "],
  ["Likes tea", "Likes tea."],
  ["Likes tea!", "Likes tea"],
  ["Mag Äpfel", "mag a\u0308pfel"],
  ["Ελληνικός", "ΕΛΛΗΝΙΚΌΣ"],
  ["From İstanbul", "from istanbul"],
  ["Lives in 東京", "lives in 東京。"],
];

const otherTexts: readonly (readonly [string, string])[] = [
  ["Likes tea", "Like stea"],
  ["Likes cafe", "Likes café"],
  ["Has 1 cat", "Has 11 cats"],
  ["Likes C", "Likes C++"],
];

const changes: Readonly<Record<string, (memories: MemoryDb, memoryId: string, patch: object) => Promise<unknown>>> = {
  updateMemory: (memories, memoryId, patch) => memories.updateMemory({ memoryId, userId: "me" }, patch),
  "updateMemory by a function": (memories, memoryId, patch) => memories.updateMemory({ memoryId }, () => patch),
  upsertMemory: (memories, memoryId, patch) =>
    memories.upsertMemory({ memoryId, userId: "me", memory: memory(memoryId, "me").memory, ...patch }),
  changeMemories: (memories, memoryId, patch) =>
    memories.changeMemories({ userId: "me", update: [{ memoryId, ...patch }] }),
};

const values = {
  memory: ["new text"],
  topics: [["one", "Zwei Ä"], [], null],
  input: ["new input", null, ""],
  feedback: ["new feedback", null],
  agentId: ["other agent", null],
  teamId: ["other team", null],
} as const;

const fields: Record<string, (memories: MemoryDb) => Promise<void>> = Object.fromEntries(
  Object.entries(changes).map(([name, change]) => [
    `${name} changes the given field, and keeps the others`,
    async (memories: MemoryDb) => {
      await memories.upsertMemory(memory("a", "me"));
      for (const [field, all] of Object.entries(values)) {
        for (const value of all) {
          const before = await storedMemory(memories, "a");
          await change(memories, "a", { [field]: value });
          const { updatedAt, ...after } = await storedMemory(memories, "a");
          const { updatedAt: _, ...expected } = { ...before, [field]: value };
          assert.deepStrictEqual(after, expected, `${field}: ${JSON.stringify(value)}`);
          assert.ok(updatedAt >= before.updatedAt);
          if (name === "upsertMemory" && field === "memory") {
            await change(memories, "a", {});
          }
        }
      }
    },
  ]),
);

export const memoryCases: Cases = memoryChecks({
  "every field comes back": async (memories) => {
    const written = await memories.upsertMemory(memory("a", "me"));
    const { createdAt, updatedAt, ...rest } = written;
    assert.deepStrictEqual(rest, memory("a", "me"));
    assert.equal(createdAt, updatedAt);
    assert.ok(Math.abs(createdAt - Date.now() / 1000) < 60, "the time is now");
    assert.deepStrictEqual(await memories.getMemory({ memoryId: "a" }), written);
    assert.deepStrictEqual(await memories.getMemory({ memoryId: "a", userId: "me" }), written);
    assert.deepStrictEqual((await memories.getMemories()).memories, [written]);
  },

  "a field that is left out is null": async (memories) => {
    const added = await memories.upsertMemory({ userId: "me", memory: "Likes tea" });
    const { memoryId, createdAt, updatedAt } = added;
    assert.match(memoryId, /^[0-9a-f-]{36}$/);
    const nothing = { topics: null, input: null, feedback: null, agentId: null, teamId: null };
    assert.deepStrictEqual(added, { memoryId, memory: "Likes tea", userId: "me", ...nothing, createdAt, updatedAt });
    assert.deepStrictEqual(await storedMemory(memories, memoryId), added);
  },

  "any text comes back": async (memories) => {
    const written = await memories.upsertMemories(
      texts.map((text) => ({ userId: "me", memory: text, topics: [text], input: text, feedback: text })),
    );
    for (const [index, text] of texts.entries()) {
      const found = await storedMemory(memories, written[index]?.memoryId ?? "");
      assert.deepStrictEqual([found.memory, found.topics, found.input, found.feedback], [text, [text], text, text]);
    }
  },

  "NUL and lone surrogates become U+FFFD": async (memories) => {
    const bad = "a\0b\ud800c";
    const { memoryId } = await memories.upsertMemory({ userId: "me", memory: bad, topics: [bad], input: bad });
    const { memory: text, topics, input } = await storedMemory(memories, memoryId);
    assert.deepStrictEqual([text, topics, input], ["a\ufffdb\ufffdc", ["a\ufffdb\ufffdc"], "a\ufffdb\ufffdc"]);
  },

  "there is no memory without a user or without text": async (memories) => {
    for (const wrong of [
      { userId: undefined },
      { userId: null },
      { memory: undefined },
      { memory: " \n" },
      { memory: 1 },
    ]) {
      const init = { ...memory("a", "me"), ...wrong } as unknown as ReturnType<typeof memory>;
      await refusesWrite(memories, "INVALID_ARGUMENT", () => memories.upsertMemory(init));
      await refusesWrite(memories, "INVALID_ARGUMENT", () => memories.upsertMemories([memory("b", "me"), init]));
    }
    for (const wrong of [
      { memory: "" },
      { topics: "tea" },
      { topics: [1] },
      { input: 1 },
      { userId: "them" },
      { extra: 1 },
    ]) {
      await memories.upsertMemory(memory("a", "me"));
      const patch = wrong as object;
      await refusesWrite(memories, "INVALID_ARGUMENT", () => memories.updateMemory({ memoryId: "a" }, patch));
      await refusesWrite(memories, "INVALID_ARGUMENT", () => memories.updateMemory({ memoryId: "a" }, () => patch));
    }
  },

  ...fields,

  "a memory that does not exist is null, false or 0": async (memories) => {
    assert.equal(await memories.getMemory({ memoryId: "a" }), null);
    assert.equal(await memories.updateMemory({ memoryId: "a" }, { memory: "new" }), null);
    assert.equal(await memories.deleteMemory({ memoryId: "a", userId: "me" }), false);
    assert.equal(await memories.deleteMemories({ memoryIds: ["a", "b"] }), 0);
    assert.equal(await memories.deleteMemories({ memoryIds: [] }), 0);
    assert.equal(await memories.clearMemories({ userId: "me" }), 0);
    assert.deepStrictEqual(await memories.upsertMemories([]), []);
    const nothing = { removed: 0, updated: [], added: [] };
    assert.deepStrictEqual(await memories.changeMemories({ userId: "me" }), nothing);
    assert.deepStrictEqual(await memories.getMemoryTopics(), []);
    assert.deepStrictEqual(await memories.getMemoryStats(), { users: [], nextCursor: null });
  },

  "the same fact is stored once for each user": async (memories) => {
    for (const [index, [one, other]] of sameTexts.entries()) {
      const userId = `user ${index}`;
      const first = await memories.upsertMemory({ userId, memory: one, topics: ["first"] });
      const again = await memories.upsertMemory({ userId, memory: other, topics: ["second"] });
      assert.deepStrictEqual(again, first, `${one} is ${other}`);
      assert.deepStrictEqual(await memories.upsertMemory({ userId, memoryId: `new ${index}`, memory: other }), first);
      assert.deepStrictEqual((await memories.getMemories({ userId })).memories, [first]);
      const theirs = await memories.upsertMemory({ userId: "them", memory: one });
      assert.notEqual(theirs.memoryId, first.memoryId);
    }
  },

  "facts that differ are stored apart": async (memories) => {
    for (const [index, pair] of otherTexts.entries()) {
      const userId = `user ${index}`;
      await memories.upsertMemories(pair.map((text) => ({ userId, memory: text })));
      assert.equal((await memories.getMemories({ userId })).memories.length, 2, pair.join(" / "));
    }
  },

  "the same fact twice in one call is stored once": async (memories) => {
    const [one, other] = await memories.upsertMemories([
      { userId: "me", memory: "Likes tea" },
      { userId: "me", memory: "likes tea." },
      { userId: "them", memory: "Likes tea" },
    ]);
    assert.deepStrictEqual(one, other);
    assert.equal((await allMemories(memories)).length, 2);
  },

  "a memory does not become what another one says": async (memories) => {
    await memories.upsertMemories([memory("a", "me", { memory: "A" }), memory("b", "me", { memory: "B" })]);
    for (const change of Object.values(changes)) {
      const error = await refusesWrite(memories, "MEMORY_DUPLICATE", () => change(memories, "b", { memory: "a." }));
      assert.deepStrictEqual(Object.entries(error as object).slice(-2), [
        ["memoryId", "b"],
        ["duplicateOf", "a"],
      ]);
    }
    assert.equal((await memories.updateMemory({ memoryId: "b" }, { memory: "b!" }))?.memory, "b!");
    await memories.changeMemories({ userId: "me", remove: ["a"], update: [{ memoryId: "b", memory: "A" }] });
    assert.deepStrictEqual(await listedMemories(memories), ["b"]);
  },

  "many memories of several users are written all or nothing": async (memories) => {
    await memories.upsertMemory(memory("theirs", "them"));
    await refusesWrite(memories, "MEMORY_OWNERSHIP", () =>
      memories.upsertMemories([memory("a", "zoe"), memory("b", "ada"), memory("theirs", "me")]),
    );
    await refusesWrite(memories, "MEMORY_OWNERSHIP", () =>
      memories.upsertMemories([memory("same", "ada"), memory("same", "bob")]),
    );
    const written = await memories.upsertMemories([memory("a", "zoe"), memory("b", "ada"), memory("c", "zoe")]);
    assert.deepStrictEqual(
      written.map(({ memoryId, userId }) => [memoryId, userId]),
      [
        ["a", "zoe"],
        ["b", "ada"],
        ["c", "zoe"],
      ],
    );
  },

  "changeMemories replaces many by few": async (memories) => {
    const old = Array.from({ length: 30 }, (_, index) => `m${index}`);
    await memories.upsertMemories(old.map((id) => memory(id, "me")));
    await memories.upsertMemory(memory("theirs", "them"));
    const { removed, updated, added } = await memories.changeMemories({
      userId: "me",
      remove: old.slice(1),
      update: [{ memoryId: "m0", memory: "kept" }],
      add: [{ memory: "one" }, { memory: "two", topics: ["all"] }, { memory: "ONE" }],
    });
    assert.equal(removed, 29);
    assert.deepStrictEqual(
      updated.map(({ memory: text }) => text),
      ["kept"],
    );
    assert.deepStrictEqual(
      added.map(({ memory: text }) => text),
      ["one", "two", "one"],
    );
    const left = (await memories.getMemories({ userId: "me" })).memories.map(({ memory: text }) => text);
    assert.deepStrictEqual(left.toSorted(), ["kept", "one", "two"]);
    assert.notEqual(await memories.getMemory({ memoryId: "theirs" }), null);
  },

  "changeMemories refuses an id that was invented": async (memories) => {
    await memories.upsertMemory(memory("a", "me"));
    const add = [{ memory: "new" }];
    for (const wrong of [{ remove: ["a", "none"] }, { remove: ["a"], update: [{ memoryId: "none", memory: "x" }] }]) {
      const change = () => memories.changeMemories({ userId: "me", add, ...wrong });
      const error = await refusesWrite(memories, "MEMORY_NOT_FOUND", change);
      assert.equal((error as { memoryId?: unknown }).memoryId, "none");
    }
  },

  "a function that throws changes nothing": async (memories) => {
    await memories.upsertMemory(memory("a", "me"));
    const before = await allMemories(memories);
    const reason = new Error("no");
    const change = () => {
      throw reason;
    };
    assert.equal(await rejection(() => memories.updateMemory({ memoryId: "a" }, change)), reason);
    assert.deepStrictEqual(await allMemories(memories), before);
    const promise = (async () => ({ memory: "later" })) as never;
    await refusesWrite(memories, "INVALID_ARGUMENT", () => memories.updateMemory({ memoryId: "a" }, promise));
  },

  "deletes delete the named memories only": async (memories) => {
    await memories.upsertMemories(["a", "b", "c", "d"].map((id) => memory(id, id === "d" ? "them" : "me")));
    assert.equal(await memories.deleteMemory({ memoryId: "a", userId: "me" }), true);
    await refusesWrite(memories, "MEMORY_OWNERSHIP", () =>
      memories.deleteMemories({ memoryIds: ["b", "d"], userId: "me" }),
    );
    assert.equal(await memories.deleteMemories({ memoryIds: ["b", "b", "none"], userId: "me" }), 1);
    assert.equal(await memories.deleteMemories({ memoryIds: ["d"] }), 1);
    assert.deepStrictEqual(await listedMemories(memories), ["c"]);
  },

  "deleting sessions deletes no memory": async (memories, db) => {
    await db.upsertSession(session("s", { userId: "me" }));
    await memories.upsertMemory(memory("a", "me"));
    await db.deleteSession({ sessionId: "s" });
    assert.deepStrictEqual(await listedMemories(memories), ["a"]);
    await memories.clearMemories({ userId: "me" });
  },
});
