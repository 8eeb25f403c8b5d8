export * from "./errors.ts";
export { InMemorySessionDb, type InMemorySessionDbOptions } from "./in-memory-session-db.ts";
export type { JsonObject, JsonValue } from "./json.ts";
export { hasManagedSchema, hasManagedTables, type ManagedSchema, type ManagedTables } from "./managed-schema.ts";
export type { MemoryDb, UserMemoryDb } from "./memory-db.ts";
export type {
  ChangeMemoriesOptions,
  GetMemoriesOptions,
  MemoryChange,
  MemoryChanges,
  MemoryPage,
  MemoryScope,
  MemoryStats,
  MemoryStatsOptions,
  MemoryStatsPage,
  MemoryTopic,
  MemoryTopicsOptions,
  MemoryUpdate,
} from "./memory-options.ts";
export type { NewUserMemory, UserMemory, UserMemoryInit, UserMemoryPatch } from "./models/user-memory.ts";
export type { MessageOptions } from "./models/history.ts";
export type { Media } from "./models/media.ts";
export type { Message, ToolExecution } from "./models/messages.ts";
export type { Metrics, StepMetrics, WorkflowMetrics } from "./models/metrics.ts";
export type {
  AgentRun,
  ConversationRun,
  Run,
  RunInput,
  RunStatus,
  RunType,
  TeamRun,
  WorkflowRun,
} from "./models/runs.ts";
export type { Session, SessionHeader, SessionInit, SessionType } from "./models/sessions.ts";
export { AgentSession, type AgentSessionInit } from "./models/agent-session.ts";
export { TeamSession, type TeamSessionInit } from "./models/team-session.ts";
export { WorkflowSession, type WorkflowSessionInit } from "./models/workflow-session.ts";
export type { ObservedCall } from "./observed-calls.ts";
export type { ObservedPool } from "./observed-pool.ts";
export type { StepOutput } from "./models/steps.ts";
export type { SessionSummary } from "./models/summary.ts";
export { openSessionDb, type OpenSessionDbOptions, type SessionDbAdapter } from "./open-session-db.ts";
export type {
  AlsoChange,
  CallOptions,
  DeleteSessionsOptions,
  GetRunsOptions,
  GetSessionsOptions,
  LegacyRunsProgress,
  MigrateLegacyRunsOptions,
  RunChange,
  RunPage,
  SessionChange,
  SessionDbLimits,
  SessionFilter,
  SessionKey,
  SessionPage,
  SessionPatch,
  SortOrder,
  StatusCondition,
  TurnSession,
  UnreadableRow,
  UpdateRunOptions,
  UpsertRunOptions,
  UpsertRunResult,
  UserScope,
} from "./options.ts";
export type { SearchHit, SearchPage, SearchSessionsOptions } from "./search-options.ts";
export type { SessionDb, UserSessionDb } from "./session-db.ts";
