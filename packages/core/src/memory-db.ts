import type {
  ChangeMemoriesOptions,
  GetMemoriesOptions,
  MemoryChange,
  MemoryChanges,
  MemoryPage,
  MemoryScope,
  MemoryStatsOptions,
  MemoryStatsPage,
  MemoryTopic,
  MemoryTopicsOptions,
} from "./memory-options.ts";
import type { NewUserMemory, UserMemory, UserMemoryInit } from "./models/user-memory.ts";
import type { CallOptions } from "./options.ts";

/**
 * The contract of a store of user memories: short facts about a user, kept across sessions. docs/memories.md explains
 * it, and `@sessiondb/conformance` checks every promise.
 *
 * The rules of `SessionDb` hold here too: for ids, conditions, text, signals, errors and closing. Besides:
 * - Every memory that is written here belongs to one user. No write changes a memory of another user, or of nobody,
 *   whatever id it names: a store MUST check the owner in the statement that writes.
 * - A `userId` in the options of a call confines it to that user's memories; leaving it out is for trusted code.
 * - A fact is stored once for each user: two texts that differ in case, white space or a full stop at the end say the
 *   same. This MUST hold for any number of writers at once. What another program wrote counts as well.
 * - A field that is left out of a write stays as it is. A change of a memory sets its `updatedAt` to now, unless that is
 *   earlier than it was.
 */
export interface MemoryDb extends MemoryCalls<MemoryScope, UserMemoryInit> {
  /** `upsertMemory` for many, of any number of users, all or nothing. Resolves with the memories in the given order. */
  upsertMemories(memories: readonly UserMemoryInit[], options?: CallOptions): Promise<UserMemory[]>;

  /**
   * Deletes all memories of one user, and everything else that the store keeps about this user's memories. Resolves
   * with their number. There is no call that deletes the memories of everybody.
   */
  clearMemories(options: CallOptions & { userId: string }): Promise<number>;

  /** `changeMemories` of one user. */
  changeMemories(options: ChangeMemoriesOptions & { userId: string }): Promise<MemoryChanges>;

  /**
   * Returns one page of the users who have memories, with the number of their memories and the last change, in an order
   * of the store's own that stays. Memories of nobody are not counted. A page costs no more than the memories of its
   * users. With `userId`: that user alone, if there are memories.
   */
  getMemoryStats(options?: MemoryStatsOptions & MemoryScope): Promise<MemoryStatsPage>;
}

/** `MemoryDb` for one user: the same promises, with `userId` fixed. Another user's id is an `InvalidArgumentError`. */
export interface UserMemoryDb extends MemoryCalls<unknown, NewUserMemory & { memoryId?: string }> {
  readonly userId: string;

  /** `upsertMemory` for many, all or nothing. Resolves with the memories in the given order. */
  upsertMemories(
    memories: readonly (NewUserMemory & { memoryId?: string })[],
    options?: CallOptions,
  ): Promise<UserMemory[]>;

  /** Deletes all memories of this user. Resolves with their number. */
  clearMemories(options?: CallOptions): Promise<number>;

  /**
   * Deletes, changes and adds memories of the user in one transaction: all of it, or nothing. It is the way to let a
   * model keep a user's memories, and to replace many by few.
   *
   * @throws MemoryNotFoundError when `remove` or `update` names a memory that does not exist.
   * @throws MemoryOwnershipError when it names one that does not belong to the user.
   * @throws DuplicateMemoryError when an update says what another memory of the user says.
   */
  changeMemories(options: ChangeMemoriesOptions): Promise<MemoryChanges>;
}

/** The methods that a store of memories and the handle of one user share. */
export interface MemoryCalls<Scope, Init> {
  /**
   * Returns one memory, or null when it does not exist or does not belong to `userId`.
   *
   * @throws CorruptDataError when it cannot be read.
   */
  getMemory(options: CallOptions & Scope & { memoryId: string }): Promise<UserMemory | null>;

  /**
   * Returns one page of the memories that meet every given condition, by default those that were changed last first.
   * Pages that follow a cursor MUST NOT repeat or skip a memory because of equal timestamps or concurrent inserts.
   */
  getMemories(options?: GetMemoriesOptions & Scope): Promise<MemoryPage>;

  /** Yields the pages of `getMemories` in order, each read when the loop asks for it. */
  memoryPages(options?: GetMemoriesOptions & Scope): AsyncIterableIterator<MemoryPage>;

  /**
   * Adds a memory, or changes the user's memory with that `memoryId`. Resolves with the memory as stored: for a fact
   * that the user has already under another id, that memory, unchanged.
   *
   * @throws MemoryOwnershipError when the memory with that id does not belong to the user.
   * @throws DuplicateMemoryError when it would change a memory to say what another memory of the user says.
   */
  upsertMemory(memory: Init, options?: CallOptions): Promise<UserMemory>;

  /**
   * Changes one memory under its lock: when two callers each add something to it, neither is lost. Resolves with the
   * memory as now stored, or null when it does not exist.
   *
   * @throws MemoryOwnershipError when `userId` is given and the memory does not belong to this user.
   * @throws DuplicateMemoryError when it would say what another memory of the user says.
   */
  updateMemory(options: CallOptions & Scope & { memoryId: string }, change: MemoryChange): Promise<UserMemory | null>;

  /**
   * Deletes one memory. Resolves with false when it does not exist.
   *
   * @throws MemoryOwnershipError when `userId` is given and the memory does not belong to this user.
   */
  deleteMemory(options: CallOptions & Scope & { memoryId: string }): Promise<boolean>;

  /**
   * Deletes the named memories, at most 10,000, by the rules of `deleteMemory`, all or nothing. Resolves with the number
   * of memories deleted.
   */
  deleteMemories(options: CallOptions & Scope & { memoryIds: readonly string[] }): Promise<number>;

  /** Returns the topics of the memories, each with the number of memories that have it, the most frequent first. */
  getMemoryTopics(options?: MemoryTopicsOptions & Scope): Promise<MemoryTopic[]>;
}
