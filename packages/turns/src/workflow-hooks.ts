import type { JsonObject, StepOutput, WorkflowRun } from "@sessiondb/core";
import { optional, type OptionReaders } from "@sessiondb/core/adapter";
import { HookCaller, hooksReader } from "./hooks.ts";
import type { Known } from "./known.ts";
import type { RunContext } from "./run-scope.ts";

/** The run that a hook of a workflow is told about. */
export interface WorkflowRunEvent<State extends object = JsonObject> {
  /** The same view of the run that the functions of its steps have. */
  readonly context: RunContext<Known<State, JsonObject>>;
  /** The workflow that runs. */
  readonly component: { readonly sessionType: "workflow"; readonly id: string; readonly name: string | null };
  /** The run around this one, of a team or a workflow; null for a run of its own. */
  readonly parentRunId: string | null;
  /** Whether the run had paused or stopped, and now continues. */
  readonly isContinued: boolean;
}

/** A step that has ended. */
export interface EndedStep {
  readonly name: string;
  /** The names of the steps around it, outermost first, and its own. */
  readonly path: readonly string[];
  /** Its `success` is false if it failed. */
  readonly output: StepOutput;
}

/**
 * Observers of the runs of a workflow, also of those inside teams and workflows. They are called as things happen, in this
 * order, and not waited for: no hook delays a run or changes how it ends. What a hook throws, or rejects with, is a process
 * warning without content; `idle` and `close` wait for hooks, a minute at most, and `waitUntil` takes their promises.
 */
export interface WorkflowHooks<State extends object = JsonObject> {
  /** A run begins, or continues. Exactly one of `onEnd` and `onError` follows. A call that is refused begins no run. */
  onStart?: ((event: WorkflowRunEvent<State>) => unknown) | undefined;
  /** A step has ended, at any depth; the steps inside one come before it. One that waits has not ended. */
  onStep?: ((event: WorkflowRunEvent<State> & { readonly step: EndedStep }) => unknown) | undefined;
  /** A run is stored as COMPLETED, PAUSED or CANCELLED. */
  onEnd?: ((event: WorkflowRunEvent<State> & { readonly run: WorkflowRun }) => unknown) | undefined;
  /** A run has failed, or its storage has. `run` is the run as it ended, or would have been stored. */
  onError?:
    | ((event: WorkflowRunEvent<State> & { readonly error: unknown; readonly run: WorkflowRun }) => unknown)
    | undefined;
}

/** The options for hooks. */
export interface WorkflowHookOptions<State extends object = JsonObject> {
  /** Observers of the runs. */
  hooks?: WorkflowHooks<State> | undefined;
}

const names = ["onStart", "onStep", "onEnd", "onError"] as const satisfies readonly (keyof WorkflowHooks)[];

export const workflowHookReaders = {
  hooks: optional(hooksReader(names)),
} satisfies OptionReaders<WorkflowHookOptions>;

/** Tells the hooks what happens in one run. */
export class WorkflowObserver extends HookCaller<(typeof names)[number]> {
  started(): void {
    this.tell("onStart", {});
  }

  stepEnded(step: EndedStep): void {
    this.tell("onStep", { step });
  }

  ended(run: WorkflowRun): void {
    this.tell("onEnd", { run });
  }

  failed(error: unknown, run: WorkflowRun): void {
    this.tell("onError", { error, run });
  }
}
