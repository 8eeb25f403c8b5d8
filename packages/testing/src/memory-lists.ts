import type { GetMemoriesOptions, MemoryDb, MemoryScope } from "@sessiondb/core";

/** The memories of a large table, of which each user has a hundred. */
export const memoryCount = 1_000_000;
export const memoryUsers = 10_000;

/**
 * Every kind of condition of a list of memories, in a table in which memory `i` is of user `u<i % 10,000>`, half are of
 * the agent `a`, one in a thousand is of the agent `rare`, and a fifth is of the team `t`.
 */
export const memoryFilters: Readonly<Record<string, GetMemoriesOptions & MemoryScope>> = {
  all: {},
  user: { userId: "u777" },
  agent: { agentId: "a" },
  "rare agent": { agentId: "rare" },
  team: { teamId: "t" },
  "agent and team": { agentId: "a", teamId: "t" },
  "user and agent": { userId: "u776", agentId: "a" },
  "user and team": { userId: "u775", teamId: "t" },
  "user and topics": { userId: "u777", topics: ["tea"] },
  "user and any topic": { userId: "u777", topics: ["tea", "food"], topicMatch: "any" },
  "user and text": { userId: "u777", text: "fact 1" },
  text: { text: "FACT" },
  topic: { topics: ["tea"] },
};

/** Every list in every order. */
export const memoryLists = Object.entries(memoryFilters).flatMap(([name, filter]) =>
  (["updatedAt", "createdAt"] as const).flatMap((sortBy) =>
    (["desc", "asc"] as const).map(
      (sortOrder) => [`${name}, ${sortBy} ${sortOrder}`, { ...filter, sortBy, sortOrder, limit: 5 }] as const,
    ),
  ),
);

/** Reads a page, the one after it, and the first again from there. */
export async function walkMemories(memories: MemoryDb, options: GetMemoriesOptions & MemoryScope): Promise<number> {
  const one = await memories.getMemories(options);
  const two = await memories.getMemories({ ...options, cursor: one.nextCursor ?? "" });
  const again = await memories.getMemories({ ...options, cursor: two.previousCursor ?? "" });
  return one.memories.length + two.memories.length + again.memories.length;
}

/** Everything else that works on the memories of one user, or on one memory. */
export const memoryCalls: Readonly<Record<string, (memories: MemoryDb) => Promise<unknown>>> = {
  getMemory: (memories) => memories.getMemory({ memoryId: "m777", userId: "u777" }),
  upsertMemory: (memories) => memories.upsertMemory({ userId: "u777", memory: "A new fact" }),
  "upsertMemory by id": (memories) => memories.upsertMemory({ memoryId: "m777", userId: "u777", memory: "Changed" }),
  updateMemory: (memories) => memories.updateMemory({ memoryId: "m777" }, { topics: ["tea"] }),
  changeMemories: async (memories) => {
    const { memoryId } = await memories.upsertMemory({ userId: "u777", memory: "A fact to forget" });
    await memories.changeMemories({
      userId: "u777",
      remove: [memoryId],
      update: [{ memoryId: "m20777", memory: "Changed too" }],
      add: [{ memory: "Another fact" }],
    });
  },
  deleteMemory: (memories) => memories.deleteMemory({ memoryId: "m778", userId: "u778" }),
  deleteMemories: (memories) => memories.deleteMemories({ memoryIds: ["m779", "m10779"] }),
  clearMemories: (memories) => memories.clearMemories({ userId: "u780" }),
  "getMemoryTopics of a user": (memories) => memories.getMemoryTopics({ userId: "u777" }),
  "getMemoryStats of a user": (memories) => memories.getMemoryStats({ userId: "u777" }),
  getMemoryStats: async (memories) => {
    const { nextCursor } = await memories.getMemoryStats({ limit: 5 });
    await memories.getMemoryStats({ limit: 5, cursor: nextCursor ?? "" });
  },
};
