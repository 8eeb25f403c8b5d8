import type { ClientBase, Pool, PoolClient } from "pg";

/** A client to use alone until it is released; one that failed is released as broken and is not used again. */
export interface Lease {
  readonly client: ClientBase;
  release(broken: boolean): void;
}

/** Where clients come from. */
export interface PostgresConnections {
  /** Rejects with `ConnectionWaitError` when no client becomes free in time. */
  acquire(): Promise<Lease>;
  close(): Promise<void>;
}

/** No connection could be had within the time allowed: all were in use, or the server did not answer. */
export class ConnectionWaitError extends Error {
  readonly exhausted: boolean;

  constructor(exhausted: boolean, timeout: number, options?: ErrorOptions) {
    super(`no connection within ${timeout} ms`, options);
    this.exhausted = exhausted;
  }

  override get name(): string {
    return "ConnectionWaitError";
  }
}

const ignore = (): void => {};

/** The pools that are listened to. One listener serves all stores of a pool: Node warns of more than ten. */
const watched = new WeakSet<Pool>();

/** The clients of a pool. One that was opened here is closed here. */
export class PoolConnections implements PostgresConnections {
  readonly #open: () => Pool;
  readonly #owned: boolean;
  readonly #timeout: number;
  #pool: Pool | null = null;

  constructor({ open, owned, timeout }: { open: () => Pool; owned: boolean; timeout: number }) {
    this.#open = open;
    this.#owned = owned;
    this.#timeout = timeout;
  }

  async acquire(): Promise<Lease> {
    const client = await this.#connect();
    // A connection cut between two statements is reported by an event; the next statement reports it too.
    client.on("error", ignore);
    return {
      client,
      release: (broken) => {
        client.off("error", ignore);
        client.release(broken);
      },
    };
  }

  async close(): Promise<void> {
    const pool = this.#pool;
    this.#pool = null;
    if (this.#owned) {
      await pool?.end();
    }
  }

  async #connect(): Promise<PoolClient> {
    if (this.#pool === null) {
      this.#pool = this.#open();
      if (!watched.has(this.#pool)) {
        watched.add(this.#pool);
        // Idle clients that the server cuts off report it here, and the pool replaces them.
        this.#pool.on("error", ignore);
      }
    }
    const pool = this.#pool;
    const timeout = this.#timeout;
    return new Promise((resolve, reject) => {
      let expired = false;
      const timer = setTimeout(() => {
        expired = true;
        reject(new ConnectionWaitError(isExhausted(pool), timeout));
      }, timeout);
      pool.connect((error, client) => {
        clearTimeout(timer);
        if (expired) {
          // The pool hands it out all the same.
          client?.release();
        } else if (client !== undefined) {
          resolve(client);
        } else {
          const late = error?.message.startsWith("timeout exceeded") === true;
          reject(late ? new ConnectionWaitError(isExhausted(pool), timeout, { cause: error }) : error);
        }
      });
    });
  }
}

function isExhausted({ idleCount, totalCount, options }: Pool): boolean {
  return idleCount === 0 && totalCount >= options.max;
}

/** What was begun last on each client: stores of one client share its savepoints and transactions, and take turns. */
const lastOn = new WeakMap<ClientBase, Promise<void>>();

/** One client of the caller's own, used by one operation after the other. */
export class SingleConnection implements PostgresConnections {
  readonly #client: ClientBase;

  constructor(client: ClientBase) {
    this.#client = client;
  }

  async acquire(): Promise<Lease> {
    const previous = lastOn.get(this.#client);
    let release = ignore;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    lastOn.set(this.#client, released);
    await previous;
    this.#client.on("error", ignore);
    return {
      client: this.#client,
      release: () => {
        this.#client.off("error", ignore);
        release();
      },
    };
  }

  async close(): Promise<void> {}
}
