export { createIndexes, createTable, planSchema, type DdlSpelling, type PlanOptions, type TableConfig } from "./ddl.ts";
export { DrizzleSessionDb, type DrizzleSessionDbOptions } from "./drizzle-session-db.ts";
export { tableNames, type TableNameOptions, type TableNames } from "./names.ts";
export type { ClassifiedError } from "./retry.ts";
export { SessionReads } from "./session-reads.ts";
export { SessionWrites } from "./session-writes.ts";
export type {
  FoundSchema,
  SessionTables,
  SqlConnection,
  SqlDialect,
  SqlDriver,
  StatementResult,
  TableOf,
  VersionRow,
} from "./sql-dialect.ts";
export { Statement } from "./statement.ts";
export { runAsync, runSync, type Awaitable, type Steps } from "./steps.ts";
