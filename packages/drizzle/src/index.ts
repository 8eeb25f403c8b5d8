export type { OutsideTable } from "./agno-tables.ts";
export type { ClearedRows, Clearing, Deletion } from "./cleared-tables.ts";
export { certificateProblem, type CertificateProblem } from "./certificate-problem.ts";
export { fixedOfSessions, runConditions, sessionConditions } from "./conditions.ts";
export {
  checkParameters,
  checkSecureContext,
  parseServerUrl,
  poolParameters,
  readParameterFile,
  takeParameter,
  takePoolOptions,
  wordOf,
  type ConnectionStringForm,
} from "./connection-string.ts";
export { planSchema, type DdlSpelling } from "./ddl.ts";
export { DriverError, type KnownNames } from "./driver-error.ts";
export { DrizzleSessionDb, type DrizzleSessionDbOptions } from "./drizzle-session-db.ts";
export { DrizzleMemoryDb, type DrizzleMemoryDbOptions } from "./drizzle-memory-db.ts";
export type { MemoryDialect, MemoryTables } from "./memory-dialect.ts";
export {
  MemoryStatements,
  memoryListShape,
  memoryListValues,
  positionNames,
  type MemoryListShape,
} from "./memory-statements.ts";
export { furtherTables, type FurtherTables, type FurtherTablesOptions } from "./further-tables.ts";
export { Line } from "./line.ts";
export { jsonColumn, type JsonColumn } from "./json-column.ts";
export { dottedI } from "./name-folding.ts";
export {
  indexName,
  memoryNames,
  tableNames,
  tableOptionReaders,
  type MemoryNames,
  type TableOptions,
} from "./names.ts";
export { PoolUse } from "./pool-use.ts";
export { RefusedDocument } from "./refused-document.ts";
export { final } from "./retry.ts";
export {
  listValues,
  runListShape,
  runListValues,
  sessionListShape,
  SessionReads,
  type RunListShape,
  type SessionListShape,
  type SessionWithRuns,
} from "./session-reads.ts";
export {
  checkSize,
  closeTimeout,
  ddlTimeout,
  lockWait,
  savepoint,
  ServerDriver,
  takeTurn,
  type Lease,
  type ServerConnection,
  type ServerConnections,
  type ServerTimes,
  type UseOptions,
} from "./server-driver.ts";
export { ServerReads, type WantedRuns } from "./server-reads.ts";
export { SessionWrites, touchShape, type AppendOutcome, type TouchShape } from "./session-writes.ts";
export type { FoldedSearch } from "./folded-search.ts";
export type { DialectName, FoundSchema, PlanChoice, SqlDialect } from "./sql-dialect.ts";
export type { ClassifiedError, SqlConnection, SqlDriver, StatementResult, Work } from "./sql-driver.ts";
export {
  bare,
  byBytes,
  byPosition,
  directed,
  following,
  idPlaceholders,
  insertValues,
  isHistoryRow,
  list,
  noIndex,
  runOrder,
  runSelection,
  sessionChunks,
  sessionSelection,
  tie,
  value,
  whereOf,
  type ListedRow,
  type RawSession,
  type StoredRun,
} from "./sql-parts.ts";
export { byShape, once } from "./statement-set.ts";
export { Statement } from "./statement.ts";
export { runAsync, runSync, step, type Steps } from "./steps.ts";
export { takeUrlOptions, withUrlOption } from "./url-options.ts";
