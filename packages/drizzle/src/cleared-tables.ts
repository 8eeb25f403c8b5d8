import { SessionDbError } from "@sessiondb/core";
import type { Signal } from "@sessiondb/core/adapter";
import { getTableName, type Column } from "drizzle-orm";
import { withRetry } from "./retry.ts";
import type { SqlDriver } from "./sql-driver.ts";
import { untilAborted } from "./until-aborted.ts";

/** The one list of the tables that rows are cleared from with their session, by the column that names it. */
export class ClearedTables {
  readonly #own: Column;
  readonly #further: Map<string, Column>;
  readonly #driver: SqlDriver;
  /** Tables that were seen: one that a package has not created yet has no rows to clear. */
  readonly #seen = new Set<string>();

  constructor(own: Column, driver: SqlDriver, further?: ClearedTables) {
    this.#own = own;
    this.#driver = driver;
    // A store in the caller's transaction clears what the store itself clears.
    this.#further = further === undefined ? new Map<string, Column>() : further.#further;
  }

  /** Tables may be made anew for each request, so they are known by their names. */
  add(columns: readonly Column[]): void {
    for (const column of columns) {
      this.#further.set(`${getTableName(column.table)}.${column.name}`, column);
    }
  }

  /** Deletes with the columns of the tables that exist; without those that were dropped since they were seen. */
  async clearing<Result>(remove: (columns: Column[]) => Promise<Result>, signal: Signal): Promise<Result> {
    const columns = await untilAborted(this.#present(), signal);
    try {
      return await remove(columns);
    } catch (error) {
      // A transaction of the caller's may have failed as a whole, and was looked at for this delete alone.
      const isFinal = !SessionDbError.isInstance(error) || error.code !== "DATABASE_ERROR";
      if (isFinal || this.#driver.inCallersTransaction?.() === true) {
        throw error;
      }
      this.#seen.clear();
      const left = await untilAborted(this.#present(), signal);
      if (left.length === columns.length) {
        throw error;
      }
      return remove(left);
    }
  }

  /** The columns of the tables that exist, those of further tables first: they may name runs. */
  async #present(): Promise<Column[]> {
    const further = [...this.#further.values()];
    const unseen = further.map(({ table }) => getTableName(table)).filter((name) => !this.#seen.has(name));
    if (unseen.length > 0) {
      const { tables } = await withRetry(() => this.#driver.inspect([...new Set(unseen)]), this.#driver);
      for (const name of tables.keys()) {
        this.#seen.add(name);
      }
    }
    const columns = further.filter(({ table }) => this.#seen.has(getTableName(table))).toReversed();
    // What the caller may still roll back is looked at again.
    if (this.#driver.inCallersTransaction?.() === true) {
      this.#seen.clear();
    }
    return [...columns, this.#own];
  }
}
