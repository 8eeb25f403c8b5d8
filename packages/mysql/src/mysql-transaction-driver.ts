import { InvalidArgumentError } from "@sessiondb/core";
import type { Signal } from "@sessiondb/core/adapter";
import { runAsync, type ClassifiedError, type FoundSchema, type SqlDriver, type Work } from "@sessiondb/drizzle";
import type { Connection } from "mysql2/promise";
import { HiddenTables } from "./hidden-tables.ts";
import { MysqlConnection, status, type ServerLimits } from "./mysql-connection.ts";
import { classifyMysqlError } from "./mysql-errors.ts";
import { inspect, namesOf } from "./mysql-schema.ts";
import { checkSettings } from "./mysql-settings.ts";

export interface MysqlTransactionOptions {
  readonly database: string | null;
  readonly sessionTable: string;
  /** For error messages: host and database. */
  readonly server: string;
  /** How long to wait for the answer to one statement, in milliseconds. */
  readonly timeout: number;
}

/** What was begun last on each connection: stores of one connection share its savepoint, and take turns. */
const lastOn = new WeakMap<object, Promise<unknown>>();

/**
 * The caller's connection, with the transaction that the caller began on it. Each write is a savepoint, so that one that
 * is refused, or whose signal aborts, leaves the transaction usable: a statement under way is waited for. Nothing is
 * retried: a deadlock has undone the caller's statements too.
 */
export class MysqlTransactionDriver implements SqlDriver {
  readonly patience = 0;
  readonly #on: MysqlConnection;
  readonly #options: MysqlTransactionOptions;
  #limits: ServerLimits | null = null;
  #names: readonly string[] = [];

  constructor(connection: Connection, options: MysqlTransactionOptions) {
    this.#on = new MysqlConnection(connection, { timeout: options.timeout, limits: () => this.#limits });
    this.#options = options;
  }

  read<Result>(work: Work<Result>, signal?: Signal): Promise<Result> {
    return this.#inTurn(() => runAsync(work(this.#on), signal), signal);
  }

  single<Result>(work: Work<Result>, signal?: Signal): Promise<Result> {
    return this.write(work, signal);
  }

  write<Result>(work: Work<Result>, signal?: Signal): Promise<Result> {
    return this.#inTurn(async () => {
      checkTransaction(await this.#on.command("SAVEPOINT sessiondb"));
      try {
        const result = await runAsync(work(this.#on), signal);
        await this.#on.command("RELEASE SAVEPOINT sessiondb");
        return result;
      } catch (error) {
        // After a deadlock there is no savepoint any more: the error of the write is the one that tells.
        await this.#on.command("ROLLBACK TO SAVEPOINT sessiondb").catch(() => null);
        throw error;
      }
    }, signal);
  }

  inspect(tables: readonly string[]): Promise<FoundSchema> {
    return this.#inTurn(async () => {
      await checkSettings(this.#on, "connection");
      await new HiddenTables({ database: this.#options.database, tables }).check(this.#on, "connection");
      checkTransaction(await this.#on.command("DO 0"));
      const { database, sessionTable } = this.#options;
      const { found, packetBytes } = await inspect(this.#on, { tables, database, sessionTable });
      this.#limits = { packetBytes };
      this.#names = namesOf(found);
      return found;
    });
  }

  async migrate(): Promise<void> {
    throw new InvalidArgumentError(
      "migrate",
      "called on the store itself, outside your transaction, which creating tables would commit",
    );
  }

  inCallersTransaction(): boolean {
    return true;
  }

  classify(error: unknown): ClassifiedError {
    return classifyMysqlError(error, { server: this.#options.server, names: this.#names });
  }

  async close(): Promise<void> {}

  /** One after the other: writes that overlapped would share the savepoint's name. */
  #inTurn<Result>(work: () => Promise<Result>, signal?: Signal): Promise<Result> {
    const result = (lastOn.get(this.#on.identity) ?? Promise.resolve()).then(() => {
      signal?.throwIfAborted();
      return work();
    });
    lastOn.set(
      this.#on.identity,
      result.catch(() => null),
    );
    return result;
  }
}

/** Outside a transaction there are no savepoints: each statement would commit by itself. */
function checkTransaction(flags: number): void {
  if ((flags & status.inTransaction) === 0 && (flags & status.autocommit) !== 0) {
    throw new InvalidArgumentError("connection", "in a transaction that you began and have not ended");
  }
}
