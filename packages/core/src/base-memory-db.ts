import * as check from "./arguments.ts";
import type { Signal } from "./base-session-db.ts";
import {
  checkMemoryList,
  checkMemoryQuery,
  checkOwner,
  checkStats,
  checkTopics,
  encodeChanges,
  encodeMemories,
  encodeMemory,
  memoryChangeOf,
  memoryCursor,
  statsCursor,
  type MemoryDbLimits,
} from "./memory-checks.ts";
import type { MemoryDb } from "./memory-db.ts";
import type {
  ChangeMemoriesOptions,
  GetMemoriesOptions,
  MemoryChange,
  MemoryChanges,
  MemoryPage,
  MemoryScope,
  MemoryStats,
  MemoryStatsOptions,
  MemoryStatsPage,
  MemoryTopic,
  MemoryTopicsOptions,
} from "./memory-options.ts";
import type {
  MemoryChangeFunction,
  MemoryListQuery,
  MemoryPosition,
  MemoryQuery,
  MemorySelection,
  MemoryStatsQuery,
  MemoryTopicsQuery,
  MemoryWrite,
  MemoryWritten,
} from "./memory-queries.ts";
import type { UserMemory, UserMemoryInit } from "./models/user-memory.ts";
import type { CallOptions } from "./options.ts";
import { pagesOf } from "./pages.ts";
import type { PageOf } from "./queries.ts";

/** The parts of its session store that a store of memories uses. */
export interface MemoryHost {
  readonly limits: MemoryDbLimits;
  /** Runs one call of the named method, which the store's `close` waits for. */
  readonly perform: <Result>(
    method: string,
    options: unknown,
    operation: (signal: Signal) => Promise<Result>,
  ) => Promise<Result>;
}

/**
 * The parts of `MemoryDb` that are the same on every store: argument checks, encoding, defaults, cursors. A store
 * extends it and implements the protected methods, which take checked queries without gaps and return models.
 *
 * When its `signal` aborts, a method either throws `signal.reason` with nothing written, or runs to its end.
 */
export abstract class BaseMemoryDb implements MemoryDb {
  readonly #host: MemoryHost;
  readonly #table: string;

  /** @param table the name of the table, for errors. */
  constructor(host: MemoryHost, table: string) {
    this.#host = host;
    this.#table = table;
  }

  protected abstract readMemory(query: MemoryQuery, signal: Signal): Promise<UserMemory | null>;
  protected abstract listMemories(query: MemoryListQuery, signal: Signal): Promise<PageOf<UserMemory, MemoryPosition>>;
  protected abstract listTopics(query: MemoryTopicsQuery, signal: Signal): Promise<MemoryTopic[]>;

  /** Returns the users after `query.after`, at most `query.limit`, in an order that stays. */
  protected abstract listUsers(query: MemoryStatsQuery, signal: Signal): Promise<MemoryStats[]>;

  /** Writes all or nothing, by the rules of `planMemories`, in the order of user ids. `repeatable`: see `withRetry`. */
  protected abstract writeMemories(
    writes: readonly MemoryWrite[],
    options: { readonly repeatable: boolean; readonly signal: Signal },
  ): Promise<MemoryWritten[]>;

  /** Applies `change` to the stored row under its lock. Resolves with the memory as stored, or null without one. */
  protected abstract changeMemory(
    query: MemoryQuery,
    change: MemoryChangeFunction,
    signal: Signal,
  ): Promise<UserMemory | null>;

  /** Deletes all or nothing. Resolves with the number of memories deleted. */
  protected abstract removeMemories(selection: MemorySelection, signal: Signal): Promise<number>;

  /** Deletes all memories of one user. Resolves with their number. */
  protected abstract removeUser(userId: string, signal: Signal): Promise<number>;

  getMemory(options: CallOptions & MemoryScope & { memoryId: string }): Promise<UserMemory | null> {
    return this.#perform("getMemory", options, (signal) =>
      this.readMemory(checkMemoryQuery(options, this.#host.limits), signal),
    );
  }

  getMemories(options: GetMemoriesOptions & MemoryScope = {}): Promise<MemoryPage> {
    return this.#perform("getMemories", options, async (signal) => {
      const query = checkMemoryList(options, this.#host.limits);
      const { items, next, previous, unreadable } = await this.listMemories(query, signal);
      return {
        memories: items,
        nextCursor: next && memoryCursor(query, { position: next, side: "after" }),
        previousCursor: previous && memoryCursor(query, { position: previous, side: "before" }),
        unreadable,
      };
    });
  }

