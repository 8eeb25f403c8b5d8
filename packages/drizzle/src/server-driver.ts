import { PayloadTooLargeError } from "@sessiondb/core";
import { untilAborted, within, type Signal } from "@sessiondb/core/adapter";

import type { FoundSchema } from "./sql-dialect.ts";
import type { ClassifiedError, SqlConnection, SqlDriver, Work } from "./sql-driver.ts";
import { runAsync } from "./steps.ts";

/** A connection to a server during one operation. */
export interface ServerConnection extends SqlConnection {
  /** Whether it must not be used again, after a fatal error or an abandoned statement. */
  readonly broken: boolean;
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
  /** The longest time that `acquire` may take; null if operations wait for their turn. */
  readonly wait: { readonly milliseconds: number; readonly expired: () => never } | null;
  acquire(): Promise<Lease<Connection>>;
  close(): Promise<void>;
}

/** The statements that begin and end a transaction inside the caller's. */
export const savepoint = {
  begin: "savepoint sessiondb",
  commit: "release savepoint sessiondb",
  rollback: "rollback to savepoint sessiondb",
} as const;

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
  readonly #connections: ServerConnections<Connection>;

  constructor(connections: ServerConnections<Connection>, retryTimeout: number) {
    this.#connections = connections;
    // A failed transaction is over: only the caller who began it can begin another.
    this.patience = connections.inTransaction ? 0 : retryTimeout;
  }

  /** Reads without a transaction: data that must be from the same moment is read by one statement. */
  read<Result>(work: Work<Result>, signal?: Signal): Promise<Result> {
    return this.use((on) => this.#run(on, work, signal), signal);
  }

  write<Result>(work: Work<Result>, signal?: Signal): Promise<Result> {
    return this.transaction((on) => this.#run(on, work, signal), signal);
  }

  abstract inspect(tables: readonly string[]): Promise<FoundSchema>;
  abstract migrate(tables: readonly string[], plan: (found: FoundSchema) => string[]): Promise<void>;

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

  protected async use<Result>(work: (on: Connection) => Promise<Result>, signal?: Signal): Promise<Result> {
    const lease = await this.#acquire(signal);
    const { connection } = lease;
    try {
      await this.#interruptible(connection, () => this.prepare(connection), signal);
      return await work(connection);
    } finally {
      lease.release();
    }
  }

  protected transaction<Result>(work: (on: Connection) => Promise<Result>, signal?: Signal): Promise<Result> {
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
    }, signal);
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
    return untilAborted(run(), signal, () => on.giveUp());
  }

  async #acquire(signal: Signal): Promise<Lease<Connection>> {
    signal?.throwIfAborted();
    const { wait } = this.#connections;
    const acquiring = this.#connections.acquire();
    const acquired = untilAborted(acquiring, signal);
    try {
      return await (wait === null ? acquired : within(acquired, wait.milliseconds, wait.expired));
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

/** The last operation begun on each connection: stores of one connection share its savepoint and transactions. */
const lastOn = new WeakMap<object, Promise<void>>();

/** Waits for all earlier operations on the caller's connection. Resolves with a function that ends this turn. */
export async function takeTurn(connection: object): Promise<() => void> {
  const previous = lastOn.get(connection);
  let done = (): void => {};
  const turn = new Promise<void>((resolve) => {
    done = resolve;
  });
  lastOn.set(connection, turn);
  await previous;
  return done;
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
