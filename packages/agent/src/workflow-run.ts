import {
  type JsonValue,
  type Metrics,
  type Run,
  type StepMetrics,
  type StepOutput,
  type WorkflowRun,
} from "@sessiondb/core";
import { unixSeconds } from "@sessiondb/core/adapter";
import type { RunState } from "./run-state.ts";
import { contentOf, runInOrder, type StepNode, type StepOutcome } from "./steps/step-node.ts";
import { messageOf } from "./tool-executions.ts";

export interface WorkflowRunOptions {
  readonly nodes: readonly StepNode[];
  readonly workflowId: string;
  readonly workflowName: string | null;
  readonly runId: string;
  readonly sessionId: string;
  readonly userId: string | null;
  readonly parentRunId: string | null;
  readonly workflowStepId: string | null;
  readonly input: JsonValue;
  readonly state: RunState;
  readonly signal: AbortSignal;
  readonly depth: number;
  readonly history: (numRuns: number) => string | null;
  readonly historyRuns: number | null;
  readonly storesExecutorRuns: boolean;
  readonly onStart?: (name: string) => void;
  readonly onEnd?: (name: string, output: StepOutput) => void;
}

/** What has come of the steps, and what is stored of it. */
export class WorkflowExecution {
  readonly #options: WorkflowRunOptions;
  readonly #start = performance.now();
  readonly #createdAt = unixSeconds();
  readonly #kept: Run[] = [];

  constructor(options: WorkflowRunOptions) {
    this.#options = options;
  }

  /** The row that shows that the run is under way. */
  get running(): WorkflowRun {
    return this.#run({ status: "RUNNING" });
  }

  /** The metrics of the runs inside. */
  get metrics(): Metrics[] {
    return this.#kept.flatMap((run) => (run.runType === "workflow" || !run.metrics ? [] : [run.metrics]));
  }

  /** Runs the steps. Never rejects. */
  async execute(): Promise<{ readonly run: WorkflowRun; readonly error: unknown }> {
    const { nodes, input, signal, onStart = () => {}, onEnd = () => {} } = this.#options;
    const scope = { ...this.#options, onStart, onEnd, keep: (run: Run) => void this.#kept.push(run) };
    const outcomes = await runInOrder(nodes, { scope, previous: input, outputs: {}, signal });
    const failure = outcomes.find((outcome) => outcome.failure !== null)?.failure ?? null;
    const stepResults = outcomes.map(({ output }) => output);
    const run = this.#run({
      status: failure === null ? "COMPLETED" : signal.aborted ? "CANCELLED" : "ERROR",
      content: failure === null ? contentOf(stepResults.at(-1)) : messageOf(failure.error),
      stepResults,
      ...(this.#options.storesExecutorRuns && this.#kept.length > 0 && { stepExecutorRuns: this.#kept }),
      metrics: { steps: stepMetrics(outcomes), duration: (performance.now() - this.#start) / 1000 },
    });
    return { run, error: failure?.error ?? null };
  }

  #run(fields: Partial<WorkflowRun>): WorkflowRun {
    const { workflowId, workflowName, runId, sessionId, userId, parentRunId, workflowStepId, input } = this.#options;
    return {
      runType: "workflow",
      runId,
      workflowId,
      ...(workflowName !== null && { workflowName }),
      sessionId,
      ...(userId !== null && { userId }),
      ...(parentRunId !== null && { parentRunId }),
      ...(workflowStepId !== null && { workflowStepId }),
      input,
      createdAt: this.#createdAt,
      ...fields,
    };
  }
}

/** By the name of the step; functions have none. */
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
