import { InvalidArgumentError } from "@sessiondb/core";
import type { Signal } from "@sessiondb/core/adapter";
import {
  runSync,
  type ClassifiedError,
  type FoundSchema,
  type SqlConnection,
  type SqlDriver,
  type Statement,
  type StatementResult,
  type Work,
} from "@sessiondb/drizzle";
import Database from "better-sqlite3";
import { nameContains, nameFunction } from "./sqlite-dialect.ts";
import { classifySqliteError } from "./sqlite-errors.ts";

export interface SqliteDriverOptions {
  /** A path, or `:memory:`. */
  readonly file: string;
  /** The caller's own connection, in place of `file`. It is never closed. */
  readonly client: Database.Database | null;
  /** Whether all happens in a transaction that the caller began on `client`, and ends. */
  readonly inTransaction: boolean;
  readonly readonly: boolean;
  readonly synchronous: "full" | "normal";
  /** Milliseconds. */
  readonly busyTimeout: number;
}

/** SQLite's own waiting for a lock blocks the thread, once for each call under way. All waiting is in `withRetry`, which does not. */
const blockingTimeout = 0;

/**
 * One connection to one file. better-sqlite3 is synchronous: a transaction runs to its end before anything else does, so a
 * signal can abort between two of them alone.
 */
export class SqliteDriver implements SqlDriver {
  readonly patience: number;
  readonly #options: SqliteDriverOptions;
  #connection: SqliteConnection | null = null;
  #isWal = false;

  constructor(options: SqliteDriverOptions) {
    this.#options = options;
    // Waiting for a lock in the caller's transaction would only hold its own locks for longer.
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

  single<Result>(work: Work<Result>, signal?: Signal): Promise<Result> {
    return this.write(work, signal);
  }

  async inspect(tables: readonly string[]): Promise<FoundSchema> {
    return this.#open().inspect(tables);
  }

  async migrate(tables: readonly string[], plan: (found: FoundSchema) => string[]): Promise<void> {
    if (this.#options.inTransaction) {
      throw new InvalidArgumentError("migrate", "called on the store itself, outside your transaction");
    }
    this.#openForWriting().migrate(tables, plan);
  }

  inCallersTransaction(): boolean {
    return this.#options.inTransaction;
  }

  classify(error: unknown): ClassifiedError {
    return classifySqliteError(error, this.#options.client?.name ?? this.#options.file);
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
    this.#connection ??= new SqliteConnection(client ?? openFile(this.#options));
    return this.#connection;
  }

  /** The file keeps its journal mode, so a store that only reads must not set it. */
  #openForWriting(): SqliteConnection {
    const connection = this.#open();
    if (!this.#isWal && this.#options.client === null && !this.#options.readonly) {
      connection.client.pragma("journal_mode = wal");
      this.#isWal = true;
    }
    return connection;
  }
}

function openFile({ file, readonly, synchronous }: SqliteDriverOptions): Database.Database {
  const client = new Database(file, { readonly, timeout: blockingTimeout });
  try {
    // better-sqlite3 is built with NORMAL for WAL, which can lose acknowledged commits to a power cut.
    client.pragma(`synchronous = ${synchronous}`);
    client.pragma("foreign_keys = on");
    return client;
  } catch (error) {
    client.close();
    throw error;
  }
}

class SqliteConnection implements SqlConnection {
  readonly client: Database.Database;
  // Held for the life of the connection: finalising a statement during garbage collection crashes some Node versions. By
  // text, since a package may make its statements anew for each request.
  readonly #prepared = new Map<string, Database.Statement>();
  readonly #transaction: Database.Transaction<(work: Work<unknown>) => unknown>;

  constructor(client: Database.Database) {
    this.client = client;
    client.function(nameFunction, { deterministic: true }, nameContains);
    this.#transaction = client.transaction((work) => runSync(work(this)));
  }

  execute(statement: Statement<never>, values: unknown[]): StatementResult {
    let prepared = this.#prepared.get(statement.text);
    if (prepared === undefined) {
      // A client may be set to give every integer as a bigint; the rows here have none that large.
      prepared = this.client.prepare(statement.text).safeIntegers(false);
      if (prepared.reader) {
        prepared.raw();
      }
      this.#prepared.set(statement.text, prepared);
    }
    return prepared.reader
      ? { rows: prepared.all(values) as unknown[][], affected: 0 }
      : { rows: [], affected: prepared.run(values).changes };
  }

  read<Result>(work: Work<Result>): Result {
    return this.#transaction.deferred(work) as Result;
  }

  /** In a transaction that the caller began, this is a savepoint of it. */
  write<Result>(work: Work<Result>): Result {
    return this.#transaction.immediate(work) as Result;
  }

  inspect(names: readonly string[]): FoundSchema {
    const found = this.client
      .prepare<string[], [table: string, kind: string, name: string, type: string]>(
        `select m.name, 'column', c.name, c.type from sqlite_master as m join pragma_table_info(m.name) as c
         where m.type = 'table' and m.name in (${marks(names)})
         union all select m.tbl_name, 'index', m.name, '' from sqlite_master as m
         where m.type = 'index' and m.tbl_name in (${marks(names)})`,
      )
      .raw()
      .all(...names, ...names);
    const tables = new Map<string, Map<string, string>>();
    const indexes = new Set<string>();
    for (const [table, kind, name, type] of found) {
      if (kind === "index") {
        indexes.add(name);
      } else {
        const columns = tables.get(table) ?? new Map<string, string>();
        tables.set(table, columns.set(name, type));
      }
    }
    return { tables, indexes };
  }

  migrate(tables: readonly string[], plan: (found: FoundSchema) => string[]): void {
    this.client
      .transaction(() => {
        // Looked at under the lock: of processes that start together, the first creates and the others find it done.
        for (const statement of plan(this.inspect(tables))) {
          this.client.exec(statement);
        }
      })
      .immediate();
  }
}

function marks(names: readonly string[]): string {
  return names.map(() => "?").join(", ");
}
