import { type JsonValue, type Run, type StepMetrics, type StepOutput, type WorkflowRun } from "@sessiondb/core";
import type { EmbeddedContinuation } from "./executor.ts";
import { changesKept, withoutChanges } from "./kept-changes.ts";
import { messageOf } from "./outside-values.ts";
import { promptData } from "./prompt-data.ts";
import { scopeFields, type RunScope } from "./run-scope.ts";
import { running, withoutMark } from "./running-mark.ts";
import { pauseFields } from "./step-requirements.ts";
import type { StepEvent } from "./steps/step-events.ts";
import { contentOf, runInOrder, type StepNode, type StepOutcome } from "./steps/step-node.ts";
import type { EndedStep } from "./workflow-hooks.ts";
import { continuable, notContinuable, type ContinuedRun } from "./workflow-continuation.ts";

export interface WorkflowRunOptions {
  readonly nodes: readonly StepNode[];
  readonly identity: Pick<WorkflowRun, "workflowId" | "workflowName">;
  /** The number of past runs that a step receives unless it sets its own; null for none. */
  readonly historyRuns: number | null;
  readonly storesExecutorRuns: boolean;
  readonly scope: RunScope;
  readonly input: JsonValue;
  /** The run that goes on; null for one that begins. */
  readonly continued: ContinuedRun | null;
  /** Takes what happens; null if nobody reads it. */
  readonly emit: ((event: StepEvent) => void) | null;
  /** Takes each step that has ended. */
  readonly ended: (step: EndedStep) => void;
}

/** One run of a workflow. Runs the steps and makes the rows. */
export class RunOfWorkflow {
  readonly #options: WorkflowRunOptions;
  readonly #start = performance.now();
  /** The run as it was when it went on. Those of its fields that are not made anew stay. */
  readonly #base: Partial<WorkflowRun>;
  /** The outputs so far, also of steps that are not done. */
  #outputs: readonly StepOutput[];
  readonly #kept: Map<string, Run>;
  /** The runs inside this one that go on. */
  readonly #underWay = new Map<string, () => Run>();
  #isCheckpointDue = false;
  #hasEnded = false;

  constructor(options: WorkflowRunOptions) {
    this.#options = options;
    const { continued } = options;
    const { stepResults, stepExecutorRuns, ...base }: Partial<WorkflowRun> =
      continued === null ? {} : withoutChanges(continued.run);
    this.#base = base;
    this.#outputs = stepResults ?? [];
    this.#kept = new Map((stepExecutorRuns ?? []).map((run) => [run.runId, run]));
  }

