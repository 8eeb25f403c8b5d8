import { MemoryOwnershipError, type UserMemory } from "@sessiondb/core";
import {
  admitMemoryOwner,
  changedColumns,
  decodeMemory,
  Facts,
  neededMemories,
  needsFacts,
  planMemories,
  type MemoryChangeFunction,
  type MemoryQuery,
  type MemoryRow,
  type MemorySelection,
  type MemoryWrite,
  type MemoryWritten,
} from "@sessiondb/core/adapter";
import type { MemoryStatements } from "./memory-statements.ts";
import { notWritten } from "./not-written.ts";
import { callOut } from "./retry.ts";
import type { SqlConnection } from "./sql-driver.ts";
import type { Steps } from "./steps.ts";

/**
 * The writes of memories, as steps in a transaction. Whoever adds or changes what a user's memories say locks the user
 * first, then the memories in the order of their ids.
 */
export class MemoryFlows {
  readonly #statements: MemoryStatements;
  readonly #table: string;

  constructor(statements: MemoryStatements, table: string) {
    this.#statements = statements;
    this.#table = table;
  }

  /** Writes in the order of user ids, so that two calls with the same users wait for each other. */
  *write(on: SqlConnection, writes: readonly MemoryWrite[]): Steps<MemoryWritten[]> {
    const written: MemoryWritten[] = [];
    for (const write of writes) {
      written.push(yield* this.#writeUser(on, write));
    }
    return written;
  }

  *#writeUser(on: SqlConnection, write: MemoryWrite): Steps<MemoryWritten> {
    const { userId } = write;
    yield* this.#statements.lockUser(on, userId);
    const facts = yield* this.#factsOf(on, needsFacts(write) ? userId : null);
    const stored = yield* this.#statements.lockMemories(on, neededMemories(write, facts));
    const { remove, update, insert, written } = planMemories(write, { facts, stored, table: this.#table });
    this.#expect((yield* this.#statements.delete(on, remove, userId)) === remove.length, "deleted from");
    for (const { memoryId, columns } of update) {
      this.#expect(yield* this.#statements.update(on, { memoryId, userId }, columns), "updated in");
    }
    if (!(yield* this.#statements.insert(on, insert))) {
      yield* this.#refuseTaken(on, insert);
    }
    return written;
  }

  /** Finds out whose memory has taken an id since it was looked for. */
  *#refuseTaken(on: SqlConnection, rows: readonly MemoryRow[]): Steps<void> {
    const stored = yield* this.#statements.lockMemories(
      on,
      rows.map(({ memoryId }) => memoryId),
    );
    const owners = new Map(rows.map(({ memoryId, userId }) => [memoryId, userId]));
    const taken = stored.find(({ memoryId, userId }) => owners.get(memoryId) !== userId);
    if (taken !== undefined) {
      throw new MemoryOwnershipError(taken.memoryId);
    }
    this.#expect(false, "inserted into");
  }

  *change(
    on: SqlConnection,
    { memoryId, userId }: MemoryQuery,
    change: MemoryChangeFunction,
  ): Steps<UserMemory | null> {
    // The owner is locked before the memory, like everywhere.
    const owner = userId ?? (yield* this.#statements.memory(on, memoryId))?.userId ?? null;
    if (owner !== null) {
      yield* this.#statements.lockUser(on, owner);
    }
    const [stored] = yield* this.#statements.lockMemories(on, [memoryId]);
    if (stored === undefined) {
      return null;
    }
    if (userId !== null) {
      admitMemoryOwner(stored, userId);
    }
    const fields = callOut(() => change(stored));
    const facts = yield* this.#factsOf(on, fields.memory === undefined ? null : stored.userId);
    facts.admitChange(stored, fields);
    const columns = changedColumns(stored, fields);
    this.#expect(yield* this.#statements.update(on, stored, columns), "updated in");
    return decodeMemory({ ...stored, ...columns }, this.#table);
  }

  /** Deletes memories. Returns their ids. */
  *remove(on: SqlConnection, { memoryIds, userId }: MemorySelection): Steps<ReadonlySet<string>> {
    const stored = yield* this.#statements.lockMemories(on, memoryIds.toSorted());
    if (userId !== null) {
      stored.forEach((row) => admitMemoryOwner(row, userId));
    }
    return yield* this.#delete(
      on,
      stored.map(({ memoryId }) => memoryId),
      userId,
    );
  }

  /** Deletes all memories of a user, and the user. Returns the ids of the memories. */
  *clear(on: SqlConnection, userId: string): Steps<ReadonlySet<string>> {
    yield* this.#statements.lockUser(on, userId);
    const facts = yield* this.#statements.facts(on, userId);
    const ids = facts.map(({ memoryId }) => memoryId).toSorted();
    const stored = yield* this.#statements.lockMemories(on, ids);
    const own = stored.filter((row) => row.userId === userId).map(({ memoryId }) => memoryId);
    const deleted = yield* this.#delete(on, own, userId);
    yield* this.#statements.deleteUser(on, userId);
    return deleted;
  }

  *#delete(on: SqlConnection, memoryIds: readonly string[], userId: string | null): Steps<ReadonlySet<string>> {
    this.#expect((yield* this.#statements.delete(on, memoryIds, userId)) === memoryIds.length, "deleted from");
    return new Set(memoryIds);
  }

  /** The facts of a locked user; none for null. */
  *#factsOf(on: SqlConnection, userId: string | null): Steps<Facts> {
    return new Facts(userId === null ? [] : yield* this.#statements.facts(on, userId), this.#table);
  }

  /** The memories were locked, so nobody else can have prevented it. The rollback undoes the rest. */
  #expect(isDone: boolean, what: string): void {
    if (!isDone) {
      throw notWritten(`Memories were not ${what} ${this.#table}.`);
    }
  }
}
