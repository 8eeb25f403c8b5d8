import { unixSeconds } from "./clock.ts";
import { CorruptDataError, DuplicateMemoryError, MemoryNotFoundError, MemoryOwnershipError } from "./errors.ts";
import type { MemoryFields, MemoryPut, MemoryWrite, MemoryWritten } from "./memory-queries.ts";
import { decodeMemory, decodeText, sameFact, type MemoryRow } from "./models/user-memory.ts";

// The rules of the contract that a store applies while it holds the lock on a user's memories.

/** A fact of a user, and the memory that says it. */
export type StoredFact = Pick<MemoryRow, "memoryId" | "memory">;

/** What a write does to the rows. Every row of it belongs to the write's user. */
export interface MemoryPlan {
  readonly remove: readonly string[];
  /** The columns to change, which may be none. */
  readonly update: readonly { readonly memoryId: string; readonly columns: Partial<MemoryRow> }[];
  readonly insert: readonly MemoryRow[];
  readonly written: MemoryWritten;
}

/** Refuses a write to a memory of another user, or of nobody. */
export function admitMemoryOwner(stored: Pick<MemoryRow, "memoryId" | "userId">, userId: string): void {
  if (stored.userId !== userId) {
    throw new MemoryOwnershipError(stored.memoryId);
  }
}

/** Returns the time of a change: now, but never before the last change, even if the clocks of machines differ. */
export function changedAt({ createdAt, updatedAt }: Pick<MemoryRow, "createdAt" | "updatedAt">): number {
  return Math.max(updatedAt ?? createdAt, unixSeconds());
}

/** Returns the columns that a change writes. */
export function changedColumns(stored: MemoryRow, fields: MemoryFields): Partial<MemoryRow> {
  return { ...fields, updatedAt: changedAt(stored) };
}

/** The facts of one user, by what they say. A memory that cannot be read says nothing. */
export class Facts {
  readonly #table: string;
  /** The memories that say a fact: several if another program wrote them. */
  readonly #ids = new Map<string, Set<string>>();
  readonly #facts = new Map<string, string>();

  constructor(stored: readonly StoredFact[], table: string) {
    this.#table = table;
    for (const each of stored) {
      this.set(each);
    }
  }

  /** Returns the ids of the memories that say what a JSON string says. */
  idsOf(memory: string): readonly string[] {
    return [...(this.#ids.get(this.#factOf({ memoryId: "", memory }) ?? "") ?? [])];
  }

  set(stored: StoredFact): void {
    const { memoryId } = stored;
    const fact = this.#factOf(stored);
    this.delete(memoryId);
    if (fact !== null) {
      this.#facts.set(memoryId, fact);
      this.#ids.set(fact, (this.#ids.get(fact) ?? new Set()).add(memoryId));
    }
  }

  delete(memoryId: string): void {
    this.#ids.get(this.#facts.get(memoryId) ?? "")?.delete(memoryId);
    this.#facts.delete(memoryId);
  }

  /** Refuses a change after which a memory would say what another one of the user says. */
  admitChange(stored: StoredFact, { memory }: MemoryFields): void {
    const { memoryId } = stored;
    if (memory === undefined || this.#factOf(stored) === this.#factOf({ memoryId, memory })) {
      return;
    }
    const other = this.idsOf(memory).find((id) => id !== memoryId);
    if (other !== undefined) {
      throw new DuplicateMemoryError(memoryId, other);
    }
  }

  #factOf(stored: StoredFact): string | null {
    try {
      return sameFact(decodeText(stored, this.#table));
    } catch (error) {
      if (error instanceof CorruptDataError) {
        return null;
      }
      throw error;
    }
  }
}

/** Whether a write needs to know the user's facts. */
export function needsFacts({ puts }: MemoryWrite): boolean {
  return puts.some(({ fields }) => fields.memory !== undefined);
}

/** The ids of the rows that `planMemories` needs, whoever owns them: those named, and those that say the same. */
export function neededMemories({ remove, puts }: MemoryWrite, facts: Facts): string[] {
  const named = puts.flatMap(({ memoryId, mode }) => (mode === "add" ? [] : [memoryId]));
  const same = puts.flatMap(({ fields }) => (fields.memory === undefined ? [] : facts.idsOf(fields.memory)));
  return [...new Set([...remove, ...named, ...same])].toSorted();
}

/**
 * Decides what a write does.
 *
 * @param facts of the user, empty unless `needsFacts`. It is changed.
 * @param stored the rows of `neededMemories`, as far as they exist, locked.
 */
export function planMemories(
  { userId, remove, puts }: MemoryWrite,
  { facts, stored, table }: { facts: Facts; stored: readonly MemoryRow[]; table: string },
): MemoryPlan {
  const rows = new Map(stored.map((row) => [row.memoryId, row]));
  const now = unixSeconds();
  const updated = new Map<string, Partial<MemoryRow>>();
  const inserted = new Set<string>();
  const existing = (memoryId: string): MemoryRow | null => {
    const row = rows.get(memoryId) ?? null;
    if (row !== null) {
      admitMemoryOwner(row, userId);
    }
    return row;
  };
  for (const memoryId of remove) {
    if (existing(memoryId) === null) {
      throw new MemoryNotFoundError(memoryId);
    }
    rows.delete(memoryId);
    facts.delete(memoryId);
  }
  const ids = puts.map(({ memoryId, fields, mode }: MemoryPut): string => {
    const row = existing(memoryId);
    if (row !== null) {
      facts.admitChange(row, fields);
      const columns = changedColumns(row, fields);
      rows.set(memoryId, { ...row, ...columns });
      facts.set({ ...row, ...columns });
      if (!inserted.has(memoryId)) {
        updated.set(memoryId, { ...updated.get(memoryId), ...columns });
      }
      return memoryId;
    }
    if (mode === "update" || fields.memory === undefined) {
      throw new MemoryNotFoundError(memoryId);
    }
    // A memory that another program has deleted or given away meanwhile is no longer this user's.
    const same = facts.idsOf(fields.memory).find((id) => rows.get(id)?.userId === userId);
    if (same !== undefined) {
      return same;
    }
    const added = { ...emptyFields, ...fields, memory: fields.memory };
    rows.set(memoryId, { memoryId, userId, ...added, createdAt: now, updatedAt: now });
    facts.set({ memoryId, memory: fields.memory });
    inserted.add(memoryId);
    return memoryId;
  });
  const rowOf = (memoryId: string): MemoryRow => rows.get(memoryId) as MemoryRow;
  return {
    remove,
    update: [...updated].map(([memoryId, columns]) => ({ memoryId, columns })),
    insert: [...inserted].map(rowOf),
    written: { removed: remove.length, memories: ids.map((memoryId) => decodeMemory(rowOf(memoryId), table)) },
  };
}

/** Agno writes JSON null for topics that are not given. */
const emptyFields = { topics: "null", input: null, feedback: null, agentId: null, teamId: null };