  /** The run's row as far as the run is. */
  get running(): WorkflowRun {
    const { state, depth } = this.#options.scope;
    return this.#run({
      status: "RUNNING",
      ...(this.#outputs.length > 0 && { stepResults: [...this.#outputs] }),
      ...this.#inside(this.#runs(running), { isDone: false }),
      // What the steps did to the state is stored at the end: a process that dies before leaves it here.
      ...(depth === 0 && { extra: { ...this.#base.extra, ...changesKept(state) } }),
    });
  }

  /** Runs the steps. Never rejects. */
  async execute(): Promise<{ readonly run: WorkflowRun; readonly error: unknown }> {
    const { nodes, input, scope, historyRuns, continued, emit, ended } = this.#options;
    const { session, signal } = scope;
    const workflow = {
      scope,
      input,
      historyRuns,
      history: (numRuns: number) => {
        const turns = session?.sessionType === "workflow" ? session.getWorkflowHistory({ numRuns }) : [];
        return turns.length === 0 ? null : promptData("workflow_history", turns);
      },
      keep: (run: Run) => {
        this.#underWay.delete(run.runId);
        this.#kept.set(run.runId, run);
      },
      checkpoint: (runId: string, run: () => Run) => {
        this.#underWay.set(runId, run);
        scope.checkpoint(scope.runId, () => this.running);
      },
      continuations: continued?.continuations ?? new Map<string, EmbeddedContinuation>(),
      emit,
      ended,
    };
    const before = this.#outputs;
    const note = (outputs: readonly StepOutput[]): void => {
      this.#outputs = outputs;
      this.#checkpointSoon();
    };
    const place = { workflow, previous: input, outputs: {}, signal, path: [], before: null, note: () => {} };
    const outcomes = await runInOrder(nodes, place, { before, note });
    this.#hasEnded = true;
    const failure = outcomes.find((outcome) => outcome.failure !== null)?.failure ?? null;
    const stepResults = outcomes.map(({ output }) => output);
    const isPaused = stepResults.some((output) => output.isPaused === true);
    const status = failure !== null ? (signal.aborted ? "CANCELLED" : "ERROR") : isPaused ? "PAUSED" : "COMPLETED";
    const seconds = (performance.now() - this.#start) / 1000;
    const stored = this.#run({
      status,
      content: failure === null ? contentOf(isPaused ? undefined : stepResults.at(-1)) : messageOf(failure.error),
      stepResults,
      ...this.#inside(this.#runs(abandoned), { isDone: status === "COMPLETED" }),
      metrics: { steps: stepMetrics(outcomes), duration: (this.#base.metrics?.duration ?? 0) + seconds },
    });
    const run = { ...stored, ...pauseFields(stored) };
    return { run: status === "COMPLETED" ? notContinuable(run) : continuable(run), error: failure?.error ?? null };
  }

  /** Stores the run as far as it is, unless it ends at once: then that write has it all. */
  #checkpointSoon(): void {
    const { scope } = this.#options;
    if (this.#isCheckpointDue) {
      return;
    }
    this.#isCheckpointDue = true;
    setImmediate(() => {
      this.#isCheckpointDue = false;
      if (!this.#hasEnded) {
        scope.checkpoint(scope.runId, () => this.running);
      }
    });
  }

  /** Returns the runs inside this one, those that go on as `goesOn` has them. */
  #runs(goesOn: (run: Run) => Run): Run[] {
    const runs = new Map([...this.#kept, ...[...this.#underWay].map(([runId, run]): [string, Run] => [runId, run()])]);
    return [...runs.values()].map((run) => (run.status === "RUNNING" ? goesOn(run) : run));
  }

  /** Runs that are not done are kept until this one is: it goes on with them. */
  #inside(runs: readonly Run[], { isDone }: { readonly isDone: boolean }): Pick<WorkflowRun, "stepExecutorRuns"> {
    const kept = this.#options.storesExecutorRuns
      ? runs
      : runs.filter(({ status }) => !isDone && status !== "COMPLETED");
    return kept.length > 0 ? { stepExecutorRuns: [...kept] } : {};
  }

  #run(fields: Partial<WorkflowRun>): WorkflowRun {
    const { identity, scope, input } = this.#options;
    return continuable({
      ...this.#base,
      runType: "workflow",
      ...identity,
      ...scopeFields(scope),
      input,
      ...fields,
    });
  }
}

/** Returns a run that did not end in time, or did not begin to go on. */
function abandoned(run: Run): Run {
  return { ...withoutMark(run), status: "CANCELLED" };
}

/** Returns the metrics of steps by name. Function steps have none. */
function stepMetrics(outcomes: readonly StepOutcome[]): Record<string, StepMetrics> {
  const metrics: Record<string, StepMetrics> = {};
  const collect = (output: StepOutput): void => {
    const { stepName, executorType, executorName } = output;
    if (output.metrics && stepName) {
      metrics[stepName] = {
        stepName,
        executorType: executorType ?? null,
        executorName: executorName ?? null,
        metrics: output.metrics,
      };
    }
    output.steps?.forEach(collect);
  };
  for (const { output } of outcomes) {
    collect(output);
  }
  return metrics;
}
