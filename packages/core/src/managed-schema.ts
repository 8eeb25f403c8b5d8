import type { SchemaProblem } from "./errors.ts";
import type { CallOptions, LegacyRunsProgress, MigrateLegacyRunsOptions } from "./options.ts";

/** What stores with tables of their own do beside the contract. A store without tables does not implement it. */
export interface ManagedSchema {
  /** Creates the tables and indexes that are missing. Safe to call from any number of processes at once. */
  migrate(options?: CallOptions): Promise<void>;

  /** The SQL statements that `migrate` would run, in order; empty when there is nothing to do. Changes nothing. */
  planMigration(options?: CallOptions): Promise<readonly string[]>;

  /**
   * How the tables found differ from the tables needed, and which rights to other tables of Agno deletes lack, as far as the
   * database tells (Postgres does); empty when all is right. Issues no DDL.
   */
  verifySchema(options?: CallOptions): Promise<readonly SchemaProblem[]>;

  /**
   * Copies the runs of a database written by Agno 2, where they are one JSON column of the session, into rows of their
   * own. Idempotent, resumable, in batches; the old column stays as a backup and is no longer read once all is copied. An
   * abort stops between two batches; what is copied stays copied.
   */
  migrateLegacyRuns(options?: MigrateLegacyRunsOptions): Promise<LegacyRunsProgress>;
}

/** Whether a store has tables to migrate: `if (hasManagedSchema(db)) await db.migrate();` */
export function hasManagedSchema<Db extends object>(db: Db): db is Db & ManagedSchema {
  return "planMigration" in db && typeof db.planMigration === "function";
}
