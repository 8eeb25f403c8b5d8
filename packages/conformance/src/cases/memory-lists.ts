import assert from "node:assert/strict";
import type { MemoryDb, UserMemoryInit } from "@sessiondb/core";
import { compareMemories, meetsMemoryConditions, memoryPosition } from "@sessiondb/core/adapter";
import type { Cases } from "../conformance-case.ts";
import { listedMemories, memory, memoryChecks, refusesWrite } from "../support/memories.ts";
import { assertNames, assertRefusal, rejection } from "../support/refusals.ts";

const topics = ["food", "Food", "Äpfel", "a,b", 'say "hi"', "50%", "_", "back\\slash", "😀", "food "];
const words = [
  "Likes ÄPFEL",
  "likes äpfel pie",
  "100% sure",
  "1000 sure",
  'says "hi"',
  "back\\slash",
  "日本語の本",
  "İstanbul",
];

/** Memories of three users that differ in everything that a list looks at. */
function inits(): UserMemoryInit[] {
  return Array.from({ length: 60 }, (_, index) =>
    memory(`m${String((index * 37) % 60).padStart(2, "0")}`, `user ${index % 3}`, {
      memory: `${words[index % words.length] ?? ""} ${index}`,
      topics:
        index % 7 === 0 ? null : topics.filter((_topic, place) => (index + place) % 4 === 0 || place === index % 10),
      agentId: index % 2 === 0 ? "agent" : null,
      teamId: index % 5 === 0 ? "team" : null,
    }),
  );
}

type ListOptions = NonNullable<Parameters<MemoryDb["getMemories"]>[0]>;

const conditions: readonly ListOptions[] = [
  {},
  ...["user 0", "user 2", "nobody"].map((userId) => ({ userId })),
  { agentId: "agent" },
  { teamId: "team", userId: "user 0" },
  { agentId: "agent", teamId: "team" },
  ...topics.map((topic) => ({ topics: [topic] })),
  { topics: ["food", "Äpfel"] },
  { topics: ["food", "Äpfel"], topicMatch: "any" },
  { topics: ["none", "😀"], topicMatch: "any", userId: "user 1" },
  { topics: ["none"] },
  ...["äpfel", "APFEL", "%", "_", '"', "\\", "日本", "istanbul", "hi", "0", "none"].map((text) => ({ text })),
  { text: "likes", userId: "user 0", agentId: "agent", topics: ["food"] },
];

const orders = ["updatedAt", "createdAt"].flatMap((sortBy) =>
  ["asc", "desc"].map((sortOrder) => ({ sortBy, sortOrder }) as Required<Pick<ListOptions, "sortBy" | "sortOrder">>),
);

async function expected(memories: MemoryDb, options: ListOptions, order: (typeof orders)[number]): Promise<string[]> {
  const all = await Promise.all(inits().map(({ memoryId = "" }) => memories.getMemory({ memoryId })));
  const { userId, agentId = null, teamId = null, topics: names, topicMatch: match = "all", text = null } = options;
  const query = {
    agentId,
    teamId,
    topics: names === undefined ? null : { names, match },
    text: text?.toLowerCase() ?? null,
  };
  return all
    .flatMap((each) => each ?? [])
    .filter((each) => (userId === undefined || each.userId === userId) && meetsMemoryConditions(each, query))
    .map((each) => memoryPosition(each, order.sortBy))
    .toSorted(compareMemories(order))
    .map(({ memoryId }) => memoryId);
}

async function store(memories: MemoryDb): Promise<void> {
  await memories.upsertMemories(inits());
}

