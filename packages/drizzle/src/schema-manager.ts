import {
  DatabaseReadOnlyError,
  InvalidArgumentError,
  PermissionDeniedError,
  SchemaMismatchError,
  type SchemaProblem,
} from "@sessiondb/core";
import { getTableColumns, getTableName, type Column, type Table } from "drizzle-orm";
import type { LegacyRuns } from "./legacy-runs.ts";
import { withRetry } from "./retry.ts";
import type { FoundSchema, SqlDialect } from "./sql-dialect.ts";
import type { SqlDriver } from "./sql-driver.ts";

/** Which tables exist; decides how runs are read. */
export interface Layout {
  /** False for a database that Agno 2 made and that nobody may change: its runs are all in the legacy column. */
  readonly runsTable: boolean;
  /** Whether Agno 2 made the sessions table, with a `runs` column. */
  readonly legacyColumn: boolean;
  /** Whether that column may hold runs that are not in the runs table. */
  readonly mergeLegacy: boolean;
}

export interface SchemaManagerOptions {
  readonly driver: SqlDriver;
  readonly dialect: SqlDialect;
  readonly legacy: LegacyRuns;
  readonly autoMigrate: boolean;
}

/** How tables found differ from those needed. */
export function schemaProblems(
  tables: readonly Table[],
  found: FoundSchema,
  dialect: Pick<SqlDialect, "accepts">,
): SchemaProblem[] {
  return tables.flatMap((table): SchemaProblem[] => {
    const name = getTableName(table);
    const columns = found.tables.get(name);
    if (columns === undefined) {
      return [{ table: name, column: null, wanted: "a table", found: nothing }];
    }
    return Object.values<Column>(getTableColumns(table)).flatMap((column) => {
      const type = columns.get(column.name);
      const fits = type !== undefined && dialect.accepts(column, type);
      return fits ? [] : [{ table: name, column: column.name, wanted: column.getSQLType(), found: type ?? nothing }];
    });
  });
}

/** Creates what a plan says, but not in the caller's transaction: on some databases that would commit it. */
export async function applyPlan(
  driver: SqlDriver,
  tables: readonly string[],
  plan: (found: FoundSchema) => string[],
): Promise<void> {
  if (driver.inCallersTransaction?.() === true) {
    throw new InvalidArgumentError("migrate", "called on the store itself, outside your transaction");
  }
  await withRetry(() => driver.migrate(tables, plan), driver);
}

const nothing = "nothing";
export const tableAdvice =
  "Call migrate(), or run the statements of planMigration() with a role that may create tables.";
const columnAdvice =
  "Add what is missing, change what is of another type, or name another table with sessionTable and runsTable.";
const unfitAdvice = "Change these tables, or name others with sessionTable and runsTable. Nothing was read or written.";

/** For how long, in milliseconds, the tables are not looked at again because something is missing in them. */
const trustedFor = 100;

/** Creates, checks and describes the tables. The first operation of a store goes through `ready`. */
export class SchemaManager {
  readonly #driver: SqlDriver;
  readonly #dialect: SqlDialect;
  readonly #legacy: LegacyRuns;
  readonly #autoMigrate: boolean;
  #layout: Promise<Layout> | null = null;
  #lookedAt = 0;

  constructor({ driver, dialect, legacy, autoMigrate }: SchemaManagerOptions) {
    this.#driver = driver;
    this.#dialect = dialect;
    this.#legacy = legacy;
    this.#autoMigrate = autoMigrate;
  }

