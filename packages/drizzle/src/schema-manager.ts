import {
  DatabaseBusyError,
  DatabaseReadOnlyError,
  DatabaseUnreachableError,
  InvalidArgumentError,
  PermissionDeniedError,
  SchemaMismatchError,
  type SchemaProblem,
} from "@sessiondb/core";
import { getTableColumns, getTableName, type Column, type Table } from "drizzle-orm";
import type { Flows } from "./flows.ts";
import { withRetry } from "./retry.ts";
import type { FoundSchema, SqlDialect } from "./sql-dialect.ts";
import type { SqlDriver } from "./sql-driver.ts";

/** Chooses the flows for the tables found. */
export interface FlowChoice {
  /** Whether the tables can be read though something is absent from them. */
  canRead(absent: readonly SchemaProblem[], found: FoundSchema): boolean;
  /** `since` is the start of the call. */
  choose(found: FoundSchema, how: { readonly isComplete: boolean; readonly since: number }): Promise<Flows>;
}

export interface SchemaManagerOptions {
  readonly driver: SqlDriver;
  readonly dialect: SqlDialect;
  readonly choice: FlowChoice;
  readonly autoMigrate: boolean;
}

/** The differences between the tables found and those needed. */
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

/** What a plan is for. */
export interface PlanUse {
  readonly tables: readonly string[];
  /** The start of the call that needs the tables; null for a migration, which may take longer than a call. */
  readonly since: number | null;
}

/** Runs a plan, but not in the caller's transaction, which some databases would commit. */
export async function applyPlan(
  driver: SqlDriver,
  { tables, since }: PlanUse,
  plan: (found: FoundSchema) => string[],
): Promise<void> {
  if (driver.inCallersTransaction?.() === true) {
    throw new InvalidArgumentError("migrate", "called on the store itself, outside your transaction");
  }
  await (since === null
    ? withRetry(() => driver.migrate(tables, plan), driver)
    : withRetry((until) => driver.migrate(tables, plan, until), driver, { since }));
}

/** What a problem says was found where something is missing. */
export const nothing = "nothing";
export const tableAdvice =
  "Call migrate(), or run the statements of planMigration() with a role that may create tables.";
const columnAdvice =
  "Add what is missing, correct the types that differ, or name other tables with sessionTable and runsTable.";
const unfitAdvice = "Change these tables, or name others with sessionTable and runsTable. Nothing was read or written.";

/** The time, in milliseconds, before looking again at tables that lack something. */
const trustedFor = 100;

/** Creates, checks and describes the tables. The first operation of a store goes through `ready`. */
export class SchemaManager {
  readonly #driver: SqlDriver;
  readonly #dialect: SqlDialect;
  readonly #choice: FlowChoice;
  readonly #autoMigrate: boolean;
  #known: Flows | null = null;
  #look: Promise<Flows> | null = null;
  #lookedAt = 0;
  #timesMade = 0;

  constructor({ driver, dialect, choice, autoMigrate }: SchemaManagerOptions) {
    this.#driver = driver;
    this.#dialect = dialect;
    this.#choice = choice;
    this.#autoMigrate = autoMigrate;
  }

  /**
   * Returns the flows for the tables, after creating what is missing if allowed. A correct schema needs no DDL. Calls that
   * come meanwhile share one look; if it met a fault of the database, they share another. `since` is the start of the
   * call.
   */
  async ready(since = performance.now()): Promise<Flows> {
    for (;;) {
      if (this.#known !== null) {
        return this.#known;
      }
      if (this.#look === null) {
        return this.#lookAt(since);
      }
      try {
        return await this.#look;
      } catch (error) {
        // It had the time of the call that began it, which may have been earlier.
        const isFault = error instanceof DatabaseBusyError || error instanceof DatabaseUnreachableError;
        if (!isFault || performance.now() - since >= this.#driver.patience) {
          throw error;
        }
      }
    }
  }

