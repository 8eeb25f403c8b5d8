import type { SchemaProblem } from "@sessiondb/core";
import type { RunRow, SessionRow } from "@sessiondb/core/adapter";
import type { Column, SQL, Table } from "drizzle-orm";
import type { OutsideTable } from "./agno-tables.ts";
import type { FoldedSearch } from "./name-folding.ts";
import type { TableNames } from "./names.ts";

/** A Drizzle table of any dialect with one column for each property of a row. */
type TableOf<Row> = Table & { readonly [Name in keyof Row]-?: Column };

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

/** Which kind of Drizzle tables a dialect has: MariaDB's are those of MySQL. */
export type DialectName = "sqlite" | "postgres" | "mysql";

/** What a dialect spells in its own way. Everything else is written once, in `SessionReads` and `SessionWrites`. */
export interface SqlDialect {
  readonly name: DialectName;
  readonly tables: SessionTables;
  readonly names: TableNames;
  /** Renders SQL with this dialect's quotes and placeholders. */
  render(query: SQL): { sql: string; params: unknown[] };
  /** What makes a SELECT in a transaction lock its rows; empty where the transaction holds the only write lock. */
  readonly lockRows: SQL;
  /** A column of ids as it is ordered, by its bytes, where the column itself is ordered otherwise. */
  readonly byBytes?: (ids: Column | SQL) => SQL;
  /** `(a, b) > (:a, :b)` or its reverse, where an index does not serve that spelling. */
  readonly following?: (columns: readonly SQL[], names: readonly string[], order: "asc" | "desc") => SQL;
  /** The type that makes text of a JSON column. Default `char`. */
  readonly textType?: SQL;
  /** Wraps the placeholder of a LIMIT, where the bare one costs something. */
  readonly limit?: (placeholder: SQL) => SQL;
  /** Wraps a column in a condition so that no index is taken for it, where the planner lacks statistics to know better. */
  readonly passOver?: (column: Column) => SQL;
  /** EXISTS, where the planner would make a join of it that reads all there is; default `exists (…)`. */
  readonly exists?: (subquery: SQL) => SQL;
  /** Whether the name in the session data contains the search text once both are folded as `foldName` does. */
  nameContains(sessionData: Column, search: FoldedSearch): SQL;
  /** Whether a column of the declared type found can stand in for the column wanted. */
  accepts(wanted: Column, foundType: string): boolean;
  /** Whether a column of this type would store, or find, something else than it is given, and without an error. */
  readonly spoils?: (wanted: Column, foundType: string) => boolean;
  /** A table that this library did not make, as statements name it. */
  outside(table: OutsideTable): SQL;
  /**
   * Selects the names of those tables that are there, each with the rights to it that a delete of its rows lacks, in words, as
   * far as the database tells; else null.
   */
  findTables(tables: readonly OutsideTable[]): SQL;
  /** The statements that create what is missing, in order. */
  plan(found: FoundSchema, options: PlanChoice): string[];
}

/** What to plan. */
export interface PlanChoice {
  /** Whether to create indexes that are missing on existing tables, too. */
  readonly indexes: boolean;
  /** Tables beside those of sessions, in the order in which they can be created. Default: the tables of sessions. */
  readonly further?: readonly Table[];
}

/** Tables of a database as found, each with its columns' declared types, and the names of all indexes on them. */
export interface FoundSchema {
  readonly tables: ReadonlyMap<string, ReadonlyMap<string, string>>;
  readonly indexes: ReadonlySet<string>;
  /** Tables on which the store's promises cannot be kept, whatever their columns are. */
  readonly unfit?: readonly SchemaProblem[];
}
