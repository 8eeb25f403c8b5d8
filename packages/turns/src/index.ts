export { admit, mayTakePart, type SessionAccess, type SessionMember } from "./admission.ts";
export type { DbSource } from "./component-db.ts";
export { Component } from "./component.ts";
export { componentReaders, type ComponentOptions, type ComponentSettings } from "./component-options.ts";
export { dependenciesOf, type Dependencies } from "./dependencies.ts";
export {
  runInside,
  unfinished,
  type EmbeddedContinuation,
  type EmbeddedRequest,
  type EmbeddedResult,
  type Executor,
  type StepAnswer,
} from "./executor.ts";
export { mayContinue } from "./fork.ts";
export { freeMetadata } from "./free-metadata.ts";
export { hasAnswer, readHistory } from "./history-runs.ts";
export { guarded, HookCaller, hooksReader, PendingWork, warn, type Hooks } from "./hooks.ts";
export { jsonOf, messageOf, portable, textOf, thrownOf } from "./outside-values.ts";
export type { Known, Unset } from "./known.ts";
export { ownRuns } from "./own-runs.ts";
export { pricesOf, type ModelPrice, type Prices } from "./prices.ts";
export { promptData } from "./prompt-data.ts";
export { findPlace, replacing, runToReplace, type RunPlace } from "./replaced-run.ts";
export {
  checkSwitches,
  componentScopes,
  readScope,
  runOptionReaders,
  type RunOptions,
  type RunSettings,
} from "./run-options.ts";
export {
  checkDepth,
  insideOf,
  runContext,
  scopeFields,
  withDefaults,
  type RunContext,
  type RunScope,
} from "./run-scope.ts";
export type { RunState, StateChange } from "./run-state.ts";
export { Renewal } from "./renewal.ts";
export { isInProgress, renewed, renewEvery, running, withoutMark } from "./running-mark.ts";
export type { StateOptions, StatePatch } from "./state-schema.ts";
export { addCounts, addDetails, withMetrics, type TokenCounts } from "./session-metrics.ts";
export type { CancelRunOptions, RunningRun, SessionOptions, UserSessionsOptions } from "./session-options.ts";
export { suspendedSteps, type SuspendedStep } from "./step-requirements.ts";
export type { ConditionOptions, LoopOptions, RouterOptions } from "./steps/containers.ts";
export type { WorkflowStep } from "./steps/nodes.ts";
export type { StepOptions } from "./steps/single-step.ts";
export type { EmbeddedEvent, ExecutorPart, ExecutorParts, StepEvent } from "./steps/step-events.ts";
export { StepResult, type StepDecision, type StepFunction, type StepInput } from "./steps/step-input.ts";
export type { StepNode } from "./steps/step-node.ts";
export type { StepChain, WorkflowSteps } from "./steps/step-types.ts";
export { chain, condition, loop, parallel, router, sequence, step } from "./steps/steps.ts";
export type { RunEnd, Turn } from "./turn.ts";
export { Workflow } from "./workflow.ts";
export type { ContinueWorkflowOptions, WorkflowEvent, WorkflowOptions, WorkflowRunResult } from "./workflow-options.ts";
export type { EndedStep, WorkflowHookOptions, WorkflowHooks, WorkflowRunEvent } from "./workflow-hooks.ts";
export type { WorkflowStream } from "./workflow-stream.ts";
