import { DatabaseBusyError } from "@sessiondb/core";
import { within } from "@sessiondb/core/adapter";
import { closeTimeout, PoolUse, takeTurn, type Lease, type ServerConnections } from "@sessiondb/drizzle";
import type { Connection, Pool } from "mysql2/promise";
import { MysqlConnection, type MysqlConnectionOptions } from "./mysql-connection.ts";

interface PoolConnectionsOptions {
  /** Called once, at the first use. */
  readonly open: () => Pool;
  /** Host and database, for error messages. */
  readonly server: string;
  /** The time to wait for a connection, in milliseconds. */
  readonly timeout: number;
  /** The most connections; null for a pool that the application uses too. */
  readonly size: number | null;
  readonly each: MysqlConnectionOptions;
}

/**
 * The connections of a pool. The server is told to end one that was given up, which undoes its transaction and releases
 * its locks. A pool opened here is closed here.
 */
export class PoolConnections implements ServerConnections<MysqlConnection> {
  readonly inTransaction = false;
  readonly isCallers = false;
  readonly wait: { readonly milliseconds: number; readonly expired: () => never };
  readonly #options: PoolConnectionsOptions;
  readonly #use: PoolUse;
  #pool: Pool | null = null;
  /** The pending ends of connections that were given up. */
  readonly #ending = new Set<Promise<void>>();
  /** The connections that end others. One that gets no answer either is not ended in its turn. */
  readonly #killers = new WeakSet<MysqlConnection>();

  constructor(options: PoolConnectionsOptions) {
    this.#options = options;
    const { server, timeout, size } = options;
    this.#use = new PoolUse({ store: "mysql", server, timeout });
    const expired = (): never => {
      throw this.#use.expired(size === null || this.#use.size >= size);
    };
    this.wait = { milliseconds: timeout, expired };
  }

  async acquire(): Promise<Lease<MysqlConnection>> {
    this.#pool ??= this.#options.open();
    const pooled = await this.#use.wait(this.#pool.getConnection());
    const connection = new MysqlConnection(pooled, this.#options.each);
    this.#use.begin(connection);
    const release = (): void => {
      this.#use.end(connection, connection);
      if (!connection.broken) {
        pooled.release();
        return;
      }
      const thread = threadOf(pooled);
      cutOff(pooled);
      if (connection.isGivenUp && !this.#killers.has(connection)) {
        this.#end(connection, thread);
      }
    };
    return { connection, release };
  }

  async close(): Promise<void> {
    await within(Promise.all(this.#ending), closeTimeout, () => null);
    const pool = this.#pool;
    this.#pool = null;
    if (pool !== null && this.#options.each.origin === "url") {
      // A connection that was cut unnoticed never says goodbye.
      await within(pool.end(), closeTimeout, () => null);
    }
  }

  /** Ends a connection at the server, in the background. If that fails, it ends when its statement does. */
  #end(connection: MysqlConnection, thread: MysqlThread): void {
    const ending = this.#use
      .abandon(connection, this.#killThread(thread))
      .catch(() => {})
      .finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }

  /**
   * Tells the server to end a connection. A server that waits for a lock does not notice that its client has left, and
   * would keep the transaction's locks while it waits.
   */
  async #killThread({ id, port }: MysqlThread): Promise<void> {
    const lease = await this.acquire();
    this.#killers.add(lease.connection);
    lease.connection.until = performance.now() + this.#options.timeout;
    try {
      // Behind a balancer this may be another server, where the number belongs to somebody else's connection.
      const { rows } = await lease.connection.query(
        "select id from information_schema.processlist where id = ? and substring_index(host, ':', -1) = ?",
        [id, port],
      );
      for (const [found] of rows) {
        await lease.connection.command(`KILL ${Number(found)}`);
      }
    } finally {
      lease.release();
    }
  }
}

/** The connection of a caller's transaction, used by one operation after another. */
export class SingleConnection implements ServerConnections<MysqlConnection> {
  readonly inTransaction = true;
  readonly isCallers = true;
  readonly wait = { milliseconds: Number.POSITIVE_INFINITY, expired: stillAtWork };
  readonly #connection: Connection;
  readonly #options: MysqlConnectionOptions;

  constructor(connection: Connection, options: MysqlConnectionOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  async acquire(): Promise<Lease<MysqlConnection>> {
    const connection = new MysqlConnection(this.#connection, this.#options);
    const done = await takeTurn(connection.identity);
    const release = (): void => {
      if (connection.isGivenUp) {
        cutOff(this.#connection);
      }
      done();
    };
    return { connection, release };
  }

  async close(): Promise<void> {}
}

function stillAtWork(): never {
  throw new DatabaseBusyError("The connection is still at work for earlier calls.");
}

/** A connection as its server identifies it. */
interface MysqlThread {
  readonly id: number;
  /** The client's port; "localhost" for a socket of the machine. */
  readonly port: string;
}

function threadOf(connection: Connection): MysqlThread {
  return { id: connection.threadId, port: String(socketOf(connection)?.localPort ?? "localhost") };
}

/**
 * Closes a connection at once. The driver's own destroy() closes only its half of the socket: it would still read the
 * server's farewell and print a warning about it to the console.
 */
function cutOff(connection: Connection): void {
  connection.destroy();
  socketOf(connection)?.destroy?.();
}

interface Socket {
  readonly localPort?: number;
  destroy?(): void;
}

/** The socket beneath a connection, including one from a pool. */
function socketOf(connection: Connection): Socket | undefined {
  return (connection as { readonly connection?: { readonly stream?: Socket } }).connection?.stream;
}
