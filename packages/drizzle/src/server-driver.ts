import { PayloadTooLargeError } from "@sessiondb/core";
import { untilAborted, within, type Signal } from "@sessiondb/core/adapter";

import { Line } from "./line.ts";
import { SessionLines } from "./session-lines.ts";
import type { FoundSchema } from "./sql-dialect.ts";
import type { ClassifiedError, SqlConnection, SqlDriver, Work } from "./sql-driver.ts";
import { runAsync } from "./steps.ts";

/** A connection to a server during one operation. */
export interface ServerConnection extends SqlConnection {
  /** Whether it must not be used again, after a fatal error or an abandoned statement. */
  readonly broken: boolean;
  /** The time by which statements must be answered, as `performance.now()`. Each has its own bound as well. */
  until: number;
  /** Stops waiting for the running statement, which breaks the connection. */
  giveUp(): void;
  begin(): Promise<void>;
  commit(): Promise<void>;
  /** Undoes the transaction after an error. Rejects only with an error that is more informative than the given one. */
  rollback(error: unknown): Promise<void>;
}

/** A connection for exclusive use until it is released. */
export interface Lease<Connection> {
  readonly connection: Connection;
  release(): void;
}

/** The source of connections: a pool, or the caller's one connection. */
export interface ServerConnections<Connection> {
  /** Whether all work happens in a transaction that the caller began and will end. */
  readonly inTransaction: boolean;
  /**
   * Whether there is one connection, the caller's own: a statement on it is awaited even if its signal aborts. One that
   * gets no answer in time closes it, since nobody could say what it would still do.
   */
  readonly isCallers: boolean;
  /** The longest time that `acquire` may take, in milliseconds. */
  readonly wait: { readonly milliseconds: number; readonly expired: () => never };
  acquire(): Promise<Lease<Connection>>;
  close(): Promise<void>;
}

/** The statements that begin and end a transaction inside the caller's. */
export const savepoint = {
  begin: "savepoint sessiondb",
  commit: "release savepoint sessiondb",
  rollback: "rollback to savepoint sessiondb",
} as const;

/** The bounds of a store's waits, in milliseconds. */
export interface ServerTimes {
  readonly connectionTimeout: number;
  readonly statementTimeout: number;
  readonly retryTimeout: number;
}

/**
 * The longest time that a connection waits for a lock, in milliseconds. Then it serves another call, and the one that
 * waited tries again, until its time to retry is over.
 */
export const lockWait = 1000;

/** The time that `close` waits for a server to say goodbye, in milliseconds. */
export const closeTimeout = 2000;

/** The longest time of one statement of `migrate()`, in milliseconds: an index of a large table may take hours. */
export const ddlTimeout = 6 * 3_600_000;

/** The connection was lost during COMMIT, which the server may have completed. */
class UncertainCommit extends Error {
  override get name(): string {
    return "UncertainCommit";
  }
}

/**
 * The driver of a server's database. Work gives up its connection if its signal aborts during a statement. In the
 * caller's transaction each operation is a savepoint, so a failed one leaves the transaction usable: a running
 * statement is awaited, and nothing is retried.
 */
export abstract class ServerDriver<Connection extends ServerConnection> implements SqlDriver {
  readonly patience: number;
  readonly limit: number;
  /** None in the caller's transaction, whose own locks others in a line may wait for. */
  readonly lines: SessionLines | undefined;
  /** Whether the server was reached before, so that it is likely to return. */
  protected reached = false;
  readonly #connections: ServerConnections<Connection>;

  constructor(connections: ServerConnections<Connection>, times: ServerTimes) {
    this.#connections = connections;
    // A failed transaction is over: only the caller who began it can begin another.
    this.patience = connections.inTransaction ? 0 : times.retryTimeout;
    // A call waits for a connection, tries again, and waits for an answer.
    this.limit = times.connectionTimeout + times.retryTimeout + times.statementTimeout;
    this.lines = connections.inTransaction ? undefined : new SessionLines(this);
  }

