import { DatabaseBusyError } from "@sessiondb/core";

interface PoolUseOptions {
  /** The server, as messages name it. */
  readonly server: string;
  /** The time to wait for a connection, in milliseconds. */
  readonly timeout: number;
}

/** What the connections of a pool are in use for, to tell a pool that is too small from one that is held up. */
export class PoolUse {
  readonly #options: PoolUseOptions;
  /** The times at which the connections in use were handed out. */
  readonly #since = new Map<object, number>();
  #heldUpAt = Number.NEGATIVE_INFINITY;

  constructor(options: PoolUseOptions) {
    this.#options = options;
  }

  /** The number of connections in use. */
  get size(): number {
    return this.#since.size;
  }

  begin(connection: object): void {
    this.#since.set(connection, performance.now());
  }

  /** `hasWaited` says whether a statement waited in vain for a lock, or for its answer. */
  end(connection: object, { hasWaited }: { readonly hasWaited: boolean }): void {
    this.#since.delete(connection);
    if (hasWaited) {
      this.#heldUpAt = performance.now();
    }
  }

  /** The error of an operation that waited in vain for a connection, all of which are in use. */
  exhausted(options?: ErrorOptions): DatabaseBusyError {
    const { server, timeout } = this.#options;
    const start = performance.now() - timeout;
    const isHeldUp = this.#heldUpAt > start || [...this.#since.values()].some((since) => since < start);
    const advice = isHeldUp
      ? "Its connections wait for a lock, or for slow statements: look for a transaction that stays open."
      : "Make the pool larger.";
    return new DatabaseBusyError(
      `The pool for ${server} is exhausted: no connection within ${timeout} ms. ${advice}`,
      options,
    );
  }
}
