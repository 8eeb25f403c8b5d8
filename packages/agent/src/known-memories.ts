import type { UserMemory, UserMemoryDb } from "@sessiondb/core";
import { promptData } from "@sessiondb/turns";

/** How much of a user's memories a model is shown. */
export interface MemoryLimits {
  /** The largest number of memories, those that were changed last. Default 50. */
  memories?: number | undefined;
  /** The largest number of characters of their texts and topics. One that does not fit is left out whole. Default 4,000. */
  characters?: number | undefined;
}

/** The topics of the memories that a model is shown. */
export interface MemoryTopicFilter {
  /** At least one. */
  topics: readonly string[];
  /** Whether a memory must have all of them, or any. Default `any`. */
  topicMatch?: "all" | "any" | undefined;
}

/** The memories of a user that a model is shown, those that were changed last first. */
export interface KnownMemories {
  readonly memories: readonly UserMemory[];
  /** Whether the user has no others that it could be shown. */
  readonly isWhole: boolean;
}

/** `MemoryLimits` with the defaults. */
export interface KnownLimits {
  readonly memories: number;
  readonly characters: number;
}

interface KnownOptions {
  readonly limits: KnownLimits;
  readonly only?: MemoryTopicFilter | null;
  /** A part of their text. Default: any. */
  readonly text?: string;
  readonly signal?: AbortSignal | undefined;
}

/** Reads the memories that a model is shown. */
export async function knownMemories(
  memories: UserMemoryDb,
  { limits, only = null, text, signal }: KnownOptions,
): Promise<KnownMemories> {
  const page = await memories.getMemories({
    limit: limits.memories,
    ...(only !== null && { topics: only.topics, topicMatch: only.topicMatch ?? "any" }),
    ...(text !== undefined && { text }),
    ...(signal !== undefined && { signal }),
  });
  let left = limits.characters;
  // Others may have stored anything: a text that says nothing, or topics without end.
  const fitting = page.memories.filter(({ memory, topics }) => {
    const length = [memory, ...(topics ?? [])].reduce((sum, each) => sum + each.length, 0);
    const fits = memory.trim() !== "" && length <= left;
    left -= fits ? length : 0;
    return fits;
  });
  return { memories: fitting, isWhole: page.nextCursor === null && fitting.length === page.memories.length };
}

/** Returns the memories as a paragraph of the system message; null if there are none. */
export function memoriesText(
  { memories, isWhole }: KnownMemories,
  { withIds }: { readonly withIds: boolean },
): string | null {
  if (memories.length === 0) {
    return null;
  }
  const shown = withIds ? memories.map(shownMemory) : memories.map(({ memory }) => memory);
  return [
    `What is remembered about the user from earlier conversations${isWhole ? "" : ", the newest of it"}. ` +
      promptData("memories_from_previous_interactions", shown),
    "The memories may be outdated. If this conversation contradicts them, trust the conversation.",
  ].join("\n\n");
}

/** Returns a memory as a model is shown it that may change it. */
export function shownMemory({ memoryId: id, memory: text, topics: subjects }: UserMemory): {
  memory_id: string;
  memory: string;
  topics: readonly string[];
} {
  return { memory_id: id, memory: text, topics: subjects ?? [] };
}