  /** Reads without a transaction: data that must be from the same moment is read by one statement. */
  read<Result>(work: Work<Result>, signal?: Signal, until?: number): Promise<Result> {
    return this.use((on) => this.#run(on, work, signal), { signal, until });
  }

  readOne<Result>(work: Work<Result>, signal?: Signal, until?: number): Promise<Result> {
    return this.read(work, signal, until);
  }

  write<Result>(work: Work<Result>, signal?: Signal, until?: number): Promise<Result> {
    return this.transaction((on) => this.#run(on, work, signal), { signal, until });
  }

  abstract inspect(tables: readonly string[], until?: number): Promise<FoundSchema>;
  abstract migrate(tables: readonly string[], plan: (found: FoundSchema) => string[], until?: number): Promise<void>;

  inCallersTransaction(): boolean {
    return this.#connections.inTransaction;
  }

  classify(error: unknown): ClassifiedError {
    return error instanceof UncertainCommit
      ? { ...this.translate(error.cause), outcomeUnknown: true }
      : this.translate(error);
  }

  close(): Promise<void> {
    return this.#connections.close();
  }

  /** Checks a connection or sets it up before it is used. */
  protected abstract prepare(on: Connection): Promise<void>;

  /** Classifies an error of the database's client. */
  protected abstract translate(error: unknown): ClassifiedError;

  protected async use<Result>(
    work: (on: Connection) => Promise<Result>,
    { signal, until = performance.now() + this.limit }: UseOptions = {},
  ): Promise<Result> {
    const lease = await this.#acquire(signal, until);
    const { connection } = lease;
    this.reached = true;
    connection.until = until;
    try {
      await this.#interruptible(connection, () => this.prepare(connection), signal);
      return await work(connection);
    } finally {
      lease.release();
    }
  }

  protected transaction<Result>(work: (on: Connection) => Promise<Result>, options: UseOptions = {}): Promise<Result> {
    const { signal } = options;
    const isOwn = !this.inCallersTransaction();
    return this.use(async (on) => {
      await this.#interruptible(on, () => on.begin(), signal);
      let isCommitting = false;
      try {
        const result = await work(on);
        isCommitting = true;
        await on.commit();
        return result;
      } catch (error) {
        // A failed COMMIT ends the transaction, but a savepoint that failed to release still exists.
        if (!on.broken && !(isOwn && isCommitting)) {
          await on.rollback(error);
        }
        throw on.broken && isOwn && isCommitting ? new UncertainCommit("The commit failed", { cause: error }) : error;
      }
    }, options);
  }

  #run<Result>(on: Connection, work: Work<Result>, signal: Signal): Promise<Result> {
    const interruptible: SqlConnection = {
      execute: (statement, values) => this.#interruptible(on, async () => on.execute(statement, values), signal),
    };
    return runAsync(work(interruptible), signal);
  }

  async #interruptible<Value>(on: Connection, run: () => Promise<Value>, signal: Signal): Promise<Value> {
    if (this.inCallersTransaction()) {
      return run();
    }
    signal?.throwIfAborted();
    if (this.#connections.isCallers) {
      return run();
    }
    return untilAborted(run(), signal, () => on.giveUp());
  }

  async #acquire(signal: Signal, until: number): Promise<Lease<Connection>> {
    signal?.throwIfAborted();
    const { milliseconds, expired } = this.#connections.wait;
    const acquiring = this.#connections.acquire();
    const acquired = untilAborted(acquiring, signal);
    try {
      return await within(acquired, Math.min(milliseconds, until - performance.now()), expired);
    } catch (error) {
      // A connection that arrives too late is still handed out.
      acquiring.then(
        (late) => late.release(),
        () => {},
      );
      throw error;
    }
  }
}

/** How a connection is used. */
export interface UseOptions {
  readonly signal?: Signal;
  /** The time by which the work must end, as `performance.now()`. Default: the longest time of a call, from now. */
  readonly until?: number | undefined;
}

/** The operations on each connection: stores of one connection share its savepoint and transactions. */
const lines = new WeakMap<object, Line>();

/** Waits for all earlier operations on the caller's connection. Resolves with a function that ends this turn. */
export function takeTurn(connection: object): Promise<() => void> {
  const line = lines.get(connection) ?? new Line();
  lines.set(connection, line);
  return line.enter();
}

/** Refuses values whose total size exceeds the limit of one statement. */
export function checkSize(
  values: readonly unknown[],
  { what, limit, advice }: { readonly what: string; readonly limit: number; readonly advice: string },
): void {
  const texts = values.filter((each) => typeof each === "string");
  // A UTF-16 unit takes at most three bytes of UTF-8, so short texts need no counting.
  if (texts.reduce((sum, text) => sum + text.length * 3, 0) > limit) {
    const size = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    if (size > limit) {
      throw new PayloadTooLargeError(what, { size, limit, advice });
    }
  }
}
