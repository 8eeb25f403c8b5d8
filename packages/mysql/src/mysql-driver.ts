import { DatabaseBusyError } from "@sessiondb/core";
import type { Signal } from "@sessiondb/core/adapter";
import {
  runAsync,
  untilAborted,
  type ClassifiedError,
  type FoundSchema,
  type SqlDriver,
  type Work,
} from "@sessiondb/drizzle";
import type { Pool, PoolConnection } from "mysql2/promise";
import { HiddenTables } from "./hidden-tables.ts";
import { MysqlConnection, packetReserve, type ServerLimits } from "./mysql-connection.ts";
import type { FoundMysqlSchema } from "./mysql-dialect.ts";
import { classifyMysqlError, leavesCommitOpen, type MysqlPlace } from "./mysql-errors.ts";
import { within } from "./within.ts";
import { inspect, migrate, namesOf } from "./mysql-schema.ts";
import { checkSettings, setUp } from "./mysql-settings.ts";
import { cutOff, endThread, threadOf, type MysqlThread } from "./mysql-thread.ts";

export interface MysqlPool {
  readonly pool: Pool;
  /** Whether this store opened the pool, and so set up its connections and will close it. */
  readonly owned: boolean;
  /** Whether the pool resets what a connection is set to when it is given back. */
  readonly isReset: boolean;
}

export interface MysqlDriverOptions {
  /** Called once, at the first use. */
  readonly open: () => MysqlPool;
  /** The database of the tables; null for the one that connections are set to. */
  readonly database: string | null;
  readonly sessionTable: string;
  /** The names of all tables, for error messages until more of them is known. */
  readonly tables: readonly string[];
  /** For error messages: host and database. */
  readonly server: string;
  /** How long to wait for locks and to retry, in milliseconds. */
  readonly patience: number;
  /** How long to wait for a connection, in milliseconds. */
  readonly connectionTimeout: number;
  /** How long to wait for the answer to one statement, in milliseconds. */
  readonly statementTimeout: number;
}

/** How long closing waits for the server to take leave. */
const closeTimeout = 2000;

/**
 * A pool of connections to one server. Work whose signal aborts while a statement runs gives its connection up, and the
 * server is told to end it: so what the transaction did is undone, and its locks are free.
 */
export class MysqlDriver implements SqlDriver {
  readonly patience: number;
  readonly #options: MysqlDriverOptions;
  readonly #hidden: HiddenTables;
  #opened: MysqlPool | null = null;
  #limits: ServerLimits | null = null;
  #names: readonly string[];
  /** The ends of connections that were given up. */
  readonly #ending = new Set<Promise<void>>();
  /** Errors of connections that were lost while they committed. */
  readonly #uncertain = new WeakSet<object>();

  constructor(options: MysqlDriverOptions) {
    this.#options = options;
    this.#names = options.tables;
    this.#hidden = new HiddenTables(options);
    this.patience = options.patience;
  }

  /** The largest JSON document that the server takes; known after the first use. */
  get maxPayloadBytes(): number {
    return (this.#limits?.packetBytes ?? Number.POSITIVE_INFINITY) - packetReserve;
  }

  read<Result>(work: Work<Result>, signal?: Signal): Promise<Result> {
    return this.#use((on) => runAsync(work(on), signal), signal);
  }

  single<Result>(work: Work<Result>, signal?: Signal): Promise<Result> {
    return this.write(work, signal);
  }

  write<Result>(work: Work<Result>, signal?: Signal): Promise<Result> {
    return this.#use(async (on) => {
      if (!this.#pool().owned) {
        // Connections of this store are set to it. Under a stricter level writers to neighbouring sessions deadlock.
        await on.command("SET TRANSACTION ISOLATION LEVEL READ COMMITTED");
      }
      await on.begin();
      let result: Result;
      try {
        result = await runAsync(work(on), signal);
      } catch (error) {
        if (!on.broken) {
          // Whatever becomes of it, the error of the work is the one that tells; a broken connection is not used again.
          await on.end("ROLLBACK").catch(() => null);
        }
        throw error;
      }
      await this.#commit(on);
      return result;
    }, signal);
  }

  async #commit(on: MysqlConnection): Promise<void> {
    try {
      await on.end("COMMIT");
    } catch (error) {
      if ((on.broken || leavesCommitOpen(error)) && typeof error === "object" && error !== null) {
        this.#uncertain.add(error);
      }
      throw error;
    }
  }

  async inspect(tables: readonly string[]): Promise<FoundSchema> {
    const { database, sessionTable } = this.#options;
    const { found, packetBytes } = await this.#use((on) => inspect(on, { tables, database, sessionTable }));
    this.#limits = { packetBytes };
    this.#names = namesOf(found);
    return found;
  }

  migrate(tables: readonly string[], plan: (found: FoundMysqlSchema) => string[]): Promise<void> {
    const { database, sessionTable, patience } = this.#options;
    return this.#use((on) => migrate(on, { tables, database, sessionTable }, { plan, patience, place: this.#place() }));
  }

  classify(error: unknown): ClassifiedError {
    const classified = classifyMysqlError(error, this.#place());
    const uncertain = typeof error === "object" && error !== null && this.#uncertain.has(error);
    return { ...classified, outcomeUnknown: classified.outcomeUnknown === true || uncertain };
  }

  #place(): MysqlPlace {
    return { server: this.#options.server, names: this.#names };
  }

  async close(): Promise<void> {
    await within(Promise.all(this.#ending), closeTimeout, () => null);
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

  async #use<Result>(work: (on: MysqlConnection) => Promise<Result>, signal?: Signal): Promise<Result> {
    const connection = await this.#acquire(signal);
    const { statementTimeout: timeout } = this.#options;
    const on = new MysqlConnection(connection, { timeout, limits: () => this.#limits, signal });
    try {
      const { owned, isReset } = this.#pool();
      await (owned ? setUp(on, this.patience) : checkSettings(on, "pool", { isReset }));
      await this.#hidden.check(on, owned ? "url" : "pool");
      return await work(on);
    } finally {
      if (on.broken) {
        const thread = threadOf(connection);
        cutOff(connection);
        if (signal?.aborted === true) {
          this.#end(thread);
        }
      } else {
        connection.release();
      }
    }
  }

  /** Ends a connection at the server, in the background. If that fails, it ends once its statement does. */
  #end(thread: MysqlThread): void {
    const ending = this.#use((on) => endThread(on, thread))
      .catch(() => {})
      .finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }

  async #acquire(signal: Signal): Promise<PoolConnection> {
    signal?.throwIfAborted();
    const acquiring = this.#pool().pool.getConnection();
    const leave = (): void => {
      acquiring.then(
        (connection) => connection.release(),
        () => null,
      );
    };
    const { connectionTimeout, server } = this.#options;
    return within(untilAborted(acquiring, signal, leave), connectionTimeout, () => {
      leave();
      throw new DatabaseBusyError(
        `No connection to ${server} became free within ${connectionTimeout} ms: the pool's are all in use.`,
      );
    });
  }
}
