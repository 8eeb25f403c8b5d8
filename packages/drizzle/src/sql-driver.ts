import type { SessionDbError } from "@sessiondb/core";
import type { Signal } from "@sessiondb/core/adapter";
import type { SessionLines } from "./session-lines.ts";
import type { FoundSchema } from "./sql-dialect.ts";
import type { Statement } from "./statement.ts";
import type { Awaitable, Steps } from "./steps.ts";

export interface StatementResult {
  readonly rows: unknown[][];
  /** The number of rows inserted, updated or deleted. */
  readonly affected: number;
}

/** A place to run statements: a pool, a client, or a transaction. */
export interface SqlConnection {
  execute(statement: Statement<never>, values: unknown[]): Awaitable<StatementResult>;
}

/** Statements to run on one connection. */
export type Work<Result> = (connection: SqlConnection) => Steps<Result>;

/** A driver's error, translated. */
export interface ClassifiedError {
  readonly error: SessionDbError;
  /** Whether the same work may succeed in a moment: a lock, a deadlock, a lost connection. */
  readonly transient: boolean;
  /** Whether the work may have been committed nevertheless, since the connection was lost meanwhile. */
  readonly outcomeUnknown?: boolean;
}

/**
 * One database behind one driver. Nothing is opened before the first call.
 *
 * If its signal aborts, work rejects with `signal.reason` and its writes are undone; once its commit is under way, it
 * runs to its end. `until` is the time by which work must end, as `performance.now()`; by default, the driver's own
 * limit from now.
 */
export interface SqlDriver {
  /** Runs statements that only read, in one snapshot where that costs no round trip. */
  read<Result>(work: Work<Result>, signal?: Signal, until?: number): Promise<Result>;
  /** Runs one statement that only reads, which is a snapshot by itself. */
  readOne<Result>(work: Work<Result>, signal?: Signal, until?: number): Promise<Result>;
  /**
   * Runs one statement that writes and commits by itself: its signal counts until it is sent. For dialects whose
   * `appendRun` is one statement and needs no transaction around it.
   */
  single?<Result>(work: Work<Result>, signal?: Signal, until?: number): Promise<Result>;
  /** Runs statements in one transaction: all of them take effect, or none. */
  write<Result>(work: Work<Result>, signal?: Signal, until?: number): Promise<Result>;
  /** Returns the parts of the named tables that exist. */
  inspect(tables: readonly string[], until?: number): Promise<FoundSchema>;
  /**
   * Runs the statements that `plan` returns for the schema found, under a lock that admits one process at a time. Never
   * called in the caller's transaction. Without `until`, each statement may take hours, as an index of a large table does.
   */
  migrate(tables: readonly string[], plan: (found: FoundSchema) => string[], until?: number): Promise<void>;
  /** Whether the statements run in an open transaction of the caller, who may still undo them. */
  inCallersTransaction?(): boolean;
  classify(error: unknown): ClassifiedError;
  /** The time to retry transient failures, in milliseconds. */
  readonly patience: number;
  /** The longest time of a call, in milliseconds; undefined if only its parts are bounded. */
  readonly limit?: number;
  /** The lines in which calls that lock the same rows wait, so that they do not wait on connections. */
  readonly lines?: SessionLines | undefined;
  close(): Promise<void>;
}
