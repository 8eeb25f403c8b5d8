import { SchemaMismatchError, type SchemaProblem } from "@sessiondb/core";
import { getTableName, type Table } from "drizzle-orm";
import { withRetry } from "./retry.ts";
import { applyPlan, nothing, schemaProblems, tableAdvice } from "./schema-manager.ts";
import type { FoundSchema, SqlDialect } from "./sql-dialect.ts";
import type { SqlDriver } from "./sql-driver.ts";

export interface TableManagerOptions {
  readonly driver: SqlDriver;
  readonly dialect: SqlDialect;
  readonly autoMigrate: boolean;
  /** In an order in which they can be created. */
  readonly tables: readonly Table[];
  /** The tables among them that Agno has too, and whose version it records. Default: none. */
  readonly recorded?: readonly Table[];
  /** Makes sure that the tables exist to which these refer. */
  readonly ready?: () => Promise<void>;
}

/**
 * Tables beside those of sessions: created when they are first needed, under the lock of the store's own migration, if
 * the store creates tables at all.
 */
export class TableManager {
  readonly #options: TableManagerOptions;
  #ready: Promise<void> | null = null;

  constructor(options: TableManagerOptions) {
    this.#options = options;
  }

  /** Resolves once the tables are there. */
  isReady(): Promise<void> {
    const ready = this.#ready ?? this.#prepare();
    // The caller may still roll back these tables, so they are not remembered; nor are failures.
    this.#ready = this.#options.driver.inCallersTransaction?.() === true ? null : ready;
    ready.catch(() => {
      this.#ready = null;
    });
    return ready;
  }

  /** Creates missing tables and indexes. */
  async migrate(): Promise<void> {
    await this.#options.ready?.();
    await this.#create({ indexes: true }, null);
    this.#ready = null;
  }

  /** Returns the statements that `migrate` would run. */
  async plan(): Promise<string[]> {
    return this.#plan(await this.#inspect(), { indexes: true });
  }

  /** Returns the differences between the tables found and the tables needed. */
  async problems(since: number = performance.now()): Promise<SchemaProblem[]> {
    const { tables, dialect } = this.#options;
    const found = await this.#inspect(since);
    const own = new Set(tables.map((table) => getTableName(table)));
    const unfit = (found.unfit ?? []).filter(({ table }) => own.has(table));
    return [...schemaProblems(tables, found, dialect), ...unfit];
  }

  async #prepare(): Promise<void> {
    const since = performance.now();
    await this.#options.ready?.();
    let absent = await this.#faults(since);
    // If a table lacks a column, which nothing here can add, no other table is created.
    const areTables = absent.every(({ column, found }) => column === null && found === nothing);
    if (this.#options.autoMigrate && absent.length > 0 && areTables) {
      await this.#create({ indexes: false }, since);
      absent = await this.#faults(since);
    }
    if (absent.length > 0) {
      const isMissing = absent.every(({ column, found }) => column === null && found === nothing);
      throw new SchemaMismatchError(absent, isMissing ? tableAdvice : "Add what is missing, and change what is unfit.");
    }
  }

  /** The problems that prevent any use: what is missing, as opposed to different, and tables without transactions. */
  async #faults(since: number): Promise<SchemaProblem[]> {
    return (await this.problems(since)).filter(({ column, found }) => found === nothing || column === null);
  }

  #inspect(since = performance.now()): Promise<FoundSchema> {
    const { driver } = this.#options;
    return withRetry((until) => driver.inspect(this.#names, until), driver, { since });
  }

  #create(choice: { readonly indexes: boolean }, since: number | null): Promise<void> {
    return applyPlan(this.#options.driver, { tables: this.#names, since }, (found) => this.#plan(found, choice));
  }

  #plan(found: FoundSchema, { indexes }: { readonly indexes: boolean }): string[] {
    const { dialect, tables, recorded = [] } = this.#options;
    return dialect.plan(found, { indexes, further: tables, recorded });
  }

  get #names(): string[] {
    const { dialect, tables } = this.#options;
    // Includes the store's tables: new tables follow their collation.
    return [...Object.values(dialect.names), ...tables.map((table) => getTableName(table))];
  }
}
