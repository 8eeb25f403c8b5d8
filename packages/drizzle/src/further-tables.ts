import {
  InvalidArgumentError,
  type CallOptions,
  type SchemaProblem,
  type SessionDb,
  type UserSessionDb,
} from "@sessiondb/core";
import { checkFlag, checkKeys, storeOf, untilAborted, type Signal } from "@sessiondb/core/adapter";
import { getTableColumns, getTableName, type Column, type Table } from "drizzle-orm";
import { longestName } from "./names.ts";
import { callOutWork, withRetry } from "./retry.ts";
import type { DialectName, SqlDialect } from "./sql-dialect.ts";
import type { SqlDriver, Work } from "./sql-driver.ts";
import { TableManager } from "./table-manager.ts";

/** Drizzle tables of another package, made for a store's dialect. */
export interface FurtherTablesOptions {
  /**
   * Makes the tables, in an order in which they can be created. `sessions` is the store's own table, for a foreign key:
   * rows of a session reference it with `onDelete("cascade")`, or are cleared by `clearedWithSession`. Columns with
   * their defaults, keys, unique constraints, foreign keys and indexes are created; checks and generated columns are
   * not.
   */
  readonly tables: (dialect: DialectName, sessions: SqlDialect["tables"]["sessions"]) => readonly Table[];
  /** Returns the columns that name a session without a foreign key: their rows are deleted with the session. */
  readonly clearedWithSession?: (tables: readonly Table[]) => readonly Column[];
}

/** The parts of their store that further tables use. */
export interface TablesHost {
  readonly driver: SqlDriver;
  readonly dialect: SqlDialect;
  readonly autoMigrate: boolean;
  /** Makes sure that the store's own tables exist. */
  readonly ready: () => Promise<void>;
  readonly perform: <Result>(
    method: string,
    options: unknown,
    operation: (signal: Signal) => Promise<Result>,
  ) => Promise<Result>;
  /** Like `perform`, but a signal only ends the wait and cannot interrupt the operation. */
  readonly managed: <Result>(method: string, options: CallOptions, operation: () => Promise<Result>) => Promise<Result>;
}

/**
 * Another package's tables beside those of a store: created under the store's migration lock, read and written on its
 * connections, with its retries and in its transactions. They follow the store's `autoMigrate`, and close with it.
 */
export class FurtherTables {
  /** The tables made for the store's dialect, in the order given. */
  readonly tables: readonly Table[];
  /** The columns whose rows are deleted with their session, see `clearedWithSession`. */
  readonly cleared: readonly Column[];
  readonly #host: TablesHost;
  readonly #managed: TableManager;

  constructor(options: FurtherTablesOptions, host: TablesHost) {
    checkKeys(options, "options", ["tables", "clearedWithSession"]);
    this.#host = host;
    this.tables = options.tables(host.dialect.name, host.dialect.tables.sessions);
    this.cleared = options.clearedWithSession?.(this.tables) ?? [];
    const { names, memory } = host.dialect;
    checkNames(this.tables, [...Object.values(names), ...Object.values(memory.names)]);
    const { driver, dialect, autoMigrate, ready } = host;
    this.#managed = new TableManager({ driver, dialect, autoMigrate, ready, tables: this.tables });
  }

  /** The dialect that the tables were made for; `render` turns Drizzle's SQL into text. */
  get dialect(): SqlDialect {
    return this.#host.dialect;
  }

  /**
   * Runs statements that only read. Rejects with the reason of a signal that aborts. Errors thrown by the work itself,
   * as opposed to its statements, reach the caller unchanged.
   */
  read<Result>(work: Work<Result>, options: CallOptions = {}): Promise<Result> {
    const { driver, perform } = this.#host;
    return perform("furtherTables.read", options, async (signal) => {
      checkKeys(options, "options", ["signal"]);
      const since = performance.now();
      await untilAborted(this.#managed.isReady(), signal);
      return withRetry((until) => driver.read(callOutWork(work), signal, until), driver, { signal, since });
    });
  }

  /**
   * Runs statements in one transaction, and repeats it after a transient failure. Work that is not `repeatable`, such
   * as incrementing a counter, is not repeated once it may have been committed. Default: not repeatable.
   */
  write<Result>(work: Work<Result>, options: CallOptions & { repeatable?: boolean } = {}): Promise<Result> {
    const { driver, perform } = this.#host;
    return perform("furtherTables.write", options, async (signal) => {
      checkKeys(options, "options", ["repeatable", "signal"]);
      const repeatable = checkFlag(options.repeatable, "options.repeatable", false);
      const since = performance.now();
      await untilAborted(this.#managed.isReady(), signal);
      const run = (until: number) => driver.write(callOutWork(work), signal, until);
      return withRetry(run, driver, { repeatable, signal, since });
    });
  }

  /** Creates missing tables and indexes, under the lock of the store's own migration. */
  migrate(options: CallOptions = {}): Promise<void> {
    return this.#host.managed("furtherTables.migrate", options, () => this.#managed.migrate());
  }

  /** The statements that `migrate` would run; empty if there is nothing to do. */
  planMigration(options: CallOptions = {}): Promise<readonly string[]> {
    return this.#host.managed("furtherTables.planMigration", options, () => this.#managed.plan());
  }

  /** The differences between the tables found and the tables needed; empty if there are none. */
  verifySchema(options: CallOptions = {}): Promise<readonly SchemaProblem[]> {
    return this.#host.managed("furtherTables.verifySchema", options, () => this.#managed.problems());
  }
}

/**
 * Refuses names that are taken, and those that a database would truncate, so that the table would not be found again.
 * Names of indexes are shortened where they are used.
 */
function checkNames(tables: readonly Table[], own: readonly string[]): void {
  const taken = new Set(own.map((name) => name.toLowerCase()));
  for (const table of tables) {
    const name = getTableName(table);
    const columns = Object.values<Column>(getTableColumns(table)).map((column) => column.name);
    for (const each of [name, ...columns]) {
      if (each === "" || Buffer.byteLength(each) > longestName) {
        throw new InvalidArgumentError(
          "options.tables",
          `tables and columns with names of 1 to ${longestName} bytes, not ${JSON.stringify(each)}`,
        );
      }
    }
    if (taken.has(name.toLowerCase())) {
      throw new InvalidArgumentError(
        "options.tables",
        `tables with names that no other table of the store has, not ${JSON.stringify(name)}`,
      );
    }
    taken.add(name.toLowerCase());
  }
}

/** A store that can keep further tables. */
interface TablesKeeper {
  furtherTables(options: FurtherTablesOptions): FurtherTables;
}

/**
 * Keeps another package's tables beside those of a store. For the handle of a user, `userId` names that user: the
 * tables know no users, so the package must confine its reads and writes to that user.
 *
 * @throws InvalidArgumentError for a store without SQL tables.
 */
export function furtherTables(
  db: SessionDb | UserSessionDb,
  options: FurtherTablesOptions,
): { readonly tables: FurtherTables; readonly userId: string | null } {
  const { db: store, userId } = storeOf(db);
  if (!("furtherTables" in store) || typeof store.furtherTables !== "function") {
    throw new InvalidArgumentError("db", "the store of an SQL database, or a user's handle to one");
  }
  return { tables: (store as unknown as TablesKeeper).furtherTables(options), userId };
}
