import {
  InvalidArgumentError,
  SchemaMismatchError,
  type CallOptions,
  type SchemaProblem,
  type SessionDb,
  type UserSessionDb,
} from "@sessiondb/core";
import { checkFlag, checkKeys, storeOf, type Signal } from "@sessiondb/core/adapter";
import { getTableColumns, getTableName, type Column, type Table } from "drizzle-orm";
import { longestName } from "./names.ts";
import { callOutWork, withRetry } from "./retry.ts";
import { applyPlan, schemaProblems, tableAdvice } from "./schema-manager.ts";
import type { DialectName, FoundSchema, SqlDialect } from "./sql-dialect.ts";
import type { SqlDriver, Work } from "./sql-driver.ts";
import { untilAborted } from "./until-aborted.ts";

/** Drizzle tables of another package, made for the dialect of a store. */
export interface FurtherTablesOptions {
  /**
   * Makes the tables, in the order in which they can be created. `sessions` is the store's own table, for a foreign key: rows
   * that belong to a session name it with `onDelete("cascade")`, or are cleared by `clearedWithSession`. Columns with their
   * defaults, keys, unique constraints, foreign keys and indexes are created; checks and generated columns are not.
   */
  readonly tables: (dialect: DialectName, sessions: SqlDialect["tables"]["sessions"]) => readonly Table[];
  /** The columns that name a session where no foreign key does: their rows go when the store deletes the session. */
  readonly clearedWithSession?: (tables: readonly Table[]) => readonly Column[];
}

/** What further tables use of their store. */
export interface TablesHost {
  readonly driver: SqlDriver;
  readonly dialect: SqlDialect;
  readonly autoMigrate: boolean;
  /** Makes sure of the store's own tables. */
  readonly ready: () => Promise<void>;
  readonly perform: <Result>(options: unknown, operation: (signal: Signal) => Promise<Result>) => Promise<Result>;
  /** `perform` for what a signal ends the wait for, and cannot interrupt. */
  readonly managed: <Result>(options: CallOptions, operation: () => Promise<Result>) => Promise<Result>;
}

/**
 * Tables of another package beside those of a store: created under the store's migration lock, read and written on its
 * connections, with its retries and in its transactions. They follow the store's `autoMigrate`, and close with it.
 */
export class FurtherTables {
  /** The tables made for the store's dialect, in the order in which they were given. */
  readonly tables: readonly Table[];
  /** The columns whose rows go with their session, see `clearedWithSession`. */
  readonly cleared: readonly Column[];
  readonly #host: TablesHost;
  #ready: Promise<void> | null = null;

  constructor(options: FurtherTablesOptions, host: TablesHost) {
    checkKeys(options, "options", ["tables", "clearedWithSession"]);
    this.#host = host;
    this.tables = options.tables(host.dialect.name, host.dialect.tables.sessions);
    this.cleared = options.clearedWithSession?.(this.tables) ?? [];
    checkNames(this.tables, Object.values(host.dialect.names));
  }

  /** The dialect that the tables were made for; `render` turns Drizzle's SQL into text. */
  get dialect(): SqlDialect {
    return this.#host.dialect;
  }

