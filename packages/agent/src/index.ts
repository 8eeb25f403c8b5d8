export {
  chain,
  Component,
  condition,
  loop,
  parallel,
  router,
  sequence,
  step,
  StepResult,
  suspendedSteps,
  Workflow,
  type CancelRunOptions,
  type ComponentOptions,
  type ConditionOptions,
  type ContinueWorkflowOptions,
  type DbSource,
  type Dependencies,
  type EmbeddedContinuation,
  type EmbeddedEvent,
  type EmbeddedRequest,
  type EmbeddedResult,
  type Executor,
  type ExecutorPart,
  type ExecutorParts,
  type LoopOptions,
  type ModelPrice,
  type Prices,
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
  type StepAnswer,
  type StepChain,
  type StepDecision,
  type StepEvent,
  type StepFunction,
  type StepInput,
  type StepNode,
  type StepOptions,
  type SuspendedStep,
  type UserSessionsOptions,
  type WorkflowEvent,
  type WorkflowOptions,
  type WorkflowRunResult,
  type WorkflowStep,
  type WorkflowSteps,
  type WorkflowStream,
} from "@sessiondb/turns";
export { Agent, type AgentOptions } from "./agent.ts";
export type { AgenticState } from "./agentic-state.ts";
export type { ApprovalPage, ApprovalRequest, PendingApprovalsOptions } from "./approval-requests.ts";
export type { Approval } from "./approvals.ts";
export type { ChatRunOptions } from "./chat.ts";
export type { DelegationOptions } from "./delegation.ts";
export type { FollowUpOptions, SummaryFailure } from "./follow-up.ts";
export type { GenerationSettings, GenerationStatus } from "./generation.ts";
export type { GuardrailOptions, InputToCheck, OutputToCheck } from "./guardrails.ts";
export type { HistoryBudgetOptions } from "./history-budget.ts";
export type { CountTokens } from "./history-tokens.ts";
export type { MemoryLimits, MemoryTopicFilter } from "./known-memories.ts";
export { MemoryManager, type MemoryManagerOptions, type MemoryUpdateRequest } from "./memory-manager.ts";
export type { MemoryFailure, MemoryOptions } from "./memory-options.ts";
export { ModelComponent } from "./model-component.ts";
export type { AnyOutput, ModelComponentOptions, RunResult, UserInput } from "./model-component-options.ts";
export type { ContinueOptions, ModelRunOptions, NoTools, WithOutput, WithTools } from "./model-run-options.ts";
export type { Instructions, ToolSource } from "./model-options.ts";
export type { SessionSource, SessionToRead } from "./read-sessions.ts";
export type { EndedCall, HookOptions, RunEvent, RunHooks } from "./run-hooks.ts";
export { runContextOf } from "./run-context.ts";
export { unstoredResultOf } from "./run-in-progress.ts";
export type { StorageOptions } from "./storage-options.ts";
export type { RunStep } from "./run-steps.ts";
export type { RunStream } from "./run-stream.ts";
export type { SessionAgent } from "./session-agent.ts";
export type { SessionToolOptions } from "./session-tools.ts";
export type { Source } from "./said-in-step.ts";
export type { StreamPart } from "./stream-part.ts";
export { SessionSummaryManager, type SessionSummaryManagerOptions, type SummaryRequest } from "./summary.ts";
export { Team, type TeamMember, type TeamOptions } from "./team.ts";
export type { PendingApproval, ToolCall } from "./tool-calls.ts";
export type { UserMemoriesOptions } from "./user-memories.ts";