  /** The layout, after creating what is missing if that is allowed. A schema that is right meets no DDL. */
  ready(): Promise<Layout> {
    this.#layout ??= this.#prepare().then(
      (layout) => {
        // Whoever may create the runs table can do so at any time, so its absence is not remembered; nor are tables that
        // the caller may still roll back.
        if (!layout.runsTable || this.#driver.inCallersTransaction?.() === true) {
          this.#layout = null;
        }
        return layout;
      },
      (error: unknown) => {
        this.#layout = null;
        throw error;
      },
    );
    return this.#layout;
  }

  /** Makes the next operation look at the schema again. */
  forget(): void {
    this.#layout = null;
  }

  /** Whether it is a while ago that the tables were looked at. */
  get mayHaveChanged(): boolean {
    return performance.now() - this.#lookedAt > trustedFor;
  }

  /** Whether another program has changed the tables, as Agno's migrations do, since this layout was found. */
  async hasChanged(since: Layout): Promise<boolean> {
    this.forget();
    const { runsTable, legacyColumn, mergeLegacy } = await this.ready();
    return runsTable !== since.runsTable || legacyColumn !== since.legacyColumn || mergeLegacy !== since.mergeLegacy;
  }

  async problems(): Promise<SchemaProblem[]> {
    return this.#problemsOf(await this.#inspect());
  }

  async plan(): Promise<string[]> {
    return this.#dialect.plan(await this.#inspect(), { indexes: true });
  }

  async migrate(): Promise<void> {
    await this.#apply({ indexes: true });
    this.forget();
    await this.ready();
  }

  async #prepare(): Promise<Layout> {
    this.#lookedAt = performance.now();
    let found = await this.#inspect();
    if (found.unfit !== undefined && found.unfit.length > 0) {
      throw new SchemaMismatchError(found.unfit, unfitAdvice);
    }
    let absent = this.#absentOf(found);
    // Beside a table that lacks a column, which nothing here can add, no other table is made.
    if (this.#autoMigrate && absent.length > 0 && absent.every(({ column }) => column === null)) {
      try {
        await this.#apply({ indexes: false });
        found = await this.#inspect();
        absent = this.#absentOf(found);
      } catch (error) {
        const refused = error instanceof DatabaseReadOnlyError || error instanceof PermissionDeniedError;
        if (!refused || !this.#isReadable(absent, found)) {
          throw error;
        }
      }
    }
    if (!this.#isReadable(absent, found)) {
      throw new SchemaMismatchError(absent, absent.every(({ column }) => column === null) ? tableAdvice : columnAdvice);
    }
    const { sessions, versions } = this.#dialect.names;
    const legacyColumn = found.tables.get(sessions)?.has("runs") ?? false;
    const runsTable = absent.length === 0;
    const copied = legacyColumn && runsTable && found.tables.has(versions) && (await this.#isCopied());
    return { runsTable, legacyColumn, mergeLegacy: legacyColumn && !copied };
  }

  #problemsOf(found: FoundSchema): SchemaProblem[] {
    const { sessions, runs } = this.#dialect.tables;
    return [...schemaProblems([sessions, runs], found, this.#dialect), ...(found.unfit ?? [])];
  }

  /** What is missing, and what cannot serve in its place, as many a column of another type does. */
  #absentOf(found: FoundSchema): SchemaProblem[] {
    const { sessions, runs } = this.#dialect.tables;
    const serves = (wanted: Column, type: string): boolean => this.#dialect.spoils?.(wanted, type) !== true;
    return schemaProblems([sessions, runs], found, { accepts: serves });
  }

  /** Whether only the runs table is missing from what Agno 2 wrote, so that it can be read all the same. */
  #isReadable(absent: readonly SchemaProblem[], found: FoundSchema): boolean {
    const { sessions, runs } = this.#dialect.names;
    const onlyRuns = absent.every(({ table, column }) => table === runs && column === null);
    return onlyRuns && (absent.length === 0 || found.tables.get(sessions)?.has("runs") === true);
  }

  #isCopied(): Promise<boolean> {
    return withRetry(() => this.#driver.read((on) => this.#legacy.isCopied(on)), this.#driver);
  }

  #inspect(): Promise<FoundSchema> {
    return withRetry(() => this.#driver.inspect(Object.values(this.#dialect.names)), this.#driver);
  }

  #apply(options: { indexes: boolean }): Promise<void> {
    const plan = (found: FoundSchema): string[] => this.#dialect.plan(found, options);
    return applyPlan(this.#driver, Object.values(this.#dialect.names), plan);
  }
}
