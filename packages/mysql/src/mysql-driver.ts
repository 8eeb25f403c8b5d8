import { DatabaseBusyError } from "@sessiondb/core";
import {
  runAsync,
  type ClassifiedError,
  type FoundSchema,
  type SqlConnection,
  type SqlDriver,
  type Steps,
} from "@sessiondb/drizzle";
import type { Pool, PoolConnection } from "mysql2/promise";
import { MysqlConnection, packetReserve, type ServerLimits } from "./mysql-connection.ts";
import type { FoundMysqlSchema } from "./mysql-dialect.ts";
import { classifyMysqlError } from "./mysql-errors.ts";
import { within } from "./within.ts";
import { inspect, migrate } from "./mysql-schema.ts";
import { checkSettings } from "./mysql-settings.ts";

export interface MysqlPool {
  readonly pool: Pool;
  /** Whether this store opened the pool, and so set up its connections and will close it. */
  readonly owned: boolean;
}

export interface MysqlDriverOptions {
  /** Called once, at the first use. */
  readonly open: () => MysqlPool;
  /** The database of the tables; null for the one that connections are set to. */
  readonly database: string | null;
  /** For error messages: host and database. */
  readonly server: string;
  /** How long to wait for locks and to retry, in milliseconds. */
  readonly patience: number;
  /** How long to wait for a connection, in milliseconds. */
  readonly connectionTimeout: number;
  /** How long to wait for the answer to one statement, in milliseconds. */
  readonly statementTimeout: number;
}

type Work<Result> = (connection: SqlConnection) => Steps<Result>;

/** How long closing waits for the server to take leave. */
const closeTimeout = 2000;

/** A pool of connections to one server. */
export class MysqlDriver implements SqlDriver {
  readonly patience: number;
  readonly #options: MysqlDriverOptions;
  #opened: MysqlPool | null = null;
  #limits: ServerLimits | null = null;
  /** Errors of connections that were lost while they committed. */
  readonly #uncertain = new WeakSet<object>();

  constructor(options: MysqlDriverOptions) {
    this.#options = options;
    this.patience = options.patience;
  }

  /** The largest JSON document that the server takes; known after the first use. */
  get payloadBytes(): number {
    return (this.#limits?.packetBytes ?? Number.POSITIVE_INFINITY) - packetReserve;
  }

  read<Result>(work: Work<Result>): Promise<Result> {
    return this.#use((on) => runAsync(work(on)));
  }

  write<Result>(work: Work<Result>): Promise<Result> {
    return this.#use(async (on) => {
      if (!this.#pool().owned) {
        // Connections of this store are set to it. Under a stricter level writers to neighbouring sessions deadlock.
        await on.command("SET TRANSACTION ISOLATION LEVEL READ COMMITTED");
      }
      await on.command("START TRANSACTION");
      let result: Result;
      try {
        result = await runAsync(work(on));
      } catch (error) {
        if (!on.broken) {
          // Whatever becomes of it, the error of the work is the one that tells; a broken connection is not used again.
          await on.command("ROLLBACK").catch(() => null);
        }
        throw error;
      }
      await this.#commit(on);
      return result;
    });
  }

  async #commit(on: MysqlConnection): Promise<void> {
    try {
      await on.command("COMMIT");
    } catch (error) {
      if (on.broken && typeof error === "object" && error !== null) {
        this.#uncertain.add(error);
      }
      throw error;
    }
  }

  single<Result>(work: Work<Result>): Promise<Result> {
    return this.read(work);
  }

  async inspect(tables: readonly string[]): Promise<FoundSchema> {
    const { database } = this.#options;
    const { found, packetBytes } = await this.#use((on) => inspect(on, { tables, database }));
    this.#limits = { packetBytes };
    return found;
  }

  migrate(tables: readonly string[], plan: (found: FoundMysqlSchema) => string[]): Promise<void> {
    const { database, patience, server } = this.#options;
    return this.#use((on) => migrate(on, { tables, database }, { plan, patience, server }));
  }

  classify(error: unknown): ClassifiedError {
    const classified = classifyMysqlError(error, this.#options.server);
    return { ...classified, outcomeUnknown: typeof error === "object" && error !== null && this.#uncertain.has(error) };
  }

  async close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = null;
    if (opened?.owned === true) {
      // A connection that was cut unnoticed never says goodbye.
      await within(opened.pool.end(), closeTimeout, () => null);
    }
  }

  #pool(): MysqlPool {
    this.#opened ??= this.#options.open();
    return this.#opened;
  }

  async #use<Result>(work: (on: MysqlConnection) => Promise<Result>): Promise<Result> {
    const connection = await this.#acquire();
    const { statementTimeout: timeout } = this.#options;
    const on = new MysqlConnection(connection, { timeout, limits: () => this.#limits });
    try {
      if (!this.#pool().owned) {
        await checkSettings(on, "pool");
      }
      return await work(on);
    } finally {
      if (on.broken) {
        connection.destroy();
      } else {
        connection.release();
      }
    }
  }

  async #acquire(): Promise<PoolConnection> {
    const acquiring = this.#pool().pool.getConnection();
    const { connectionTimeout, server } = this.#options;
    return within(acquiring, connectionTimeout, () => {
      acquiring.then(
        (connection) => connection.release(),
        () => null,
      );
      throw new DatabaseBusyError(
        `No connection to ${server} became free within ${connectionTimeout} ms: the pool's are all in use.`,
      );
    });
  }
}
