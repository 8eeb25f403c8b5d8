import { InvalidArgumentError } from "@sessiondb/core";
import type { Signal } from "@sessiondb/core/adapter";
import type { ClassifiedError, FoundSchema, SqlDriver, Work } from "@sessiondb/drizzle";
import type { Database } from "better-sqlite3";
import { connectionOf, openFile, type SqliteConnection, type SqliteFile } from "./sqlite-connection.ts";
import { classifySqliteError } from "./sqlite-errors.ts";

export interface SqliteDriverOptions extends SqliteFile {
  /** The caller's own connection, in place of `file`. It is never closed. */
  readonly client: Database | null;
  /** Whether all work happens in a transaction that the caller began on `client` and will end. */
  readonly inTransaction: boolean;
  /** The time to wait for locks, in milliseconds. */
  readonly busyTimeout: number;
  /** The names of the tables, for errors. */
  readonly names: readonly string[];
}

/**
 * One connection to one file. better-sqlite3 is synchronous: a transaction runs to its end before anything else does,
 * so a signal can abort only between two of them.
 */
export class SqliteDriver implements SqlDriver {
  readonly patience: number;
  readonly #options: SqliteDriverOptions;
  #connection: SqliteConnection | null = null;
  #isWal = false;

  constructor(options: SqliteDriverOptions) {
    this.#options = options;
    // In the caller's transaction, waiting for a lock would only hold its own locks longer.
    this.patience = options.inTransaction ? 0 : options.busyTimeout;
  }

  async read<Result>(work: Work<Result>, signal?: Signal): Promise<Result> {
    signal?.throwIfAborted();
    return this.#open().read(work);
  }

  async write<Result>(work: Work<Result>, signal?: Signal): Promise<Result> {
    signal?.throwIfAborted();
    return this.#openForWriting().write(work);
  }

  async inspect(tables: readonly string[]): Promise<FoundSchema> {
    return this.#open().inspect(tables);
  }

  async migrate(tables: readonly string[], plan: (found: FoundSchema) => string[]): Promise<void> {
    this.#openForWriting().migrate(tables, plan);
  }

  inCallersTransaction(): boolean {
    return this.#options.inTransaction;
  }

  classify(error: unknown): ClassifiedError {
    const { client, file, names } = this.#options;
    return classifySqliteError(error, { file: client?.name ?? file, isClient: client !== null, names });
  }

  async close(): Promise<void> {
    if (this.#options.client === null) {
      this.#connection?.client.close();
    }
    this.#connection = null;
  }

  #open(): SqliteConnection {
    const { client, inTransaction } = this.#options;
    if (client !== null && client.open && client.inTransaction !== inTransaction) {
      throw inTransaction
        ? new InvalidArgumentError("client", "in a transaction that you began and have not ended")
        : new InvalidArgumentError("client", "outside a transaction: to work in yours, use db.withTransaction(client)");
    }
    if (this.#connection === null) {
      this.#connection = client === null ? openFile(this.#options) : connectionOf(client);
    }
    return this.#connection;
  }

  /** Opens the file for writing. The file keeps its journal mode, so a store that only reads must not set it. */
  #openForWriting(): SqliteConnection {
    const connection = this.#open();
    if (!this.#isWal && this.#options.client === null && !this.#options.readonly) {
      connection.client.exec("pragma journal_mode = wal");
      this.#isWal = true;
    }
    return connection;
  }
}
