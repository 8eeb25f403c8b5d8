import {
  memoryColumns,
  readingOrder,
  type MemoryListQuery,
  type MemoryRow,
  type MemoryStatsQuery,
  type MemoryTopicsQuery,
  type StoredFact,
} from "@sessiondb/core/adapter";
import type { MemoryStats, MemoryTopic } from "@sessiondb/core";
import { and, desc, or, sql, type Column, type SQL } from "drizzle-orm";
import { equals, fixedIf } from "./conditions.ts";
import type { MemoryTables } from "./memory-dialect.ts";
import { foldedSearch, foldingValues, pairsIn } from "./name-folding.ts";
import type { SqlConnection, StatementResult } from "./sql-driver.ts";
import {
  bare,
  byBytes,
  directed,
  following,
  goesOn,
  idChunks,
  idPlaceholders,
  list,
  value,
  whereOf,
} from "./sql-parts.ts";
import { Statement, type Selection } from "./statement.ts";
import { byShape, once, StatementSet } from "./statement-set.ts";
import type { Steps } from "./steps.ts";

type Owners = NonNullable<MemoryTables["owners"]>;

/** The shape of a list, which is the same for queries that differ in values alone. */
export type MemoryListShape = ReturnType<typeof memoryListShape>;

export function memoryListShape(query: MemoryListQuery) {
  const { topics, text } = query;
  return {
    sortBy: query.sortBy,
    order: readingOrder(query),
    isResumed: query.start !== null,
    hasUser: query.userId !== null,
    hasAgent: query.agentId !== null,
    hasTeam: query.teamId !== null,
    topics: topics && { count: topics.names.length, match: topics.match },
    /** The number of letter pairs of the search. */
    textPairs: text === null ? null : pairsIn(text),
  };
}

export function memoryListValues(query: MemoryListQuery): Record<string, unknown> {
  const { userId, agentId, teamId, topics, text, limit, start } = query;
  return {
    userId,
    agentId,
    teamId,
    limit,
    startTimestampOf: start?.position.timestamp ?? null,
    startMemoryId: start?.position.memoryId ?? null,
    ...Object.fromEntries((topics?.names ?? []).map((topic, index) => [`topic${index}`, topic])),
    sessionName: text,
    ...foldingValues(text),
  };
}

/** The names of the values of a position, in the order of `positionKeys`. */
export const positionNames = ["startTimestampOf", "startMemoryId"] as const;

/** Every statement on memories, in the spelling that SQLite and Postgres share. */
export class MemoryStatements extends StatementSet {
  protected get memories(): MemoryTables["memories"] {
    return this.dialect.memory.tables.memories;
  }

  /** JSON columns as the text that is stored: no driver may parse them. */
  protected get selection(): Selection<MemoryRow> {
    const { memories } = this;
    const json = (column: Column): SQL => sql`cast(${column} as ${this.dialect.textType ?? sql`char`})`;
    const columns = Object.fromEntries(memoryColumns.map((name) => [name, memories[name]]));
    return { ...(columns as Selection<MemoryRow>), memory: json(memories.memory), topics: json(memories.topics) };
  }

