import type { SchemaProblem } from "@sessiondb/core";
import type { RunRow, SessionRow } from "@sessiondb/core/adapter";
import type { Column, SQL, Table } from "drizzle-orm";
import type { OutsideTable } from "./agno-tables.ts";
import type { FoldedSearch } from "./folded-search.ts";
import type { MemoryDialect } from "./memory-dialect.ts";
import type { TableNames } from "./names.ts";
import type { SqlRenderer } from "./statement.ts";
import type { TableOf } from "./table-of.ts";

/** The tables of one dialect, as its `schema.ts` makes them from their names. */
interface SessionTables {
  readonly sessions: TableOf<SessionRow>;
  readonly runs: TableOf<RunRow>;
  readonly versions: TableOf<VersionRow>;
}

/** One row of Agno's table of schema versions. Times are local, as ISO text without a zone. */
interface VersionRow {
  tableName: string;
  version: string;
  createdAt: string;
  updatedAt: string | null;
}

/** The kind of Drizzle tables that a dialect has: MariaDB's are those of MySQL. */
export type DialectName = "sqlite" | "postgres" | "mysql";

/** The parts that a dialect spells in its own way. The rest is written once, in `SessionReads` and `SessionWrites`. */
export interface SqlDialect extends SqlRenderer {
  readonly name: DialectName;
  readonly tables: SessionTables;
  readonly names: TableNames;
  /** The tables of memories, and what they need. */
  readonly memory: MemoryDialect;
  /** Makes a SELECT in a transaction lock its rows; empty if the transaction holds the only write lock. */
  readonly lockRows: SQL;
  /** Orders a column of ids by its bytes, if the column itself is ordered otherwise. */
  readonly byBytes?: (ids: Column | SQL) => SQL;
  /** `(a, b) > (:a, :b)` or its reverse, if an index does not serve that spelling. */
  readonly following?: (columns: readonly SQL[], names: readonly string[], order: "asc" | "desc") => SQL;
  /**
   * `column = :name` before the key of a cursor in the same index, if the planner would otherwise read all entries of
   * that value. The order must then begin with the column.
   */
  readonly fixed?: (column: Column, name: string) => SQL;
  /** The stored size of a JSON column in bytes, as cheaply as the database tells it. */
  bytesOf(document: Column): SQL;
  /** The most rows that one transaction of a delete by filter deletes. Default 2,500. */
  readonly rowsInBatch?: number;
  /** The type for casting a JSON column to text. Default `char`. */
  readonly textType?: SQL;
  /** Wraps the placeholder of a LIMIT, if the bare one has a cost. */
  readonly limit?: (placeholder: SQL) => SQL;
  /** Wraps a column in a condition so that no index is used for it, if the planner lacks statistics to know better. */
  readonly passOver?: (column: Column) => SQL;
  /** EXISTS, if the planner would turn it into a join that reads everything; default `exists (…)`. */
  readonly exists?: (subquery: SQL) => SQL;
  /** Whether the name in the session data contains the search text once both are folded as by `foldName`. */
  nameContains(sessionData: Column, search: FoldedSearch): SQL;
  /** Whether a column of the declared type found can stand in for the column wanted. */
  accepts(wanted: Column, foundType: string): boolean;
  /** Whether a column of this type would silently store or find something other than it is given. */
  readonly spoils?: (wanted: Column, foundType: string) => boolean;
  /** Names a table that this library did not make. */
  outside(table: OutsideTable): SQL;
  /**
   * Selects the names of those tables that exist, each with the rights to it that a delete of its rows lacks, in words,
   * as far as the database reports them; else null.
   */
  findTables(tables: readonly OutsideTable[]): SQL;
  /** The statements that create what is missing, in order. */
  plan(found: FoundSchema, options: PlanChoice): string[];
}

/** The choice of what to plan. */
export interface PlanChoice {
  /** Whether to also create indexes that are missing on existing tables. */
  readonly indexes: boolean;
  /** Tables other than those of sessions, in an order in which they can be created. Default: the tables of sessions. */
  readonly further?: readonly Table[];
  /** The further tables whose version Agno records. */
  readonly recorded?: readonly Table[];
}

/** The tables found in a database, each with its columns' declared types, and the names of all indexes on them. */
export interface FoundSchema {
  readonly tables: ReadonlyMap<string, ReadonlyMap<string, string>>;
  readonly indexes: ReadonlySet<string>;
  /** Tables on which the store cannot keep its promises, whatever their columns are. */
  readonly unfit?: readonly SchemaProblem[];
}
