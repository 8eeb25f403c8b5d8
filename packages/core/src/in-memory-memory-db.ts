import { BaseMemoryDb, type MemoryHost } from "./base-memory-db.ts";
import { MemoryOwnershipError } from "./errors.ts";
import { compareMemories, meetsMemoryConditions, memoryPosition } from "./memory-list-rules.ts";
import type { MemoryStats, MemoryTopic } from "./memory-options.ts";
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
import {
  admitMemoryOwner,
  changedColumns,
  Facts,
  neededMemories,
  planMemories,
  type MemoryPlan,
} from "./memory-rules.ts";
import { decodeMemory, type MemoryRow, type UserMemory } from "./models/user-memory.ts";
import { decodeRows, pageOfAll } from "./list-rules.ts";
import type { PageOf } from "./queries.ts";

const table = "memories";

/** The contract in its plainest form. No method waits for anything, so calls never interleave. */
export class InMemoryMemoryDb extends BaseMemoryDb {
  readonly #rows = new Map<string, MemoryRow>();

  constructor(host: MemoryHost) {
    super(host, table);
  }

  protected override async readMemory({ memoryId, userId }: MemoryQuery): Promise<UserMemory | null> {
    const row = this.#rows.get(memoryId);
    return row === undefined || (userId !== null && row.userId !== userId) ? null : decodeMemory(row, table);
  }

  protected override async listMemories(query: MemoryListQuery): Promise<PageOf<UserMemory, MemoryPosition>> {
    const matching = this.#ofUser(query.userId).filter((row) => meetsMemoryConditions(decodeMemory(row, table), query));
    const page = pageOfAll(matching, query, {
      compare: compareMemories(query),
      positionOf: (row) => memoryPosition(row, query.sortBy),
    });
    return decodeRows(page, query, { decode: (row) => decodeMemory(row, table), idOf: ({ memoryId }) => memoryId });
  }

  protected override async listTopics({ userId, limit }: MemoryTopicsQuery): Promise<MemoryTopic[]> {
    const counts = new Map<string, number>();
    for (const row of this.#ofUser(userId)) {
      for (const topic of new Set(decodeMemory(row, table).topics ?? [])) {
        counts.set(topic, (counts.get(topic) ?? 0) + 1);
      }
    }
    const topics = [...counts].map(([topic, count]) => ({ topic, count }));
    return topics.toSorted((a, b) => b.count - a.count || compareText(a.topic, b.topic)).slice(0, limit);
  }

  protected override async listUsers({ userId, limit, after }: MemoryStatsQuery): Promise<MemoryStats[]> {
    const users = new Map<string, MemoryStats>();
    for (const row of this.#ofUser(userId)) {
      if (row.userId !== null) {
        const { count = 0, updatedAt = 0 } = users.get(row.userId) ?? {};
        const latest = Math.max(updatedAt, row.updatedAt ?? row.createdAt);
        users.set(row.userId, { userId: row.userId, count: count + 1, updatedAt: latest });
      }
    }
    return [...users.values()]
      .filter((each) => after === null || compareText(each.userId, after) > 0)
      .toSorted((a, b) => compareText(a.userId, b.userId))
      .slice(0, limit);
  }

  protected override async writeMemories(writes: readonly MemoryWrite[]): Promise<MemoryWritten[]> {
    // Users have no memory in common, so one write's plan holds whatever the others do. Nothing can fail after planning,
    // but for two writes that create one id.
    const ids = new Set<string>();
    const plans = writes.map((write) => this.#plan(write));
    for (const { memoryId } of plans.flatMap(({ insert }) => insert)) {
      if (ids.has(memoryId)) {
        throw new MemoryOwnershipError(memoryId);
      }
      ids.add(memoryId);
    }
    for (const { remove, update, insert } of plans) {
      remove.forEach((memoryId) => this.#rows.delete(memoryId));
      for (const { memoryId, columns } of update) {
        this.#rows.set(memoryId, { ...(this.#rows.get(memoryId) as MemoryRow), ...columns });
      }
      insert.forEach((row) => this.#rows.set(row.memoryId, row));
    }
    return plans.map(({ written }) => written);
  }

  protected override async changeMemory(
    { memoryId, userId }: MemoryQuery,
    change: MemoryChangeFunction,
  ): Promise<UserMemory | null> {
    const stored = this.#rows.get(memoryId);
    if (stored === undefined) {
      return null;
    }
    if (userId !== null) {
      admitMemoryOwner(stored, userId);
    }
    const fields = change(stored);
    this.factsOf(stored.userId).admitChange(stored, fields);
    const changed = { ...stored, ...changedColumns(stored, fields) };
    this.#rows.set(memoryId, changed);
    return decodeMemory(changed, table);
  }

  protected override async removeMemories({ memoryIds, userId }: MemorySelection): Promise<number> {
    const found = memoryIds.flatMap((memoryId) => this.#rows.get(memoryId) ?? []);
    if (userId !== null) {
      found.forEach((row) => admitMemoryOwner(row, userId));
    }
    found.forEach(({ memoryId }) => this.#rows.delete(memoryId));
    return found.length;
  }

  protected override async removeUser(userId: string): Promise<number> {
    const rows = this.#ofUser(userId);
    rows.forEach(({ memoryId }) => this.#rows.delete(memoryId));
    return rows.length;
  }

  /** Forgets everything. */
  release(): void {
    this.#rows.clear();
  }

  #plan(write: MemoryWrite): MemoryPlan {
    const facts = this.factsOf(write.userId);
    const stored = neededMemories(write, facts).flatMap((memoryId) => this.#rows.get(memoryId) ?? []);
    return planMemories(write, { facts, stored, table });
  }

  /** The facts of one user; none for nobody. */
  protected factsOf(userId: string | null): Facts {
    return new Facts(userId === null ? [] : this.#ofUser(userId), table);
  }

  /** The memories of one user, or of all for null. */
  #ofUser(userId: string | null): MemoryRow[] {
    return [...this.#rows.values()].filter((row) => userId === null || row.userId === userId);
  }
}

function compareText(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
