import type { Signal } from "@sessiondb/core/adapter";
import type { ClassifiedError } from "./retry.ts";
import type { FoundSchema } from "./sql-dialect.ts";
import type { Statement } from "./statement.ts";
import type { Awaitable, Steps } from "./steps.ts";

export interface StatementResult {
  readonly rows: unknown[][];
  /** The number of rows inserted, updated or deleted. */
  readonly affected: number;
}

/** Where statements run: a pool, a client, or a transaction. */
export interface SqlConnection {
  execute(statement: Statement<never>, values: unknown[]): Awaitable<StatementResult>;
}

/** Statements to run on one connection. */
export type Work<Result> = (connection: SqlConnection) => Steps<Result>;

/**
 * One database behind one driver. Nothing is opened before the first call.
 *
 * Work with a signal that aborts rejects with `signal.reason`, and what it wrote is undone; once its commit is under way
 * it runs to its end.
 */
export interface SqlDriver {
  /** Runs statements that only read; on one snapshot where that costs no round trip. */
  read<Result>(work: Work<Result>, signal?: Signal): Promise<Result>;
  /**
   * Runs one statement that writes, and commits as it runs: its signal counts until it is sent. For dialects whose
   * `appendRun` is one statement, so that it needs no transaction around it.
   */
  single?<Result>(work: Work<Result>, signal?: Signal): Promise<Result>;
  /** Runs statements in one transaction: all of them happen, or none. */
  write<Result>(work: Work<Result>, signal?: Signal): Promise<Result>;
  /** What there is of the tables of these names. */
  inspect(tables: readonly string[]): Promise<FoundSchema>;
  /**
   * Runs what `plan` says of the schema found, under a lock that lets one process at a time through. Never called in a
   * transaction of the caller's.
   */
  migrate(tables: readonly string[], plan: (found: FoundSchema) => string[]): Promise<void>;
  /** Whether a transaction of the caller's is open around the statements, which may still undo what they do. */
  inCallersTransaction?(): boolean;
  classify(error: unknown): ClassifiedError;
  /** How long to retry transient failures, in milliseconds. */
  readonly patience: number;
  close(): Promise<void>;
}
