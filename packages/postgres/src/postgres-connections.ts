import { DatabaseBusyError, DatabaseUnreachableError } from "@sessiondb/core";
import { takeTurn, type Lease, type ServerConnections } from "@sessiondb/drizzle";
import type { ClientBase, Pool, PoolClient } from "pg";
import { PostgresConnection, type PostgresConnectionOptions } from "./postgres-connection.ts";

const ignore = (): void => {};

/** The pools with a listener. One listener serves all stores of a pool: Node warns of more than ten. */
const watched = new WeakSet<Pool>();

interface PoolConnectionsOptions {
  readonly open: () => Pool;
  readonly owned: boolean;
  /** The time to wait for a connection, in milliseconds. */
  readonly timeout: number;
}

/** The clients of a pool. A pool opened here is closed here. */
export class PoolConnections implements ServerConnections<PostgresConnection> {
  readonly inTransaction = false;
  readonly wait: { readonly milliseconds: number; readonly expired: () => never };
  readonly #options: PoolConnectionsOptions;
  readonly #each: PostgresConnectionOptions;
  #pool: Pool | null = null;

  constructor(options: PoolConnectionsOptions, each: PostgresConnectionOptions) {
    this.#options = options;
    this.#each = each;
    this.wait = { milliseconds: options.timeout, expired: () => this.#expire() };
  }

  async acquire(): Promise<Lease<PostgresConnection>> {
    const client = await this.#connect();
    return leaseOf(new PostgresConnection(client, this.#each), ({ broken }) => client.release(broken));
  }

  async close(): Promise<void> {
    const pool = this.#pool;
    this.#pool = null;
    if (this.#options.owned) {
      await pool?.end();
    }
  }

  async #connect(): Promise<PoolClient> {
    if (this.#pool === null) {
      this.#pool = this.#options.open();
      if (!watched.has(this.#pool)) {
        watched.add(this.#pool);
        // Idle clients that the server disconnects are reported here, and the pool replaces them.
        this.#pool.on("error", ignore);
      }
    }
    try {
      return await this.#pool.connect();
    } catch (cause) {
      if (cause instanceof Error && cause.message.startsWith("timeout exceeded")) {
        this.#expire({ cause });
      }
      throw cause;
    }
  }

  #expire(options?: ErrorOptions): never {
    const pool = this.#pool;
    const { place } = this.#each;
    const late = `no connection within ${this.#options.timeout} ms`;
    throw pool !== null && pool.idleCount === 0 && pool.totalCount >= pool.options.max
      ? new DatabaseBusyError(`The pool for ${place} is exhausted: ${late}. Make the pool larger.`, options)
      : new DatabaseUnreachableError(`${place} cannot be reached: ${late}.`, options);
  }
}

/** The caller's own client, used by one operation after another. */
export class SingleConnection implements ServerConnections<PostgresConnection> {
  readonly inTransaction: boolean;
  readonly wait = null;
  readonly #client: ClientBase;
  readonly #options: PostgresConnectionOptions;

  constructor(client: ClientBase, options: PostgresConnectionOptions) {
    this.inTransaction = options.inTransaction;
    this.#client = client;
    this.#options = options;
  }

  async acquire(): Promise<Lease<PostgresConnection>> {
    const done = await takeTurn(this.#client);
    return leaseOf(new PostgresConnection(this.#client, this.#options), done);
  }

  async close(): Promise<void> {}
}

/** Leases a client. A connection cut between two statements emits an event; the next statement reports it too. */
function leaseOf(
  connection: PostgresConnection,
  release: (connection: PostgresConnection) => void,
): Lease<PostgresConnection> {
  const { client } = connection;
  client.on("error", ignore);
  return {
    connection,
    release: () => {
      client.off("error", ignore);
      release(connection);
    },
  };
}
