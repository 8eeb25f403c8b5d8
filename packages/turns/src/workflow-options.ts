import type { JsonObject, JsonValue, StepOutput, WorkflowRun } from "@sessiondb/core";
import {
  asGiven,
  checkText,
  count,
  flag,
  optional,
  type OptionReaders,
  type OptionsRead,
} from "@sessiondb/core/adapter";
import { componentReaders, type ComponentOptions } from "./component-options.ts";
import type { WorkflowStep } from "./steps/nodes.ts";

/** The options of a workflow. */
export interface WorkflowOptions<State extends object = JsonObject> extends ComponentOptions<State> {
  /** The purpose of the workflow. */
  description?: string | undefined;
  /** Its steps, in order; see `step`, `parallel`, `condition`, `loop` and `router`. */
  steps: readonly WorkflowStep[];
  /** Whether steps get the workflow's earlier runs in the session as text. A step can override it. Default false. */
  addWorkflowHistoryToSteps?: boolean | undefined;
  /** The number of those runs. Default 3. */
  numHistoryRuns?: number | undefined;
  /** Whether the runs of agents, teams and workflows are stored inside the workflow's run. Default true. */
  storeExecutorOutputs?: boolean | undefined;
}

export const workflowReaders = {
  ...componentReaders,
  description: optional(checkText),
  steps: asGiven<readonly WorkflowStep[]>(),
  addWorkflowHistoryToSteps: flag(false),
  numHistoryRuns: count({ from: 0, otherwise: 3 }),
  storeExecutorOutputs: flag(true),
} satisfies OptionReaders<WorkflowOptions>;

/** The options of a workflow, checked and with their defaults. */
export type WorkflowSettings = OptionsRead<typeof workflowReaders>;

/** The outcome of a run of a workflow. */
export interface WorkflowRunResult<State extends object = JsonObject> {
  readonly runId: string;
  /** Pass it to the next run to continue this session. */
  readonly sessionId: string;
  readonly userId: string | null;
  /** COMPLETED; or CANCELLED, from a stream only. */
  readonly status: "COMPLETED" | "CANCELLED";
  /** The content of the last step. */
  readonly content: JsonValue;
  readonly stepResults: readonly StepOutput[];
  /** The session state as the run left it. */
  readonly sessionState: State;
  /** The run as it was stored. */
  readonly run: WorkflowRun;
  /** With `onStorageError: "continue"`, the first storage failure that was ignored; else null. */
  readonly storageError: unknown;
}

/** An event of a running workflow. */
export type WorkflowEvent<State extends object = JsonObject> =
  | { readonly type: "workflow-started"; readonly runId: string; readonly sessionId: string }
  | { readonly type: "step-started"; readonly name: string }
  | { readonly type: "step-completed"; readonly name: string; readonly output: StepOutput }
  | { readonly type: "workflow-completed"; readonly result: WorkflowRunResult<State> };
