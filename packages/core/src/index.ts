export { BaseSessionDb } from "./base-session-db.ts";
export { unixSeconds } from "./clock.ts";
export * from "./errors.ts";
export { InMemorySessionDb, type InMemorySessionDbOptions } from "./in-memory-session-db.ts";
export {
  compareRuns,
  compareSessions,
  firstPage,
  isVisible,
  meetsConditions,
  meetsRunConditions,
  sessionPosition,
  type ListedSession,
} from "./list-rules.ts";
export { parseJson, toJsonText, type JsonObject, type JsonValue } from "./json.ts";
export type { HistoryTurn, MessageOptions } from "./models/history.ts";
export type { Media } from "./models/media.ts";
export type { Message, ToolExecution } from "./models/messages.ts";
export type { Metrics, StepMetrics, ToolMetrics, WorkflowMetrics } from "./models/metrics.ts";
export {
  decodeLegacyRuns,
  decodeRun,
  encodeRun,
  mergeRuns,
  type LegacySession,
  type StoredRun,
} from "./models/run-codec.ts";
export { skippedHistoryStatuses } from "./models/runs.ts";
export type * from "./models/runs.ts";
export { decodeSession, encodeSession } from "./models/session-codec.ts";
export type { Session, SessionInit, SessionType } from "./models/sessions.ts";
export { AgentSession, type AgentMessageOptions, type AgentSessionInit } from "./models/agent-session.ts";
export type { SessionFields } from "./models/session-base.ts";
export {
  TeamSession,
  type TeamHistoryOptions,
  type TeamMessageOptions,
  type TeamSessionInit,
} from "./models/team-session.ts";
export {
  WorkflowSession,
  type WorkflowMessageOptions,
  type WorkflowSessionInit,
  type WorkflowTurn,
} from "./models/workflow-session.ts";
export type { StepOutput } from "./models/steps.ts";
export type { SessionSummary } from "./models/summary.ts";
export { openSessionDb, type OpenSessionDbOptions, type SessionDbAdapter } from "./open-session-db.ts";
export type * from "./queries.ts";
export type { RunRow, SessionRow } from "./rows.ts";
export type * from "./session-db.ts";
export {
  admitOwner,
  admitType,
  foldName,
  isHistoryRun,
  parseSessionRow,
  replacedColumns,
  touchedAt,
  withColumns,
} from "./session-rules.ts";