  /**
   * Runs statements that only read. A signal that aborts rejects with its reason, and what the work itself throws, as
   * opposed to its statements, reaches the caller as it is.
   */
  read<Result>(work: Work<Result>, options: CallOptions = {}): Promise<Result> {
    const { driver, perform } = this.#host;
    return perform(options, async (signal) => {
      checkKeys(options, "options", ["signal"]);
      await untilAborted(this.#isReady(), signal);
      return withRetry(() => driver.read(callOutWork(work), signal), driver, { signal });
    });
  }

  /**
   * Runs statements in one transaction, and again when it fails in a way that passes. Work that is not `repeatable`, such
   * as counting up, is not run again once it may have been committed. Default: it is not.
   */
  write<Result>(work: Work<Result>, options: CallOptions & { repeatable?: boolean } = {}): Promise<Result> {
    const { driver, perform } = this.#host;
    return perform(options, async (signal) => {
      checkKeys(options, "options", ["repeatable", "signal"]);
      const repeatable = checkFlag(options.repeatable, "options.repeatable", false);
      await untilAborted(this.#isReady(), signal);
      return withRetry(() => driver.write(callOutWork(work), signal), driver, { repeatable, signal });
    });
  }

  /** Creates the tables and indexes that are missing, under the lock of the store's own migration. */
  migrate(options: CallOptions = {}): Promise<void> {
    const migrate = async (): Promise<void> => {
      await this.#host.ready();
      await this.#create({ indexes: true });
      this.#ready = null;
    };
    return this.#host.managed(options, migrate);
  }

  /** The statements that `migrate` would run; empty when there is nothing to do. */
  planMigration(options: CallOptions = {}): Promise<readonly string[]> {
    const plan = async (): Promise<string[]> => this.#plan(await this.#inspect(), { indexes: true });
    return this.#host.managed(options, plan);
  }

  /** How the tables found differ from the tables needed; empty when they are right. */
  verifySchema(options: CallOptions = {}): Promise<readonly SchemaProblem[]> {
    return this.#host.managed(options, () => this.#problems());
  }

  #isReady(): Promise<void> {
    const ready = this.#ready ?? this.#prepare();
    // Tables that the caller may still roll back, and failures, are not remembered.
    this.#ready = this.#host.driver.inCallersTransaction?.() === true ? null : ready;
    ready.catch(() => {
      this.#ready = null;
    });
    return ready;
  }

  async #prepare(): Promise<void> {
    await this.#host.ready();
    let absent = await this.#absent();
    // Beside a table that lacks a column, which nothing here can add, no other table is made.
    if (this.#host.autoMigrate && absent.length > 0 && absent.every(({ column }) => column === null)) {
      await this.#create({ indexes: false });
      absent = await this.#absent();
    }
    if (absent.length > 0) {
      const isTables = absent.every(({ column }) => column === null);
      throw new SchemaMismatchError(absent, isTables ? tableAdvice : "Add what is missing.");
    }
  }

  /** What is missing, as opposed to there but different. */
  async #absent(): Promise<SchemaProblem[]> {
    return (await this.#problems()).filter(({ found }) => found === "nothing");
  }

  async #problems(): Promise<SchemaProblem[]> {
    return schemaProblems(this.tables, await this.#inspect(), this.#host.dialect);
  }

  #inspect(): Promise<FoundSchema> {
    const { driver } = this.#host;
    return withRetry(() => driver.inspect(this.#names), driver);
  }

  #create(choice: { readonly indexes: boolean }): Promise<void> {
    return applyPlan(this.#host.driver, this.#names, (found) => this.#plan(found, choice));
  }

  #plan(found: FoundSchema, { indexes }: { readonly indexes: boolean }): string[] {
    return this.#host.dialect.plan(found, { indexes, further: this.tables });
  }

  get #names(): string[] {
    // The store's tables too: what is created follows their collation.
    return [...Object.values(this.#host.dialect.names), ...this.tables.map((table) => getTableName(table))];
  }
}

/**
 * Refuses names that a database would cut, so that the table would not be found again, and those that are taken. Names of
 * indexes are shortened where they are used.
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
          `tables and columns with names of 1 to ${longestName} bytes, unlike ${JSON.stringify(each)}`,
        );
      }
    }
    if (taken.has(name.toLowerCase())) {
      throw new InvalidArgumentError(
        "options.tables",
        `tables of different names, and none of the store's own, unlike ${JSON.stringify(name)}`,
      );
    }
    taken.add(name.toLowerCase());
  }
}

/** A store that keeps further tables. */
interface TablesKeeper {
  furtherTables(options: FurtherTablesOptions): FurtherTables;
}

/**
 * Keeps tables of another package beside those of a store. Given the handle of a user, `userId` names that user: the
 * tables know no users, so what is read and written for the handle must be confined to it by the package.
 *
 * @throws InvalidArgumentError for a store without SQL tables.
 */
export function furtherTables(
  db: SessionDb | UserSessionDb,
  options: FurtherTablesOptions,
): { readonly tables: FurtherTables; readonly userId: string | null } {
  const { db: store, userId } = storeOf(db);
  if (!("furtherTables" in store) || typeof store.furtherTables !== "function") {
    throw new InvalidArgumentError("db", "a store of an SQL database, or the handle of one for a user");
  }
  return { tables: (store as unknown as TablesKeeper).furtherTables(options), userId };
}
