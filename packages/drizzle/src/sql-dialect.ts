import type { RunRow, SessionRow } from "@sessiondb/core";
import type { Column, SQL, Table } from "drizzle-orm";
import type { TableNames } from "./names.ts";
import type { ClassifiedError } from "./retry.ts";
import type { Statement } from "./statement.ts";
import type { Awaitable, Steps } from "./steps.ts";

/** A Drizzle table of any dialect with one column for each property of a row. */
export type TableOf<Row> = Table & { readonly [Name in keyof Row]-?: Column };

/** The tables of one dialect, as its `schema.ts` makes them from their names. */
export interface SessionTables {
  readonly sessions: TableOf<SessionRow>;
  readonly runs: TableOf<RunRow>;
  readonly versions: TableOf<VersionRow>;
}

/** One row of Agno's table of schema versions. Times are local, as ISO text without a zone. */
export interface VersionRow {
  tableName: string;
  version: string;
  createdAt: string;
  updatedAt: string | null;
}

/** What a dialect spells in its own way. Everything else is written once, in `SessionStatements`. */
export interface SqlDialect {
  readonly tables: SessionTables;
  readonly names: TableNames;
  /** Renders SQL with this dialect's quotes and placeholders. */
  render(query: SQL): { sql: string; params: unknown[] };
  /** What makes a SELECT inside of a transaction lock its rows; empty where the transaction holds the only write lock. */
  readonly lockRows: SQL;
  /** A column of ids as it is ordered, by its bytes, where the column itself is ordered otherwise. */
  readonly byBytes?: (ids: Column) => SQL;
  /** `(a, b) > (:a, :b)` or its reverse, where an index does not serve that spelling. */
  readonly following?: (columns: readonly SQL[], names: readonly string[], order: "asc" | "desc") => SQL;
  /** The type that makes text of a JSON column. Default `char`. */
  readonly textType?: SQL;
  /** Wraps the placeholder of a LIMIT, where the bare one costs something. */
  readonly limit?: (placeholder: SQL) => SQL;
  /** Wraps a column in a condition so that no index is taken for it, where the planner lacks statistics to know better. */
  readonly passOver?: (column: Column) => SQL;
  /** Whether the name inside of the session data contains `folded`, compared as `foldName` does. */
  nameContains(sessionData: Column, folded: SQL): SQL;
  /** Whether a column of the declared type found can stand in for the column wanted. */
  accepts(wanted: Column, foundType: string): boolean;
  /** The statements that create what is missing, in order; with `indexes` also indexes missing on existing tables. */
  plan(found: FoundSchema, options: { readonly indexes: boolean }): string[];
}

export interface StatementResult {
  readonly rows: unknown[][];
  /** The number of rows inserted, updated or deleted. */
  readonly affected: number;
}

/** Where statements run: a pool, a client, or a transaction. */
export interface SqlConnection {
  execute(statement: Statement<never>, values: unknown[]): Awaitable<StatementResult>;
}

/** Tables of a database as found, each with its columns' declared types, and the names of all indexes on them. */
export interface FoundSchema {
  readonly tables: ReadonlyMap<string, ReadonlyMap<string, string>>;
  readonly indexes: ReadonlySet<string>;
}

/** One database behind one driver. Nothing is opened before the first call. */
export interface SqlDriver {
  /** Runs statements that only read; on one snapshot where that costs no round trip. */
  read<Result>(work: (connection: SqlConnection) => Steps<Result>): Promise<Result>;
  /** Runs statements in one transaction: all of them happen, or none. */
  write<Result>(work: (connection: SqlConnection) => Steps<Result>): Promise<Result>;
  /** Runs one statement in a transaction of its own, at the cost of one round trip. */
  single<Result>(work: (connection: SqlConnection) => Steps<Result>): Promise<Result>;
  /** What there is of the tables of these names. */
  inspect(tables: readonly string[]): Promise<FoundSchema>;
  /** Runs what `plan` says of the schema found, under a lock that lets one process at a time through. */
  migrate(tables: readonly string[], plan: (found: FoundSchema) => string[]): Promise<void>;
  /** Whether a transaction of the caller's is open around the statements, which may still undo what they do. */
  inCallersTransaction?(): boolean;
  classify(error: unknown): ClassifiedError;
  /** How long to retry transient failures, in milliseconds. */
  readonly patience: number;
  close(): Promise<void>;
}
