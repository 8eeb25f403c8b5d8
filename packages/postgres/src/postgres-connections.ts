import { DatabaseBusyError } from "@sessiondb/core";
import { within } from "@sessiondb/core/adapter";
import { closeTimeout, PoolUse, takeTurn, type Lease, type ServerConnections } from "@sessiondb/drizzle";
import type { ClientBase, Pool, PoolClient } from "pg";
import { cancelStatement } from "./cancel-request.ts";
import { PostgresConnection, type PostgresConnectionOptions } from "./postgres-connection.ts";
import { refusesBounds } from "./server-bounds.ts";

const ignore = (): void => {};

/** The pools with a listener. One listener serves all stores of a pool: Node warns of more than ten. */
const watched = new WeakSet<Pool>();

interface PoolConnectionsOptions {
  /** Opens a pool, whose connections ask the server to bound their waits if `bounded`. */
  readonly open: (how: { readonly bounded: boolean }) => Pool;
  readonly owned: boolean;
  /** The time to wait for a connection, in milliseconds. */
  readonly timeout: number;
}

/**
 * The clients of a pool. One whose statement was given up goes back only when the server has let go of it. A pool opened
 * here is closed here.
 */
export class PoolConnections implements ServerConnections<PostgresConnection> {
  readonly inTransaction = false;
  readonly isCallers = false;
  readonly wait: { readonly milliseconds: number; readonly expired: () => never };
  readonly #options: PoolConnectionsOptions;
  readonly #each: PostgresConnectionOptions;
  readonly #use: PoolUse;
  #pool: Pool | null = null;
  #bounded = true;

  constructor(options: PoolConnectionsOptions, each: PostgresConnectionOptions) {
    this.#options = options;
    this.#each = each;
    this.#use = new PoolUse({ store: "postgres", server: each.place, timeout: options.timeout });
    this.wait = { milliseconds: options.timeout, expired: () => this.#expire() };
  }

  async acquire(): Promise<Lease<PostgresConnection>> {
    const client = await this.#use.wait(this.#connect());
    this.#use.begin(client);
    const connection = new PostgresConnection(client, this.#each);
    return leaseOf(connection, (ignoresNoMore) => {
      const end = (): void => {
        ignoresNoMore();
        this.#use.end(client, connection);
        client.release(connection.broken);
      };
      if (connection.isGivenUp) {
        // It is closed afterwards, so a request that arrives late meets no other statement.
        this.#use.abandon(client, cancelStatement(client)).then(end, end);
      } else {
        end();
      }
    });
  }

  async close(): Promise<void> {
    const pool = this.#pool;
    this.#pool = null;
    if (this.#options.owned && pool !== null) {
      // A connection that was cut unnoticed never says goodbye.
      await within(pool.end(), closeTimeout, () => null);
    }
  }

  async #connect(): Promise<PoolClient> {
    const pool = (this.#pool ??= this.#open());
    try {
      return await pool.connect();
    } catch (cause) {
      if (this.#options.owned && refusesBounds(cause)) {
        return this.#connectUnbounded(pool, cause);
      }
      if (cause instanceof Error && cause.message.startsWith("timeout exceeded")) {
        this.#expire({ cause });
      }
      throw cause;
    }
  }

  #open(): Pool {
    const pool = this.#options.open({ bounded: this.#bounded });
    if (!watched.has(pool)) {
      watched.add(pool);
      // Idle clients that the server disconnects are reported here, and the pool replaces them.
      pool.on("error", ignore);
      pool.on("connect", ignoreAtFirst);
    }
    return pool;
  }

  /** Goes on without the bounds, which a pooler refuses. */
  async #connectUnbounded(refused: Pool, cause: unknown): Promise<PoolClient> {
    if (this.#pool === refused) {
      if (!this.#bounded) {
        throw cause;
      }
      this.#bounded = false;
      this.#pool = null;
      await refused.end();
    }
    return this.#connect();
  }

  #expire(options?: ErrorOptions): never {
    const pool = this.#pool;
    // The application may use connections of its own pool. Those of a pool opened here are in use, or cannot be made.
    const inUse = this.#options.owned ? this.#use.size : (pool?.totalCount ?? 0) - (pool?.idleCount ?? 0);
    throw this.#use.expired(pool !== null && inUse >= pool.options.max, options);
  }
}

/**
 * Ignores the events of a new client until whoever takes it can listen. The pool hands it out while pg still reads what has
 * arrived, which may hold the server's last words too; a promise resolves only afterwards.
 */
function ignoreAtFirst(client: PoolClient): void {
  client.on("error", ignore);
  setImmediate(() => client.off("error", ignore));
}

/** The caller's own client, used by one operation after another. Its statements are never cancelled from outside. */
export class SingleConnection implements ServerConnections<PostgresConnection> {
  readonly inTransaction: boolean;
  readonly isCallers = true;
  readonly wait: { readonly milliseconds: number; readonly expired: () => never };
  readonly #client: ClientBase;
  readonly #options: PostgresConnectionOptions;

  constructor(client: ClientBase, options: PostgresConnectionOptions) {
    this.inTransaction = options.inTransaction;
    this.#client = client;
    this.#options = options;
    const expired = (): never => {
      throw new DatabaseBusyError(`The client for ${options.place} is still at work for earlier calls.`);
    };
    this.wait = { milliseconds: Number.POSITIVE_INFINITY, expired };
  }

  async acquire(): Promise<Lease<PostgresConnection>> {
    const done = await takeTurn(this.#client);
    const connection = new PostgresConnection(this.#client, this.#options);
    return leaseOf(connection, (ignoresNoMore) => {
      if (connection.isGivenUp) {
        closeClient(this.#client);
      } else {
        ignoresNoMore();
      }
      done();
    });
  }

  async close(): Promise<void> {}
}

/** Closes the caller's client, even while a statement runs on it. */
function closeClient(client: ClientBase & { readonly end?: () => Promise<void> }): void {
  client.end?.().catch(ignore);
}

/**
 * Leases a client. A connection cut between two statements emits an event; the next statement reports it too. Such events
 * are ignored until `release` says otherwise, since an event without a listener ends the process.
 */
function leaseOf(
  connection: PostgresConnection,
  release: (ignoresNoMore: () => void) => void,
): Lease<PostgresConnection> {
  const { client } = connection;
  client.on("error", ignore);
  return { connection, release: () => release(() => client.off("error", ignore)) };
}
