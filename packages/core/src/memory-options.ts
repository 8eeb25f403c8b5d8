import type { NewUserMemory, UserMemory, UserMemoryPatch } from "./models/user-memory.ts";
import type { CallOptions, PageOptions, SortOrder, UnreadableRow } from "./options.ts";

// The arguments and results of the contract in memory-db.ts. Every timestamp is in whole Unix seconds.

/** Confines a call to the memories of one user. */
export interface MemoryScope {
  userId?: string;
}

/** A list of memories: its conditions, which must all hold, and its order. */
export interface GetMemoriesOptions extends PageOptions {
  agentId?: string;
  teamId?: string;
  /** Topics, compared exactly. At least one. */
  topics?: readonly string[];
  /** Whether a memory must have all of `topics`, or any of them. Default `all`. */
  topicMatch?: "all" | "any";
  /** A part of the text, in any case; `%` and `_` are ordinary characters. */
  text?: string;
  /** Default `updatedAt`. */
  sortBy?: "updatedAt" | "createdAt";
  /** Default `desc`: newest first. */
  sortOrder?: SortOrder;
}

/** One page of memories. */
export interface MemoryPage {
  readonly memories: UserMemory[];
  /** Asks for the page after this one. Null on the last page. */
  readonly nextCursor: string | null;
  /** Asks for the page before this one. Null on the first page, and on a page that holds no row. */
  readonly previousCursor: string | null;
  /** The memories of this page that cannot be read. */
  readonly unreadable: readonly UnreadableRow[];
}

/** A memory to change. */
export interface MemoryUpdate extends UserMemoryPatch {
  memoryId: string;
}

/** What `changeMemories` does, in this order, all or nothing. */
export interface ChangeMemoriesOptions extends CallOptions {
  /** The ids of memories to delete. */
  remove?: readonly string[];
  update?: readonly MemoryUpdate[];
  add?: readonly NewUserMemory[];
}

/** What `changeMemories` did. */
export interface MemoryChanges {
  /** The number of memories deleted. */
  readonly removed: number;
  /** The memories of `update` as stored, in its order. */
  readonly updated: UserMemory[];
  /** The memories of `add` as stored, in its order: for a fact that is known already, the memory that says it. */
  readonly added: UserMemory[];
}

/** A patch, or a synchronous function that returns one for the stored memory, which a retry may call again. */
export type MemoryChange = UserMemoryPatch | ((memory: UserMemory) => UserMemoryPatch);

export interface MemoryTopicsOptions extends CallOptions {
  /** The largest number of topics. Default 50. */
  limit?: number;
}

/** A topic, and the number of memories that have it. */
export interface MemoryTopic {
  readonly topic: string;
  readonly count: number;
}

export interface MemoryStatsOptions extends CallOptions {
  /** The largest number of users on a page. Default 50. */
  limit?: number;
  /** `nextCursor` of the page before. */
  cursor?: string;
}

/** The memories of one user, counted. */
export interface MemoryStats {
  readonly userId: string;
  readonly count: number;
  /** The last change of any of them, in Unix seconds. */
  readonly updatedAt: number;
}

/** One page of users with memories. */
export interface MemoryStatsPage {
  readonly users: MemoryStats[];
  /** Asks for the page after this one. Null on the last page. */
  readonly nextCursor: string | null;
}
