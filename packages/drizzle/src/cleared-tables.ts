import { DatabaseError, InUseError, PermissionDeniedError, type SchemaProblem } from "@sessiondb/core";
import { getTableName, inArray, sql, type Column, type SQL } from "drizzle-orm";
import { agnoTables, type OutsideTable } from "./agno-tables.ts";
import { withRetry } from "./retry.ts";
import type { SessionReads } from "./session-reads.ts";
import type { SqlDialect } from "./sql-dialect.ts";
import type { SqlConnection, SqlDriver } from "./sql-driver.ts";
import { bare, idPlaceholders, list } from "./sql-parts.ts";
import { byShape } from "./statement-set.ts";
import { Statement } from "./statement.ts";
import type { Steps } from "./steps.ts";

/** Rows of another table that are deleted with their session. */
export interface ClearedRows {
  /** The table, and the tables needed to find its rows. */
  readonly tables: readonly [OutsideTable, ...OutsideTable[]];
  /** Deletes the rows of this many sessions. */
  readonly remove: (count: number) => Statement<never>;
}

/** The rows of other tables, as far as those exist, that a delete of sessions clears. */
export interface Clearing {
  /** Cleared before the session's row is deleted. */
  readonly before: readonly ClearedRows[];
  /** Cleared after it: rows that no foreign key has deleted along with it. */
  readonly after: readonly ClearedRows[];
}

/** One attempt at a delete. */
export interface Deletion {
  /** Looks for the tables. */
  readonly clearing: (on: SqlConnection) => Steps<Clearing>;
  /** The table whose rows are being cleared; null for none. */
  clears: string | null;
}

interface ClearedTablesOptions {
  readonly driver: SqlDriver;
  readonly dialect: SqlDialect;
  readonly reads: SessionReads;
  /** The tables of the parent store, if this one works in its caller's transaction. */
  readonly from: ClearedTables | null;
}

/** The list of all tables whose rows are deleted with their session. */
export class ClearedTables {
  readonly #driver: SqlDriver;
  readonly #dialect: SqlDialect;
  readonly #reads: SessionReads;
  readonly #runs: ClearedRows;
  readonly #agno: readonly ClearedRows[];
  readonly #further: Map<string, ClearedRows>;
  /** Tables that were seen. Each delete looks for the others, which may be created at any time. */
  readonly #seen = new Set<string>();

  constructor({ driver, dialect, reads, from }: ClearedTablesOptions) {
    this.#driver = driver;
    this.#reads = reads;
    this.#dialect = dialect;
    // A store in the caller's transaction clears the same tables as its parent.
    this.#runs = from === null ? rowsOf(dialect, dialect.tables.runs.sessionId) : from.#runs;
    this.#agno = from === null ? rowsOfAgno(dialect) : from.#agno;
    this.#further = from === null ? new Map<string, ClearedRows>() : from.#further;
  }

  /** Adds columns. Tables may be made anew for each request, so they are identified by name. */
  add(columns: readonly Column[]): void {
    for (const column of columns) {
      const key = `${getTableName(column.table)}.${column.name}`;
      this.#further.set(key, this.#further.get(key) ?? rowsOf(this.#dialect, column));
    }
  }

  /**
   * Runs a delete. Runs it again if a table that was seen may have been dropped since, or if a foreign key requires the
   * runs to be deleted before their session.
   */
  async deleting<Result>(remove: (deletion: Deletion) => Promise<Result>): Promise<Result> {
    let isTrusting = this.#driver.inCallersTransaction?.() !== true;
    let runsFirst = false;
    for (;;) {
      // The caller may still roll these tables back, so they are not remembered.
      const seen = isTrusting ? this.#seen : new Set<string>();
      isTrusting &&= seen.size > 0;
      const deletion: Deletion = { clearing: this.#clearing.bind(this, { seen, runsFirst }), clears: null };
      try {
        return await remove(deletion);
      } catch (error) {
        if (isTrusting && error instanceof DatabaseError) {
          this.#seen.clear();
          isTrusting = false;
        } else if (!runsFirst && error instanceof InUseError) {
          runsFirst = true;
        } else {
          throw this.#named(error, deletion.clears);
        }
      }
    }
  }

  /** Adds the table to the error of a delete, unless it is one of the store's own. */
  #named(error: unknown, table: string | null): unknown {
    if (table === null || table === this.#runs.tables[0].name) {
      return error;
    }
    const why = `Nothing was deleted, because rows in ${table} must be deleted with their session.`;
    if (error instanceof PermissionDeniedError) {
      return new PermissionDeniedError(`${error.message} ${why} Grant SELECT and DELETE on ${table}.`, {
        cause: error.cause,
      });
    }
    return error instanceof DatabaseError
      ? new DatabaseError(`${error.message} ${why}`, { cause: error.cause })
      : error;
  }

