import { memoryNames, type FoldedSearch, type MemoryDialect } from "@sessiondb/drizzle";
import { sql, type Column, type SQL } from "drizzle-orm";
import { memoryTables } from "./memory-schema.ts";
import type { PostgresTableOptions } from "./schema.ts";

/** Postgres's own spelling of what memories need. `contains` searches a text as a search for names does. */
export function memoryDialect(
  options: PostgresTableOptions,
  contains: (text: SQL, search: FoldedSearch) => SQL,
): MemoryDialect {
  return {
    tables: memoryTables(options),
    names: memoryNames(options),
    // An object in rows of Agno 1. The column may be of either JSON type.
    textContains: (memory: Column, search: FoldedSearch) => {
      const inner = sql`case jsonb_typeof(${memory}::jsonb) when 'object' then ${memory}::jsonb ->> 'memory' else ${memory}::jsonb #>> '{}' end`;
      return contains(sql`(${inner})`, search);
    },
    topicsOf: (topics: Column) => {
      const array = sql`case jsonb_typeof(${topics}::jsonb) when 'array' then ${topics}::jsonb end`;
      return { from: sql`jsonb_array_elements_text(${array}) as topic (name)`, topic: sql`topic.name` };
    },
  };
}
