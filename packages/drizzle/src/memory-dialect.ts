import type { MemoryRow } from "@sessiondb/core/adapter";
import type { Column, SQL, Table } from "drizzle-orm";
import type { FoldedSearch } from "./folded-search.ts";
import type { MemoryNames } from "./names.ts";
import type { TableOf } from "./table-of.ts";

/** The tables of memories in one dialect, as its `memory-schema.ts` makes them from their names. */
export interface MemoryTables {
  readonly memories: TableOf<MemoryRow>;
  /**
   * One row for each user, which a writer of the user's memories locks; null if a transaction holds the database's only
   * write lock.
   */
  readonly owners: (Table & { readonly userId: Column }) | null;
}

/** The parts of a dialect that memories need. The rest is written once, in `MemoryStatements`. */
export interface MemoryDialect {
  readonly tables: MemoryTables;
  readonly names: MemoryNames;
  /** The largest `input` and `feedback`, in bytes; undefined if they have no limit of their own. */
  readonly maxTextBytes?: number;
  /** Whether the text of a memory contains the search text once both are folded as by `foldName`. */
  readonly textContains: (memory: Column, search: FoldedSearch) => SQL;
  /** A row for each topic of a memory in the row before it in a FROM, and the text of that topic. */
  readonly topicsOf: (topics: Column) => { readonly from: SQL; readonly topic: SQL };
  /** Makes two texts equal only if their bytes are. Default: as they are. */
  readonly exactly?: (text: SQL) => SQL;
}