  readonly #memory = once(() =>
    this.select(this.selection, sql`${this.memories} where ${this.memories.memoryId} = ${value("memoryId")}`),
  );

  *memory(on: SqlConnection, memoryId: string): Steps<MemoryRow | null> {
    return (yield* this.rows(on, this.#memory(), { memoryId }))[0] ?? null;
  }

  readonly #list = byShape((shape: MemoryListShape) => this.list(shape).plannedAnew(isFiltered(shape)));

  /** One page of memories in reading order. */
  page(on: SqlConnection, query: MemoryListQuery): Steps<MemoryRow[]> {
    return this.listed(on, this.#list(memoryListShape(query)), memoryListValues(query));
  }

  protected list(shape: MemoryListShape): Statement<MemoryRow> {
    const keys = this.positionKeys(this.timestamp(shape.sortBy));
    const rest = shape.isResumed ? goesOn(this.dialect)(keys, positionNames, shape.order) : null;
    // SQLite cannot seek in the index of an expression by comparing a pair.
    const bound =
      shape.isResumed && shape.sortBy === "updatedAt"
        ? sql`${keys[0]} ${shape.order === "asc" ? sql`>=` : sql`<=`} ${value("startTimestampOf")}`
        : null;
    return this.select(
      this.selection,
      sql`${this.memories}${whereOf(this.conditions(shape), bound, rest)}
        order by ${directed([...this.fixed(shape), ...keys], shape.order)}
        ${this.limit("limit")}`,
    );
  }

  /** The column, if any, that comes before the key in the list's index and must be fixed to one value. */
  protected fixed(shape: MemoryListShape): readonly Column[] {
    const { memories } = this;
    const { hasUser, hasAgent, hasTeam } = shape;
    const column = hasUser ? memories.userId : hasAgent ? memories.agentId : hasTeam ? memories.teamId : null;
    return column === null ? [] : fixedIf(this.dialect, shape, column);
  }

  /** The columns that order a list. */
  protected positionKeys(timestamp: SQL): SQL[] {
    return [timestamp, byBytes(this.dialect, this.memories.memoryId)];
  }

  protected timestamp(sortBy: MemoryListQuery["sortBy"]): SQL {
    const { createdAt, updatedAt } = this.memories;
    return sortBy === "createdAt" ? sql`${createdAt}` : sql`coalesce(${updatedAt}, ${createdAt})`;
  }

  /** The conditions of a list. The most selective of the columns is looked up; the others are tested. */
  protected conditions(shape: MemoryListShape): SQL | undefined {
    const { memories } = this;
    const { hasUser, hasAgent, hasTeam, topics, textPairs } = shape;
    const fixed = this.fixed(shape);
    const { memory } = this.dialect;
    const agent = hasUser ? this.tested(memories.agentId) : memories.agentId;
    const team = hasUser || hasAgent ? this.tested(memories.teamId) : memories.teamId;
    const names = Array.from({ length: topics?.count ?? 0 }, (_, index) => this.#hasTopic(value(`topic${index}`)));
    return and(
      hasUser ? this.ofUser(fixed) : undefined,
      hasAgent ? equals(this.dialect, { column: memories.agentId, name: "agentId", fixed, spelled: agent }) : undefined,
      hasTeam ? equals(this.dialect, { column: memories.teamId, name: "teamId", fixed, spelled: team }) : undefined,
      topics === null ? undefined : topics.match === "all" ? and(...names) : or(...names),
      textPairs === null ? undefined : memory.textContains(memories.memory, foldedSearch(textPairs)),
    );
  }

  /** A column in a condition for which no index is to be used. */
  protected tested(column: Column): Column | SQL {
    return this.dialect.passOver?.(column) ?? column;
  }

  /** The condition that a memory is that user's, as everywhere where it matters. */
  protected ofUser(fixed: readonly Column[] = []): SQL {
    const { userId } = this.memories;
    const { exactly } = this.dialect.memory;
    const isUser = equals(this.dialect, { column: userId, name: "userId", fixed });
    return exactly === undefined ? isUser : sql`${isUser} and ${exactly(sql`${userId}`)} = ${exactly(value("userId"))}`;
  }

  #hasTopic(wanted: SQL): SQL {
    const { topicsOf, exactly = (text) => text } = this.dialect.memory;
    const { from, topic } = topicsOf(this.memories.topics);
    const found = sql`select 1 from ${from} where ${exactly(topic)} = ${exactly(wanted)}`;
    return this.dialect.exists?.(found) ?? sql`exists (${found})`;
  }

  readonly #topics = byShape(({ hasUser }: { hasUser: boolean }) => {
    const { topicsOf, exactly = (text) => text } = this.dialect.memory;
    const { from, topic } = topicsOf(this.memories.topics);
    const selection = { topic: sql`min(${topic})`, count: sql`count(distinct ${this.memories.memoryId})` };
    // By bytes, as in any other order of texts.
    const byText = this.dialect.byBytes?.(sql`min(${topic})`) ?? sql`min(${exactly(topic)})`;
    return this.select<MemoryTopic>(
      selection,
      sql`${this.memories} cross join ${from}${whereOf(hasUser ? this.ofUser() : null, sql`${topic} is not null`)}
        group by ${exactly(topic)}
        order by ${desc(selection.count)}, ${byText}
        ${this.limit("limit")}`,
    );
  });

  topics(on: SqlConnection, { userId, limit }: MemoryTopicsQuery): Steps<MemoryTopic[]> {
    return this.rows(on, this.#topics({ hasUser: userId !== null }), { userId, limit });
  }

  readonly #stats = byShape(({ hasUser, isResumed }: { hasUser: boolean; isResumed: boolean }) => {
    const { userId, createdAt, updatedAt } = this.memories;
    const selection: Selection<MemoryStats> = {
      userId,
      count: sql`count(*)`,
      updatedAt: sql`max(coalesce(${updatedAt}, ${createdAt}))`,
    };
    const where = whereOf(
      sql`${userId} is not null`,
      hasUser ? this.ofUser() : null,
      isResumed ? following([sql`${userId}`], ["after"], "asc") : null,
    );
    return this.select(
      selection,
      sql`${this.memories}${where} group by ${userId} order by ${userId} ${this.limit("limit")}`,
    );
  });

  stats(on: SqlConnection, { userId, limit, after }: MemoryStatsQuery): Steps<MemoryStats[]> {
    const statement = this.#stats({ hasUser: userId !== null, isResumed: after !== null });
    return this.rows(on, statement, { userId, limit, after });
  }

  readonly #owner = byShape(({ isDeleted }: { isDeleted: boolean }) => {
    const owners = this.dialect.memory.tables.owners as Owners;
    const { userId } = owners;
    return this.write(
      isDeleted
        ? sql`delete from ${owners} where ${userId} = ${value("userId")}`
        : sql`insert into ${owners} (${bare(userId)}) values (${value("userId")}) ${this.keepOwner(owners)}`,
    );
  });

  /** Lets one writer at a time add to the memories of a user, or change what they say. */
  *lockUser(on: SqlConnection, userId: string): Steps<void> {
    if (this.dialect.memory.tables.owners !== null) {
      yield* this.affected(on, this.#owner({ isDeleted: false }), { userId });
    }
  }

  *deleteUser(on: SqlConnection, userId: string): Steps<void> {
    if (this.dialect.memory.tables.owners !== null) {
      yield* this.affected(on, this.#owner({ isDeleted: true }), { userId });
    }
  }

  /** Used by the insert of an owner who is there: locks the row, and leaves it as it is. */
  protected keepOwner({ userId }: Owners): SQL {
    return sql`on conflict (${bare(userId)}) do update set ${bare(userId)} = ${userId} where false`;
  }

  readonly #facts = once(() => {
    const { memoryId, memory } = this.selection;
    return this.select<StoredFact>({ memoryId, memory }, sql`${this.memories} where ${this.ofUser()}`);
  });

  /** What all memories of a user say. */
  facts(on: SqlConnection, userId: string): Steps<StoredFact[]> {
    return this.rows(on, this.#facts(), { userId });
  }

  readonly #lockMemories = byShape((count: number) => {
    const { memoryId } = this.memories;
    return this.select(
      this.selection,
      sql`${this.memories} where ${memoryId} in (${list(idPlaceholders(count))}) order by ${memoryId} ${this.dialect.lockRows}`,
    );
  });

  /** Locks memories, whoever owns them. */
  *lockMemories(on: SqlConnection, memoryIds: readonly string[]): Steps<MemoryRow[]> {
    const rows: MemoryRow[] = [];
    for (const { size, values } of idChunks(memoryIds)) {
      rows.push(...(yield* this.rows(on, this.#lockMemories(size), values)));
    }
    return rows;
  }

  readonly #insert = byShape((count: number) => {
    const columns = memoryColumns.map((name) => this.memories[name]);
    const row = sql`(${list(memoryColumns.map(value))})`;
    const rows = list(Array.from({ length: count }, () => row));
    return this.write(
      sql`insert into ${this.memories} (${list(columns.map(bare))}) values ${rows} ${this.keepStored()}`,
    );
  });

  /** Adds memories. False if a memory with one of the ids was stored meanwhile. */
  *insert(on: SqlConnection, rows: readonly MemoryRow[]): Steps<boolean> {
    const one = this.#insert(1);
    // In chunks whose lengths are powers of two, so that few statements are prepared.
    for (let rest = rows; rest.length > 0;) {
      const chunk = rest.slice(0, Math.min(2 ** Math.floor(Math.log2(rest.length)), mostRowsInInsert));
      const values = chunk.flatMap((row) => one.bind({ ...row }));
      if (!this.hasInserted(yield* this.execute(on, this.#insert(chunk.length), values), chunk.length)) {
        return false;
      }
      rest = rest.slice(chunk.length);
    }
    return true;
  }

  /** Used by an insert whose memory is stored: leaves it as it is. */
  protected keepStored(): SQL {
    return sql`on conflict (${bare(this.memories.memoryId)}) do nothing`;
  }

  protected hasInserted({ affected }: StatementResult, rows: number): boolean {
    return affected === rows;
  }

  readonly #update = byShape(({ names, isOwned }: { names: readonly (keyof MemoryRow)[]; isOwned: boolean }) => {
    const { memories } = this;
    const assignments = names.map((name) => sql`${bare(memories[name])} = ${value(name)}`);
    const owner = isOwned ? this.ofUser() : sql`${memories.userId} is null`;
    return this.write(
      sql`update ${memories} set ${list(assignments)} where ${memories.memoryId} = ${value("memoryId")} and ${owner}`,
    );
  });

  /** Changes a memory if it is that user's, or nobody's for null. */
  *update(
    on: SqlConnection,
    { memoryId, userId }: Pick<MemoryRow, "memoryId" | "userId">,
    columns: Partial<MemoryRow>,
  ): Steps<boolean> {
    const names = (Object.keys(columns) as (keyof MemoryRow)[]).toSorted();
    const statement = this.#update({ names, isOwned: userId !== null });
    return (yield* this.affected(on, statement, { ...columns, memoryId, userId })) > 0;
  }

  readonly #delete = byShape(({ count, isOwned }: { count: number; isOwned: boolean }) => {
    const { memories } = this;
    const named = sql`${memories.memoryId} in (${list(idPlaceholders(count))})`;
    return this.write(sql`delete from ${memories}${whereOf(named, isOwned ? this.ofUser() : null)}`);
  });

  /** Deletes memories, those of one user unless it is null. Returns their number. */
  *delete(on: SqlConnection, memoryIds: readonly string[], userId: string | null): Steps<number> {
    let deleted = 0;
    for (const { size, values } of idChunks(memoryIds)) {
      const statement = this.#delete({ count: size, isOwned: userId !== null });
      deleted += yield* this.affected(on, statement, { ...values, userId });
    }
    return deleted;
  }
}

/** SQLite binds at most 32,766 values, and a row has ten. */
const mostRowsInInsert = 256;

/** Whether conditions other than that on the user select memories. Then no one plan is good for all values. */
function isFiltered({ hasAgent, hasTeam, topics, textPairs }: MemoryListShape): boolean {
  return hasAgent || hasTeam || topics !== null || textPairs !== null;
}
