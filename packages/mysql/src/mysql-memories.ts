import type { MemoryRow } from "@sessiondb/core/adapter";
import {
  bare,
  directed,
  memoryNames,
  MemoryStatements,
  positionNames,
  value,
  whereOf,
  type FoldedSearch,
  type MemoryDialect,
  type MemoryListShape,
  type MemoryTables,
  type Statement,
} from "@sessiondb/drizzle";
import { sql, type Column, type SQL } from "drizzle-orm";
import { memoryTables } from "./memory-schema.ts";
import type { MysqlResult } from "./mysql-connection.ts";
import { following, kept } from "./mysql-parts.ts";
import type { MySqlTableOptions } from "./schema.ts";

/** A column of type TEXT. */
const textBytes = 65_535;

/** What memories need on MySQL and MariaDB. `contains` searches a text as a search for names does. */
export function memoryDialect(
  options: MySqlTableOptions,
  contains: (text: SQL, search: FoldedSearch) => SQL,
): MemoryDialect {
  return {
    tables: memoryTables(options),
    names: memoryNames(options),
    maxTextBytes: textBytes,
    // An object in rows of Agno 1.
    textContains: (memory: Column, search: FoldedSearch) => {
      const inner = sql`if(json_type(${memory}) = 'OBJECT', json_extract(${memory}, '$.memory'), ${memory})`;
      return contains(sql`json_unquote(${inner})`, search);
    },
    topicsOf: (topics: Column) => ({
      from: sql`json_table(${topics}, '$[*]' columns (name longtext character set utf8mb4 path '$')) as topic`,
      topic: sql`topic.name`,
    }),
    // A table of Agno's may compare texts without regard to case.
    exactly: (text) => sql`cast(${text} as binary)`,
  };
}

/** The statements on memories that MySQL and MariaDB spell in their own way. */
export class MysqlMemories extends MemoryStatements {
  protected override keepOwner({ userId }: NonNullable<MemoryTables["owners"]>): SQL {
    return sql`on duplicate key update ${bare(userId)} = ${userId}`;
  }

  protected override keepStored(): SQL {
    const { memoryId } = this.memories;
    return sql`on duplicate key update ${bare(memoryId)} = if(${kept}, ${memoryId}, ${memoryId})`;
  }

  protected override hasInserted(result: MysqlResult, rows: number): boolean {
    return !result.kept && super.hasInserted(result, rows);
  }

  /** MariaDB would merge two indexes, and sort what it finds. */
  protected override tested(column: Column): SQL {
    return sql`coalesce(${column})`;
  }

  /**
   * MariaDB has no index on an expression. So the memories with and without `updated_at` are two ordered lists, each
   * served by an index, and their ids are merged before any row is read.
   */
  protected override list(shape: MemoryListShape): Statement<MemoryRow> {
    if (shape.sortBy === "createdAt") {
      return super.list(shape);
    }
    const { memories } = this;
    const { order, isResumed } = shape;
    const part = (timestamp: Column, condition: SQL): SQL => {
      const keys = this.positionKeys(sql`${timestamp}`);
      const rest = isResumed ? following(keys, positionNames, order) : null;
      return sql`(
        select ${memories.memoryId} as id, ${timestamp} as at
        from ${memories}${whereOf(this.conditions(shape), condition, rest)}
        order by ${directed([...this.fixed(shape), ...keys], order)}
        limit ${value("limit")})`;
    };
    const way = sql.raw(order);
    const page = sql`select id, at from (
        ${part(memories.updatedAt, sql`${memories.updatedAt} is not null`)}
        union all
        ${part(memories.createdAt, sql`${memories.updatedAt} is null`)}) as listed
      order by at ${way}, id ${way}
      limit ${value("limit")}`;
    return this.select(
      this.selection,
      sql`(${page}) as page join ${memories} on ${memories.memoryId} = page.id
        order by page.at ${way}, page.id ${way}`,
    );
  }
}