  /** The rights to Agno's tables that deletes lack, as far as the database reports them. */
  async problems(): Promise<SchemaProblem[]> {
    const tables = this.#agno.flatMap((rows) => rows.tables);
    const find = (on: SqlConnection) => this.#reads.findTables(on, tables);
    const found = await withRetry((until) => this.#driver.read(find, undefined, until), this.#driver);
    return this.#agno.flatMap(({ tables: [table, ...others] }): SchemaProblem[] => {
      const missing = others.every(({ name }) => found.has(name)) ? found.get(table.name) : undefined;
      return missing == null
        ? []
        : [{ table: table.name, column: null, wanted: "SELECT and DELETE", found: `no ${missing}` }];
    });
  }

  *#clearing({ seen, runsFirst }: { seen: Set<string>; runsFirst: boolean }, on: SqlConnection): Steps<Clearing> {
    // Last created first, as foreign keys among them require.
    const further = [...this.#further.values()].toReversed();
    const unseen = [...further, ...this.#agno].flatMap(({ tables }) => tables).filter(({ name }) => !seen.has(name));
    if (unseen.length > 0) {
      for (const name of (yield* this.#reads.findTables(on, unseen)).keys()) {
        seen.add(name);
      }
    }
    const isThere = ({ tables }: ClearedRows): boolean => tables.every(({ name }) => seen.has(name));
    return {
      // Rows of further tables may reference runs by a foreign key.
      before: [...further.filter(isThere), ...(runsFirst ? [this.#runs] : [])],
      after: [...(runsFirst ? [] : [this.#runs]), ...this.#agno.filter(isThere)],
    };
  }
}

function rowsOf(dialect: SqlDialect, column: Column): ClearedRows {
  return {
    tables: [{ name: getTableName(column.table) }],
    remove: removal(dialect, (ids) => sql`delete from ${column.table} where ${inArray(column, [...ids])}`),
  };
}

function removal(dialect: SqlDialect, of: (sessionIds: readonly SQL[]) => SQL): ClearedRows["remove"] {
  return byShape((count: number) => new Statement<never>(dialect, of(idPlaceholders(count))));
}

// Stores of one dialect share them, with the rest of its statements.
const agnoRows = new WeakMap<SqlDialect, readonly ClearedRows[]>();

/** The rows of a session in Agno's tables, made once. */
function rowsOfAgno(dialect: SqlDialect): readonly ClearedRows[] {
  const rows = agnoRows.get(dialect) ?? makeRowsOfAgno(dialect);
  agnoRows.set(dialect, rows);
  return rows;
}

/** Payloads come before the rows that lead to them. */
function makeRowsOfAgno(dialect: SqlDialect): ClearedRows[] {
  return agnoTables.flatMap(({ sessionId, only, payloads, ...table }): ClearedRows[] => {
    const condition = only === undefined ? sql`` : sql` and ${bare({ name: only.column })} = ${only.value}`;
    const ofSessions = (ids: readonly SQL[]): SQL =>
      sql`from ${dialect.outside(table)} where ${bare({ name: sessionId })} in (${list(ids)})${condition}`;
    const own: ClearedRows = {
      tables: [table],
      remove: removal(dialect, (ids) => sql`delete ${ofSessions(ids)}`),
    };
    if (payloads === undefined) {
      return [own];
    }
    const key = list(payloads.key.map((name) => bare({ name })));
    return [
      {
        tables: [payloads, table],
        remove: removal(
          dialect,
          (ids) => sql`delete from ${dialect.outside(payloads)} where (${key}) in (select ${key} ${ofSessions(ids)})`,
        ),
      },
      own,
    ];
  });
}
