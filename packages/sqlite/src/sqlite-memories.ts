import { decodeText, foldName } from "@sessiondb/core/adapter";
import { memoryNames, type FoldedSearch, type MemoryDialect } from "@sessiondb/drizzle";
import { sql, type Column } from "drizzle-orm";
import { memoryTables } from "./memory-schema.ts";
import type { SqliteTableOptions } from "./schema.ts";

/** The SQL function that a search of memories calls; every connection has it. */
export const memoryFunction = "sessiondb_memory_contains";

/** Compares here: SQLite folds only ASCII letters, and Agno stores others as escapes. */
export function memoryContains(memory: unknown, folded: unknown): 0 | 1 {
  try {
    const text = decodeText({ memoryId: "", memory: String(memory) }, "");
    return foldName(text).includes(String(folded)) ? 1 : 0;
  } catch {
    // An unreadable memory has no text to search.
    return 0;
  }
}

/** SQLite's own spelling of what memories need. A transaction holds the database's only write lock. */
export function memoryDialect(options: SqliteTableOptions): MemoryDialect {
  return {
    tables: memoryTables(options),
    names: memoryNames(options),
    textContains: (memory: Column, { folded }: FoldedSearch) =>
      sql`${sql.raw(memoryFunction)}(cast(${memory} as text), ${folded}) = 1`,
    topicsOf: (topics: Column) => ({
      // Text that is not JSON would fail the whole query.
      from: sql`json_each(case when json_valid(${topics}) and json_type(${topics}) = 'array' then ${topics} end) as topic`,
      topic: sql`case when topic.type = 'text' then topic.value end`,
    }),
  };
}
