export {
  Component,
  condition,
  loop,
  parallel,
  router,
  sequence,
  step,
  StepResult,
  Workflow,
  type CancelRunOptions,
  type ComponentOptions,
  type ConditionOptions,
  type DbSource,
  type EmbeddedRequest,
  type EmbeddedResult,
  type Executor,
  type LoopOptions,
  type RouterOptions,
  type RunContext,
  type RunOptions,
  type RunningRun,
  type RunScope,
  type SessionAccess,
  type SessionOptions,
  type StateChange,
  type StateOptions,
  type StatePatch,
  type StepDecision,
  type StepFunction,
  type StepInput,
  type StepNode,
  type StepOptions,
  type UserSessionsOptions,
  type WorkflowEvent,
  type WorkflowOptions,
  type WorkflowRunResult,
  type WorkflowStep,
  type WorkflowStream,
} from "@sessiondb/turns";
export { Agent, type AgentOptions } from "./agent.ts";
export type { AgenticState } from "./agentic-state.ts";
export type { ApprovalPage, ApprovalRequest, PendingApprovalsOptions } from "./approval-requests.ts";
export type { Approval } from "./approvals.ts";
export type { DelegationOptions } from "./delegation.ts";
export type { FollowUpOptions, SummaryFailure } from "./follow-up.ts";
export type { GenerationSettings, GenerationStatus } from "./generation.ts";
export type { GuardrailOptions, InputToCheck, OutputToCheck } from "./guardrails.ts";
export type { HistoryBudgetOptions } from "./history-budget.ts";
export type { CountTokens } from "./history-tokens.ts";
export { ModelComponent } from "./model-component.ts";
export type { AnyOutput, ModelComponentOptions, RunResult, UserInput } from "./model-component-options.ts";
export type { ModelRunOptions, SessionSource, SessionToRead } from "./read-sessions.ts";
export type { EndedCall, HookOptions, RunEvent, RunHooks } from "./run-hooks.ts";
export { runContextOf } from "./run-context.ts";
export { unstoredResultOf } from "./run-in-progress.ts";
export type { StorageOptions } from "./run-record.ts";
export type { RunStream } from "./run-stream.ts";
export type { SessionAgent } from "./session-agent.ts";
export type { SessionToolOptions } from "./session-tools.ts";
export type { Source } from "./said-in-step.ts";
export { SessionSummaryManager, type SessionSummaryManagerOptions, type SummaryRequest } from "./summary.ts";
export { Team, type TeamMember, type TeamOptions } from "./team.ts";
export type { PendingApproval, ToolCall } from "./tool-calls.ts";
