import assert from "node:assert/strict";
import type { PairCases } from "../conformance-case.ts";
import { allAtOnce, atOnce, many } from "../support/at-once.ts";
import { allMemories, memoriesOf, memory } from "../support/memories.ts";
import { assertRefusal } from "../support/refusals.ts";

// Writers at once, on one handle or on two: nothing is lost, and nothing is there twice.

export const memoryRaceCases: PairCases = {
  "the same fact of writers at once is stored once": async (one, other) => {
    memoriesOf(one);
    const spellings = ["Likes tea", "likes TEA.", " likes  tea", "LIKES TEA!"];
    const written = await allAtOnce([one, other], (db, index) =>
      memoriesOf(db).upsertMemory({ userId: "me", memory: spellings[index % spellings.length] ?? "" }),
    );
    assert.equal(new Set(written.map(({ memoryId }) => memoryId)).size, 1, "all get the same memory");
    assert.equal((await allMemories(memoriesOf(one))).length, 1);
  },

  "facts of writers at once are all stored": async (one, other) => {
    memoriesOf(one);
    await allAtOnce([one, other], (db, index) =>
      memoriesOf(db).changeMemories({
        userId: `user ${index % 2}`,
        add: [{ memory: `fact ${index}` }, { memory: "what all say" }],
      }),
    );
    const texts = (await allMemories(memoriesOf(one))).map(({ memory: text, userId }) => `${userId}: ${text}`);
    assert.equal(new Set(texts).size, texts.length, "nothing is there twice");
    assert.equal(texts.length, many + 2);
  },

  "changes of one memory by writers at once add up": async (one, other) => {
    await memoriesOf(one).upsertMemory(memory("a", "me", { topics: [] }));
    await allAtOnce([one, other], (db, index) =>
      memoriesOf(db).updateMemory({ memoryId: "a" }, ({ topics }) => ({ topics: [...(topics ?? []), `t${index}`] })),
    );
    const { topics } = (await memoriesOf(other).getMemory({ memoryId: "a" })) ?? {};
    assert.equal(new Set(topics).size, many, "every change is there");
  },

  "changes into the same fact at once leave one": async (one, other) => {
    await memoriesOf(one).upsertMemories(
      Array.from({ length: many }, (_, index) => memory(`m${index}`, "me", { memory: `old ${index}` })),
    );
    const results = await atOnce([one, other], (db, index) =>
      memoriesOf(db).updateMemory({ memoryId: `m${index}`, userId: "me" }, { memory: "the same" }),
    );
    assert.equal(results.filter(({ status }) => status === "fulfilled").length, 1);
    for (const result of results) {
      if (result.status === "rejected") {
        assertRefusal(result.reason, "MEMORY_DUPLICATE");
      }
    }
  },

  "one of two users at once gets an id": async (one, other) => {
    memoriesOf(one);
    const results = await atOnce([one, other], (db, index) =>
      memoriesOf(db).upsertMemory(memory("a", `user ${index}`)),
    );
    const won = results.flatMap((result) => (result.status === "fulfilled" ? [result.value.userId] : []));
    assert.equal(won.length, 1, "one user stores the memory");
    for (const result of results) {
      if (result.status === "rejected") {
        assertRefusal(result.reason, "MEMORY_OWNERSHIP");
      }
    }
    assert.equal((await memoriesOf(other).getMemory({ memoryId: "a" }))?.userId, won[0]);
  },

  "users at once are written whole": async (one, other) => {
    memoriesOf(one);
    const users = Array.from({ length: 6 }, (_, index) => `user ${index}`);
    await allAtOnce([one, other], (db, index) => {
      const order = index % 2 === 0 ? users : users.toReversed();
      return memoriesOf(db).upsertMemories(order.map((userId) => ({ userId, memory: `fact ${index}` })));
    });
    assert.equal((await allMemories(memoriesOf(one))).length, many * users.length);
  },

  "clearing at once with writes leaves whole memories": async (one, other) => {
    await memoriesOf(one).upsertMemories(Array.from({ length: 30 }, (_, index) => memory(`m${index}`, "me")));
    await allAtOnce([one, other], async (db, index) =>
      index % 4 === 0
        ? memoriesOf(db).clearMemories({ userId: "me" })
        : memoriesOf(db).upsertMemory({ userId: "me", memory: `new ${index % 3}` }),
    );
    const texts = (await allMemories(memoriesOf(other))).map(({ memory: text }) => text);
    assert.equal(new Set(texts).size, texts.length, "nothing is there twice");
    assert.ok(
      texts.every((text) => text.startsWith("new ")),
      "the old ones are gone",
    );
  },
};
