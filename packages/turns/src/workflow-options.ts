import type { JsonObject, JsonValue, StepOutput, WorkflowRun } from "@sessiondb/core";
import {
  aFunction,
  asGiven,
  checkText,
  count,
  flag,
  identifier,
  optional,
  type OptionReaders,
  type OptionsRead,
} from "@sessiondb/core/adapter";
import { componentReaders, type ComponentOptions } from "./component-options.ts";
import type { Unset } from "./known.ts";
import { jsonOf, portable } from "./outside-values.ts";
import { runOptionReaders, type RunOptions } from "./run-options.ts";
import type { SuspendedStep } from "./step-requirements.ts";
import { workflowHookReaders, type WorkflowHookOptions } from "./workflow-hooks.ts";
import type { WorkflowStep } from "./steps/nodes.ts";
import type { WorkflowSteps } from "./steps/step-types.ts";
import type { StepEvent } from "./steps/step-events.ts";

/** The options of a workflow. */
export interface WorkflowOptions<State extends object = JsonObject, Input = Unset, Content = Unset>
  extends ComponentOptions<State>, WorkflowHookOptions<State> {
  /** The purpose of the workflow. */
  description?: string | undefined;
  /** Its steps, in order; see `chain`, `step`, `parallel`, `condition`, `loop` and `router`. */
  steps: WorkflowSteps<Input, Content>;
  /** Whether steps get the workflow's earlier runs in the session as text. A step can override it. Default false. */
  addWorkflowHistoryToSteps?: boolean | undefined;
  /** The number of those runs. Default 3. */
  numHistoryRuns?: number | undefined;
  /** Whether the runs of agents, teams and workflows are stored inside the workflow's run. Default true. */
  storeExecutorOutputs?: boolean | undefined;
  /**
   * Takes the promise of each hook that takes its time, for hosts that stop a function once it has answered. It never
   * rejects.
   */
  waitUntil?: ((work: Promise<unknown>) => void) | undefined;
}

export const workflowReaders = {
  ...componentReaders,
  ...workflowHookReaders,
  description: optional(checkText),
  steps: asGiven<readonly WorkflowStep[]>(),
  addWorkflowHistoryToSteps: flag(false),
  numHistoryRuns: count({ from: 0, otherwise: 3 }),
  storeExecutorOutputs: flag(true),
  waitUntil: optional(aFunction<NonNullable<WorkflowOptions["waitUntil"]>>()),
} satisfies OptionReaders<WorkflowOptions>;

/** The options of a workflow, checked and with their defaults. */
export type WorkflowSettings = OptionsRead<typeof workflowReaders>;

interface WorkflowOutcome<State extends object> {
  readonly runId: string;
  /** Pass it to the next run to continue this session. */
  readonly sessionId: string;
  readonly userId: string | null;
  /** The steps that wait for an answer, which `continueRun` takes; none unless the run is PAUSED. */
  readonly suspended: readonly SuspendedStep[];
  readonly stepResults: readonly StepOutput[];
  /** The session state as the run left it. */
  readonly sessionState: State;
  /** The run as it was stored. */
  readonly run: WorkflowRun;
  /** With `onStorageError: "continue"`, the first storage failure that was ignored; else null. */
  readonly storageError: unknown;
}

/** The outcome of a run of a workflow. */
export type WorkflowRunResult<State extends object = JsonObject, Content = JsonValue> = WorkflowOutcome<State> &
  (
    | {
        readonly status: "COMPLETED";
        /** The content of the last step. */
        readonly content: Content;
      }
    /** A step waits. */
    | { readonly status: "PAUSED"; readonly content: null }
    /** From a stream only. The content tells why. */
    | { readonly status: "CANCELLED"; readonly content: JsonValue }
  );

/** An event of a running workflow. */
export type WorkflowEvent<State extends object = JsonObject, Content = JsonValue> =
  | { readonly type: "workflow-started"; readonly runId: string; readonly sessionId: string }
  | StepEvent
  /** The last event of a run that waits. It is stored. */
  | { readonly type: "workflow-suspended"; readonly result: WorkflowRunResult<State, Content> }
  /** The last event of any other run that did not fail. It is stored. */
  | { readonly type: "workflow-completed"; readonly result: WorkflowRunResult<State, Content> };

/** Names a run that goes on. */
export interface ContinueWorkflowOptions<State extends object = JsonObject> extends RunOptions<State> {
  runId: string;
  sessionId: string;
  /**
   * The answer to the step that waits: JSON, which its function gets as `resumeData`; for an agent or a team the decisions
   * about its calls, like the `approvals` of its own `continueRun`. Required for a PAUSED run. A run that failed goes on
   * without it.
   */
  resumeData?: JsonValue | undefined;
  /** The `stepId` of that step. Required if several wait. */
  stepId?: string | undefined;
}

export const continueReaders = {
  ...runOptionReaders,
  runId: identifier,
  sessionId: identifier,
  resumeData: optional((value: unknown, argument: string) => jsonOf(portable(value, argument))),
  stepId: optional(identifier),
} satisfies OptionReaders<ContinueWorkflowOptions>;
