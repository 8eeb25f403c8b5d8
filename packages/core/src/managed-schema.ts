import type { SchemaProblem } from "./errors.ts";
import type { CallOptions, LegacyRunsProgress, MigrateLegacyRunsOptions } from "./options.ts";

/** The methods by which tables are created and checked by hand. Stores of memories in tables have them too. */
export interface ManagedTables {
  /** Creates the tables and indexes that are missing. Safe to call from any number of processes at once. */
  migrate(options?: CallOptions): Promise<void>;

  /** Returns the SQL statements that `migrate` would run, in order; empty if there are none. Changes nothing. */
  planMigration(options?: CallOptions): Promise<readonly string[]>;

  /**
   * Returns the differences between the tables found and the tables needed, and the rights that deletes lack on Agno's
   * other tables, if the database reveals them (Postgres does); empty when all is well. Issues no DDL.
   */
  verifySchema(options?: CallOptions): Promise<readonly SchemaProblem[]>;
}

/** The methods that a store with tables has beside the contract. A store without tables does not implement it. */
export interface ManagedSchema extends ManagedTables {
  /**
   * Copies the runs of a database written by Agno 2, which kept them in one JSON column of the session, into rows of
   * their own. Idempotent, resumable, and done in batches. The old column stays as a backup and is no longer read once
   * all runs are copied; from then on a call returns zeros. An abort stops between two batches; copied runs stay
   * copied.
   */
  migrateLegacyRuns(options?: MigrateLegacyRunsOptions): Promise<LegacyRunsProgress>;
}

/** Whether a store has tables to migrate: `if (hasManagedSchema(db)) await db.migrate();` */
export function hasManagedSchema<Db extends object>(db: Db): db is Db & ManagedSchema {
  return hasManagedTables(db);
}

/** Whether memories are in tables to migrate: `if (hasManagedTables(memories)) await memories.migrate();` */
export function hasManagedTables<Db extends object>(db: Db): db is Db & ManagedTables {
  return "planMigration" in db && typeof db.planMigration === "function";
}
