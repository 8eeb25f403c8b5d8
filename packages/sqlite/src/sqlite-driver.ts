import { InvalidArgumentError } from "@sessiondb/core";
import type { Signal } from "@sessiondb/core/adapter";
import type { ClassifiedError, FoundSchema, SqlDriver, UseOptions, Work } from "@sessiondb/drizzle";
import type { Database } from "better-sqlite3";
import { connectionOf, openFile, type SqliteConnection, type SqliteFile } from "./sqlite-connection.ts";
import { classifySqliteError } from "./sqlite-errors.ts";
import { SqliteLines } from "./sqlite-lines.ts";

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

const reads = new SqliteLines({ locks: false });
const writes = new SqliteLines({ locks: true });

/**
 * One connection to one file. better-sqlite3 is synchronous: a transaction runs to its end before anything else does,
 * so a signal can abort only between two of them.
 */
export class SqliteDriver implements SqlDriver {
  readonly patience: number;
  /** The work of a call has no bound, since it cannot be interrupted; its waits for locks have one for all of them. */
  readonly limit: number;
  readonly #options: SqliteDriverOptions;
  #connection: SqliteConnection | null = null;
  #isWal = false;

  constructor(options: SqliteDriverOptions) {
    this.#options = options;
    // In the caller's transaction, waiting for a lock would only hold its own locks longer.
    this.patience = options.inTransaction ? 0 : options.busyTimeout;
    this.limit = this.patience;
  }

  read<Result>(work: Work<Result>, signal?: Signal, until?: number): Promise<Result> {
    return this.#run(reads, () => this.#open().read(work), { signal, until });
  }

  readOne<Result>(work: Work<Result>, signal?: Signal, until?: number): Promise<Result> {
    return this.#run(reads, () => this.#open().readOne(work), { signal, until });
  }

  write<Result>(work: Work<Result>, signal?: Signal, until?: number): Promise<Result> {
    return this.#run(writes, () => this.#openForWriting().write(work), { signal, until });
  }

  inspect(tables: readonly string[], until?: number): Promise<FoundSchema> {
    return this.#run(reads, () => this.#open().inspect(tables), { until });
  }

  migrate(tables: readonly string[], plan: (found: FoundSchema) => string[], until?: number): Promise<void> {
    return this.#run(writes, () => this.#openForWriting().migrate(tables, plan), { until });
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

  /** In the caller's transaction nothing else may come between, so the event loop gets no turn. */
  async #run<Result>(
    lines: SqliteLines,
    work: () => Result,
    { signal, until = performance.now() + this.limit }: UseOptions,
  ): Promise<Result> {
    const { client, file, inTransaction } = this.#options;
    if (inTransaction) {
      signal?.throwIfAborted();
      return work();
    }
    return lines.run(work, { file: client?.name ?? file, waits: this.patience > 0, until, signal });
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
