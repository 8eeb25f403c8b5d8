import { compareSessions } from "./list-rules.ts";
import type { MemoryListQuery, MemoryPosition } from "./memory-queries.ts";
import type { MemoryRow, UserMemory } from "./models/user-memory.ts";
import { foldName } from "./session-rules.ts";

// The rules of lists of memories, for stores that filter and sort in JavaScript.

export function memoryPosition(
  { memoryId, createdAt, updatedAt }: Pick<MemoryRow, "memoryId" | "createdAt" | "updatedAt">,
  sortBy: MemoryListQuery["sortBy"],
): MemoryPosition {
  return { timestamp: sortBy === "createdAt" ? createdAt : (updatedAt ?? createdAt), memoryId };
}

/** The order of a list of memories, for `toSorted`: like one of sessions. */
export function compareMemories(
  order: Pick<MemoryListQuery, "sortOrder">,
): (a: MemoryPosition, b: MemoryPosition) => number {
  const compare = compareSessions(order);
  const place = ({ timestamp, memoryId: sessionId }: MemoryPosition) => ({ timestamp, sessionId });
  return (a, b) => compare(place(a), place(b));
}

/** Whether a memory meets all conditions except that on its user. */
export function meetsMemoryConditions(
  memory: Pick<UserMemory, "memory" | "topics" | "agentId" | "teamId">,
  { agentId, teamId, topics, text }: Pick<MemoryListQuery, "agentId" | "teamId" | "topics" | "text">,
): boolean {
  const has = (topic: string): boolean => memory.topics?.includes(topic) === true;
  return (
    (agentId === null || memory.agentId === agentId) &&
    (teamId === null || memory.teamId === teamId) &&
    (topics === null || (topics.match === "all" ? topics.names.every(has) : topics.names.some(has))) &&
    (text === null || foldName(memory.memory).includes(text))
  );
}
