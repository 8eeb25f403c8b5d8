export { runConditions, runConditionValues, sessionConditions } from "./conditions.ts";
export { createIndexes, createTable, planSchema, type DdlSpelling, type PlanOptions, type TableConfig } from "./ddl.ts";
export { DrizzleSessionDb, type DrizzleSessionDbOptions } from "./drizzle-session-db.ts";
export { tableNames, type TableNameOptions, type TableNames } from "./names.ts";
export type { ClassifiedError } from "./retry.ts";
export { SessionReads, type SessionWithRuns } from "./session-reads.ts";
export { SessionWrites, type AppendOutcome } from "./session-writes.ts";
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
export {
  bare,
  beforeAll,
  byBytes,
  following,
  insertValues,
  parseSession,
  runOrder,
  runSelection,
  sessionSelection,
  value,
  whereOf,
  type RawSession,
  type StoredRun,
} from "./sql-parts.ts";
export { Statement, type Selection } from "./statement.ts";
export { runAsync, runSync, step, type Awaitable, type Steps } from "./steps.ts";