  memoryPages(options: GetMemoriesOptions & MemoryScope = {}): AsyncIterableIterator<MemoryPage> {
    return pagesOf(options, (page) => this.getMemories(page));
  }

  upsertMemory(memory: UserMemoryInit, options: CallOptions = {}): Promise<UserMemory> {
    return this.#perform("upsertMemory", options, async (signal) => {
      check.checkKeys(options, "options", ["signal"]);
      const { userId, put } = encodeMemory(memory, "memory", this.#host.limits);
      const [written] = await this.writeMemories([{ userId, remove: [], puts: [put] }], { repeatable: true, signal });
      return written?.memories[0] as UserMemory;
    });
  }

  upsertMemories(memories: readonly UserMemoryInit[], options: CallOptions = {}): Promise<UserMemory[]> {
    return this.#perform("upsertMemories", options, async (signal) => {
      check.checkKeys(options, "options", ["signal"]);
      const { writes, places } = encodeMemories(memories, this.#host.limits);
      const written = writes.length === 0 ? [] : await this.writeMemories(writes, { repeatable: true, signal });
      return places.map(({ write, place }) => written[write]?.memories[place] as UserMemory);
    });
  }

  changeMemories(options: ChangeMemoriesOptions & { userId: string }): Promise<MemoryChanges> {
    return this.#perform("changeMemories", options, async (signal) => {
      const { updates, ...write } = encodeChanges(options, this.#host.limits);
      // A second attempt would not find what the first one has deleted.
      const repeatable = write.remove.length === 0;
      const isEmpty = repeatable && write.puts.length === 0;
      const [written] = isEmpty ? [] : await this.writeMemories([write], { repeatable, signal });
      const { removed, memories } = written ?? { removed: 0, memories: [] };
      return { removed, updated: memories.slice(0, updates), added: memories.slice(updates) };
    });
  }

  updateMemory(
    options: CallOptions & MemoryScope & { memoryId: string },
    change: MemoryChange,
  ): Promise<UserMemory | null> {
    return this.#perform("updateMemory", options, (signal) => {
      const query = checkMemoryQuery(options, this.#host.limits);
      return this.changeMemory(query, memoryChangeOf(change, this.#host.limits, this.#table), signal);
    });
  }

  deleteMemory(options: CallOptions & MemoryScope & { memoryId: string }): Promise<boolean> {
    return this.#perform("deleteMemory", options, async (signal) => {
      const { memoryId, userId } = checkMemoryQuery(options, this.#host.limits);
      return (await this.removeMemories({ memoryIds: [memoryId], userId }, signal)) > 0;
    });
  }

  deleteMemories(options: CallOptions & MemoryScope & { memoryIds: readonly string[] }): Promise<number> {
    return this.#perform("deleteMemories", options, async (signal) => {
      check.checkKeys(options, "options", ["memoryIds", "userId", "signal"]);
      const { limits } = this.#host;
      const userId = check.checkUserScope(options, limits);
      const memoryIds = check.checkIds(options.memoryIds, "memoryIds", limits);
      return memoryIds.length === 0 ? 0 : this.removeMemories({ memoryIds, userId }, signal);
    });
  }

  clearMemories(options: CallOptions & { userId: string }): Promise<number> {
    return this.#perform("clearMemories", options, (signal) => {
      check.checkKeys(options, "options", ["userId", "signal"]);
      return this.removeUser(checkOwner(options.userId, "userId", this.#host.limits), signal);
    });
  }

  getMemoryTopics(options: MemoryTopicsOptions & MemoryScope = {}): Promise<MemoryTopic[]> {
    return this.#perform("getMemoryTopics", options, (signal) =>
      this.listTopics(checkTopics(options, this.#host.limits), signal),
    );
  }

  getMemoryStats(options: MemoryStatsOptions & MemoryScope = {}): Promise<MemoryStatsPage> {
    return this.#perform("getMemoryStats", options, async (signal) => {
      const query = checkStats(options, this.#host.limits);
      // One extra user shows whether the list continues.
      const users = await this.listUsers({ ...query, limit: query.limit + 1 }, signal);
      const last = users[query.limit - 1];
      const goesOn = users.length > query.limit && last !== undefined;
      return { users: users.slice(0, query.limit), nextCursor: goesOn ? statsCursor(last.userId) : null };
    });
  }

  #perform<Result>(method: string, options: unknown, operation: (signal: Signal) => Promise<Result>): Promise<Result> {
    return this.#host.perform(method, options, operation);
  }
}
