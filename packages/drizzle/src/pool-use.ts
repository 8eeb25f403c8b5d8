import { DatabaseBusyError, DatabaseUnreachableError } from "@sessiondb/core";
import { publishPool } from "@sessiondb/core/adapter";
import type { DialectName } from "./sql-dialect.ts";

interface PoolUseOptions {
  /** The kind of store, for those who observe its pool. */
  readonly store: DialectName;
  /** The server, as messages name it. */
  readonly server: string;
  /** The time to wait for a connection, in milliseconds. */
  readonly timeout: number;
}

/**
 * What the connections of a pool are in use for, to tell a pool that is too small from one that is held up. Those who
 * observe the pool are told of each change.
 */
export class PoolUse {
  readonly #options: PoolUseOptions;
  /** The times at which the connections in use were handed out. */
  readonly #since = new Map<object, number>();
  #waiting = 0;
  readonly #abandoned = new Set<object>();
  #heldUpAt = Number.NEGATIVE_INFINITY;

  constructor(options: PoolUseOptions) {
    this.#options = options;
  }

  /** The number of connections in use. */
  get size(): number {
    return this.#since.size;
  }

  /** Counts the wait for a connection. */
  async wait<Connection>(connection: Promise<Connection>): Promise<Connection> {
    this.#waiting += 1;
    this.#publish();
    try {
      return await connection;
    } finally {
      this.#waiting -= 1;
      this.#publish();
    }
  }

  begin(connection: object): void {
    this.#since.set(connection, performance.now());
    this.#publish();
  }

  /** Counts a connection whose statement was given up, until the server has let go of it. */
  async abandon(connection: object, letGo: Promise<void>): Promise<void> {
    this.#abandoned.add(connection);
    this.#publish();
    try {
      await letGo;
    } finally {
      this.#abandoned.delete(connection);
      this.#publish();
    }
  }

  /** `hasWaited` says whether a statement waited in vain for a lock, or for its answer. */
  end(connection: object, { hasWaited }: { readonly hasWaited: boolean }): void {
    this.#since.delete(connection);
    if (hasWaited) {
      this.#heldUpAt = performance.now();
    }
    this.#publish();
  }

  /** The error of an operation that waited in vain for a connection. `isFull`: all of them are in use. */
  expired(isFull: boolean, options?: ErrorOptions): DatabaseBusyError | DatabaseUnreachableError {
    const { server, timeout } = this.#options;
    const late = `no connection within ${timeout} ms.`;
    if (!isFull) {
      return new DatabaseUnreachableError(`${server} cannot be reached: ${late}`, options);
    }
    // Those that hold the connections may have begun with those that wait.
    const start = performance.now() - timeout / 2;
    const isHeldUp = this.#heldUpAt > start || [...this.#since.values()].some((since) => since < start);
    const advice = isHeldUp
      ? "Its connections wait for a lock, or for slow statements: look for a transaction that stays open."
      : "Make the pool larger.";
    return new DatabaseBusyError(`The pool for ${server} is exhausted: ${late} ${advice}`, options);
  }

  #publish(): void {
    const { store } = this.#options;
    publishPool(() => ({ store, used: this.size, waiting: this.#waiting, abandoned: this.#abandoned.size }));
  }
}
