// The door for authors of adapters: the parts of a store, beside `@sessiondb/core`.
export { BaseSessionDb, type Signal } from "./base-session-db.ts";
export { BaseMemoryDb, type MemoryHost } from "./base-memory-db.ts";
export { InMemoryMemoryDb } from "./in-memory-memory-db.ts";
export { anySignal } from "./any-signal.ts";
export * from "./arguments.ts";
export { unixSeconds } from "./clock.ts";
export { compileFunction } from "./compile-function.ts";
export * from "./option-readers.ts";
export { bySessionId } from "./encode-writes.ts";
export { isJsonObject, parseJson, setKey, toJsonText } from "./json.ts";
export { jsonElements, parseSource } from "./json-source.ts";
export {
  compareRuns,
  compareSessions,
  decodeRows,
  goneCursor,
  isVisible,
  meetsConditions,
  meetsRunConditions,
  pageOfAll,
  pageOfRows,
  readingOrder,
  sessionPosition,
  type ListedSession,
  type RowPage,
} from "./list-rules.ts";
export {
  decodeLegacyRuns,
  decodeRun,
  encodeRun,
  mergeRuns,
  type LegacySession,
  type StoredRun,
} from "./models/run-codec.ts";
export { countRetry, countStatement } from "./observed-calls.ts";
export { publishPool } from "./observed-pool.ts";
export type { MemoryDbLimits } from "./memory-checks.ts";
export type { MemoryCalls } from "./memory-db.ts";
export { compareMemories, meetsMemoryConditions, memoryPosition } from "./memory-list-rules.ts";
export type * from "./memory-queries.ts";
export * from "./memory-rules.ts";
export { decodeMemory, decodeText, memoryColumns, sameFact, type MemoryRow } from "./models/user-memory.ts";
export { skippedHistoryStatuses } from "./models/runs.ts";
export { decodeHeader, decodeSession, encodeSession, withRunCount } from "./models/session-codec.ts";
export type { SessionFields } from "./models/session-base.ts";
export type { ImportOptions, ListHeaders, ListRuns, PageOptions, ReadRuns, SkipRuns } from "./options.ts";
export type * from "./queries.ts";
export { runColumns, sessionColumns, sessionJsonColumns, type RunRow, type SessionRow } from "./rows.ts";
export { storeOf } from "./scoped-session-db.ts";
export type { SessionCalls } from "./session-db.ts";
export * from "./session-rules.ts";
export { untilAborted } from "./until-aborted.ts";
export { within } from "./within.ts";