export const memoryListCases: Cases = memoryChecks({
  "every condition selects what it says, in every order": async (memories) => {
    await store(memories);
    for (const options of conditions) {
      for (const order of orders) {
        const found = await listedMemories(memories, { ...options, ...order });
        assert.deepStrictEqual(
          found,
          await expected(memories, options, order),
          JSON.stringify({ ...options, ...order }),
        );
      }
    }
  },

  "pages make up the whole list, forwards and backwards": async (memories) => {
    await store(memories);
    for (const options of [{}, { userId: "user 1" }, { text: "likes" }, { topics: ["food"] }, { agentId: "agent" }]) {
      for (const order of orders) {
        const whole = await listedMemories(memories, { ...options, ...order });
        const forwards: string[] = [];
        let page = await memories.getMemories({ ...options, ...order, limit: 7 });
        assert.equal(page.previousCursor, null);
        for (;;) {
          forwards.push(...page.memories.map(({ memoryId }) => memoryId));
          if (page.nextCursor === null || forwards.length > 100) {
            break;
          }
          page = await memories.getMemories({ ...options, ...order, limit: 7, cursor: page.nextCursor });
        }
        assert.deepStrictEqual(forwards, whole, "forwards");
        const last = page.memories.length;
        const backwards: string[] = [];
        while (page.previousCursor !== null && backwards.length < 100) {
          page = await memories.getMemories({ ...options, ...order, limit: 7, cursor: page.previousCursor });
          backwards.unshift(...page.memories.map(({ memoryId }) => memoryId));
        }
        assert.deepStrictEqual(backwards, whole.slice(0, whole.length - last), "backwards");
      }
    }
  },

  "a change moves a memory to the front": async (memories) => {
    await memories.upsertMemories(["a", "b", "c"].map((id) => memory(id, "me")));
    const until = Date.now() + 3000;
    const { updatedAt: before = 0 } = (await memories.getMemory({ memoryId: "a" })) ?? {};
    for (;;) {
      const changed = await memories.updateMemory({ memoryId: "a" }, { feedback: `${Date.now()}` });
      if ((changed?.updatedAt ?? 0) > before) {
        break;
      }
      assert.ok(Date.now() < until, "a change sets updatedAt to now");
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.equal((await listedMemories(memories, { userId: "me" }))[0], "a");
    assert.equal((await listedMemories(memories, { userId: "me", sortBy: "createdAt", sortOrder: "asc" }))[0], "a");
  },

  "a list is bounded by default": async (memories) => {
    await memories.upsertMemories(Array.from({ length: 60 }, (_, index) => memory(`m${index}`, "me")));
    assert.equal((await memories.getMemories({ userId: "me" })).memories.length, 50);
    assert.equal((await memories.getMemories({ userId: "me", limit: 0 })).memories.length, 0);
    assert.equal((await memories.getMemories({ userId: "me", limit: 2 })).memories.length, 2);
  },

  "a wrong condition is refused": async (memories) => {
    const wrong: readonly [string, readonly unknown[]][] = [
      ["userId", ["", null, undefined, 1]],
      ["agentId", ["", null, undefined]],
      ["teamId", ["", null, undefined]],
      ["topics", ["food", [], [1], null, undefined, Array.from({ length: 51 }, (_, index) => `${index}`)]],
      ["topicMatch", ["some", 1]],
      ["text", ["", 1, null, undefined]],
      ["sortBy", ["memory", "updated_at", 1]],
      ["sortOrder", ["DESC", 1]],
      ["limit", [-1, 1.5, "1", null]],
      ["cursor", ["", "x", 1, null, "W10"]],
      ["onUnreadable", ["ignore"]],
    ];
    for (const [name, values] of wrong) {
      for (const value of values) {
        const options = { ...(name === "topicMatch" && { topics: ["food"] }), [name]: value } as ListOptions;
        const error = await rejection(() => memories.getMemories(options));
        assertRefusal(error, "INVALID_ARGUMENT");
        assertNames(error, name);
      }
    }
    await refusesWrite(memories, "INVALID_ARGUMENT", () => memories.getMemories({ topicMatch: "any" }));
  },

  "a cursor of another order, or of sessions, is refused": async (memories, db) => {
    await memories.upsertMemories(["a", "b", "c"].map((id) => memory(id, "me")));
    await db.upsertSessions(
      ["s", "t"].map((sessionId) => ({ sessionId, sessionType: "agent" as const, agentId: "a" })),
    );
    const { nextCursor } = await memories.getMemories({ limit: 1 });
    const { nextCursor: ofSessions } = await db.getSessions({ limit: 1, sortBy: "updatedAt" });
    assert.ok(nextCursor !== null && ofSessions !== null);
    for (const options of [{ sortBy: "createdAt" as const }, { sortOrder: "asc" as const }]) {
      await refusesWrite(memories, "INVALID_ARGUMENT", () => memories.getMemories({ ...options, cursor: nextCursor }));
    }
    await refusesWrite(memories, "INVALID_ARGUMENT", () => memories.getMemories({ cursor: ofSessions }));
  },

  "topics are counted, the most frequent first": async (memories) => {
    await memories.upsertMemories([
      memory("a", "me", { topics: ["tea", "Ä", "😀"] }),
      memory("b", "me", { topics: ["tea", "Ä"] }),
      memory("c", "me", { topics: ["tea"] }),
      memory("d", "me", { topics: [] }),
      memory("e", "me", { topics: null }),
      memory("f", "them", { topics: ["Tea", "Ä"] }),
    ]);
    const all = { topic: "tea", count: 3 };
    assert.deepStrictEqual(await memories.getMemoryTopics({ userId: "me" }), [
      all,
      { topic: "Ä", count: 2 },
      { topic: "😀", count: 1 },
    ]);
    assert.deepStrictEqual(await memories.getMemoryTopics({ userId: "me", limit: 1 }), [all]);
    assert.deepStrictEqual(await memories.getMemoryTopics(), [
      all,
      { topic: "Ä", count: 3 },
      { topic: "Tea", count: 1 },
      { topic: "😀", count: 1 },
    ]);
    assert.deepStrictEqual(await memories.getMemoryTopics({ userId: "nobody" }), []);
  },

  "users are counted, page by page": async (memories) => {
    const users = Array.from({ length: 23 }, (_, index) => `user ${index}`);
    await memories.upsertMemories(
      users.flatMap((userId, index) =>
        Array.from({ length: 1 + (index % 3) }, (_, place) => memory(`${userId}.${place}`, userId)),
      ),
    );
    const found: { userId: string; count: number; updatedAt: number }[] = [];
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<MemoryDb["getMemoryStats"]>> = await memories.getMemoryStats({
        limit: 5,
        ...(cursor !== null && { cursor }),
      });
      assert.ok(page.users.length <= 5);
      found.push(...page.users);
      cursor = page.nextCursor;
    } while (cursor !== null && found.length < 100);
    assert.equal(new Set(found.map(({ userId }) => userId)).size, found.length, "nobody comes twice");
    for (const { userId, count, updatedAt } of found) {
      assert.equal(count, 1 + (users.indexOf(userId) % 3));
      const [newest] = (await memories.getMemories({ userId, limit: 1 })).memories;
      assert.equal(updatedAt, newest?.updatedAt);
    }
    assert.equal(found.length, users.length);
    const { users: one, nextCursor } = await memories.getMemoryStats({ userId: "user 4" });
    assert.deepStrictEqual(
      one,
      found.filter(({ userId }) => userId === "user 4"),
    );
    assert.equal(nextCursor, null);
    assert.deepStrictEqual((await memories.getMemoryStats({ userId: "nobody" })).users, []);
  },
});