  /** The flows for the tables; null if the next operation looks at these. */
  get known(): Flows | null {
    return this.#known;
  }

  /** Makes the next operation look at the schema again. */
  forget(): void {
    this.#known = null;
    this.#look = null;
  }

  /** Whether some time has passed since the tables were last inspected. */
  get mayHaveChanged(): boolean {
    return performance.now() - this.#lookedAt > trustedFor;
  }

  /** The number of times that missing tables were created. */
  get timesMade(): number {
    return this.#timesMade;
  }

  async problems(): Promise<SchemaProblem[]> {
    return this.#problemsOf(await this.#inspect());
  }

  async plan(): Promise<string[]> {
    return this.#dialect.plan(await this.#inspect(), { indexes: true });
  }

  async migrate(): Promise<void> {
    await this.#apply({ indexes: true }, null);
    this.forget();
    await this.ready();
  }

  /** Looks at the tables, for all who come meanwhile. */
  #lookAt(since: number): Promise<Flows> {
    const look = this.#prepare(since).then((flows) => {
      // Not remembered: missing things, which may be created at any time, and tables that the caller may roll back.
      if (this.#look === look && flows.isWritable && this.#driver.inCallersTransaction?.() !== true) {
        this.#known = flows;
      }
      return flows;
    });
    this.#look = look;
    const over = (): void => {
      this.#look = this.#look === look ? null : this.#look;
    };
    look.then(over, over);
    return look;
  }

  async #prepare(since: number): Promise<Flows> {
    this.#lookedAt = performance.now();
    let found = await this.#inspect(since);
    if (found.unfit !== undefined && found.unfit.length > 0) {
      throw new SchemaMismatchError(found.unfit, unfitAdvice);
    }
    let absent = this.#absentOf(found);
    // If a table lacks a column, which nothing here can add, no other table is created.
    if (this.#autoMigrate && absent.length > 0 && absent.every(({ column }) => column === null)) {
      try {
        await this.#apply({ indexes: false }, since);
        this.#timesMade += 1;
        found = await this.#inspect(since);
        absent = this.#absentOf(found);
      } catch (error) {
        const refused = error instanceof DatabaseReadOnlyError || error instanceof PermissionDeniedError;
        if (!refused || !this.#canRead(absent, found)) {
          throw error;
        }
      }
    }
    if (!this.#canRead(absent, found)) {
      throw new SchemaMismatchError(absent, absent.every(({ column }) => column === null) ? tableAdvice : columnAdvice);
    }
    return this.#choice.choose(found, { isComplete: absent.length === 0, since });
  }

  #problemsOf(found: FoundSchema): SchemaProblem[] {
    const { sessions, runs } = this.#dialect.tables;
    return [...schemaProblems([sessions, runs], found, this.#dialect), ...(found.unfit ?? [])];
  }

  /** The problems of things that are missing or that cannot serve in their place. Many columns of another type can. */
  #absentOf(found: FoundSchema): SchemaProblem[] {
    const { sessions, runs } = this.#dialect.tables;
    const serves = (wanted: Column, type: string): boolean => this.#dialect.spoils?.(wanted, type) !== true;
    return schemaProblems([sessions, runs], found, { accepts: serves });
  }

  #canRead(absent: readonly SchemaProblem[], found: FoundSchema): boolean {
    return absent.length === 0 || this.#choice.canRead(absent, found);
  }

  #inspect(since = performance.now()): Promise<FoundSchema> {
    const names = Object.values(this.#dialect.names);
    return withRetry((until) => this.#driver.inspect(names, until), this.#driver, { since });
  }

  #apply(options: { readonly indexes: boolean }, since: number | null): Promise<void> {
    const plan = (found: FoundSchema): string[] => this.#dialect.plan(found, options);
    return applyPlan(this.#driver, { tables: Object.values(this.#dialect.names), since }, plan);
  }
}
