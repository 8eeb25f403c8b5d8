import type { MemoryRow, UserMemory } from "./models/user-memory.ts";
import type { PageQuery } from "./queries.ts";

// The queries that `BaseMemoryDb` passes to a store: the arguments of the contract after all checks, with every default
// filled in and `null` for what was not given. Columns are encoded, ready to be bound.

/** Names one memory. */
export interface MemoryQuery {
  readonly memoryId: string;
  /** Null: any user's. */
  readonly userId: string | null;
}

/** The place of a memory in a list. */
export interface MemoryPosition {
  /** The time that the list is sorted by, in Unix seconds. */
  readonly timestamp: number;
  readonly memoryId: string;
}

export interface MemoryListQuery extends PageQuery<MemoryPosition> {
  readonly sortBy: "updatedAt" | "createdAt";
  readonly userId: string | null;
  readonly agentId: string | null;
  readonly teamId: string | null;
  /** The topics that a memory must have, all or any of them; null for no condition. */
  readonly topics: { readonly names: readonly string[]; readonly match: "all" | "any" } | null;
  /** Already folded with `foldName`. */
  readonly text: string | null;
}

export interface MemoryTopicsQuery {
  readonly userId: string | null;
  readonly limit: number;
}

export interface MemoryStatsQuery {
  readonly userId: string | null;
  readonly limit: number;
  /** The last user of the page before; null for the first page. */
  readonly after: string | null;
}

/** Named memories to delete, all or nothing. */
export interface MemorySelection {
  readonly memoryIds: readonly string[];
  readonly userId: string | null;
}

/** The columns of a memory to write; those left out stay, or are null in a new row. */
export type MemoryFields = Partial<Pick<MemoryRow, "memory" | "topics" | "input" | "feedback" | "agentId" | "teamId">>;

/** A memory to add or to change. */
export interface MemoryPut {
  readonly memoryId: string;
  readonly fields: MemoryFields;
  /** `update`: it must exist. `add`: its id is new. `upsert`: either. */
  readonly mode: "add" | "update" | "upsert";
}

/** A write to the memories of one user, all or nothing: first the deletes, then the others in order. */
export interface MemoryWrite {
  readonly userId: string;
  readonly remove: readonly string[];
  readonly puts: readonly MemoryPut[];
}

/** What a write has done. */
export interface MemoryWritten {
  readonly removed: number;
  /** The memory of each put, in order. */
  readonly memories: readonly UserMemory[];
}

/** Returns the columns of a stored memory to change. Called under its lock, possibly more than once. */
export type MemoryChangeFunction = (stored: MemoryRow) => MemoryFields;
