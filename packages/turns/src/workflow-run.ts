import { type JsonValue, type Run, type StepMetrics, type StepOutput, type WorkflowRun } from "@sessiondb/core";
import { messageOf } from "./outside-values.ts";
import { promptData } from "./prompt-data.ts";
import { scopeFields, type RunScope } from "./run-scope.ts";
import { running } from "./running-mark.ts";
import { contentOf, runInOrder, type StepNode, type StepOutcome } from "./steps/step-node.ts";

export interface WorkflowRunOptions {
  readonly nodes: readonly StepNode[];
  readonly identity: Pick<WorkflowRun, "workflowId" | "workflowName">;
  /** The number of past runs that a step receives unless it sets its own; null for none. */
  readonly historyRuns: number | null;
  readonly storesExecutorRuns: boolean;
  readonly scope: RunScope;
  readonly input: JsonValue;
  readonly onStart?: (name: string) => void;
  readonly onEnd?: (name: string, output: StepOutput) => void;
}

/** One run of a workflow. Runs the steps and makes the rows. */
export class RunOfWorkflow {
  readonly #options: WorkflowRunOptions;
  readonly #start = performance.now();
  readonly #kept: Run[] = [];
  /** The runs inside this one that go on. */
  readonly #underWay = new Map<string, () => Run>();

  constructor(options: WorkflowRunOptions) {
    this.#options = options;
  }

  /** The run's row while it is in progress. */
  get running(): WorkflowRun {
    return this.#run({ status: "RUNNING" });
  }

  /** Runs the steps. Never rejects. */
  async execute(): Promise<{ readonly run: WorkflowRun; readonly error: unknown }> {
    const { nodes, input, scope, historyRuns, onStart = () => {}, onEnd = () => {} } = this.#options;
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
        this.#kept.push(run);
      },
      checkpoint: (runId: string, run: () => Run) => {
        this.#underWay.set(runId, run);
        scope.checkpoint(scope.runId, () => this.#soFar());
      },
      onStart,
      onEnd,
    };
    const outcomes = await runInOrder(nodes, { workflow, previous: input, outputs: {}, signal });
    const failure = outcomes.find((outcome) => outcome.failure !== null)?.failure ?? null;
    const stepResults = outcomes.map(({ output }) => output);
    const run = this.#run({
      status: failure === null ? "COMPLETED" : signal.aborted ? "CANCELLED" : "ERROR",
      content: failure === null ? contentOf(stepResults.at(-1)) : messageOf(failure.error),
      stepResults,
      ...this.#inside(this.#kept),
      metrics: { steps: stepMetrics(outcomes), duration: (performance.now() - this.#start) / 1000 },
    });
    return { run, error: failure?.error ?? null };
  }

  #soFar(): WorkflowRun {
    const goingOn = [...this.#underWay.values()].map((run) => running(run()));
    return this.#run({ status: "RUNNING", ...this.#inside([...this.#kept, ...goingOn]) });
  }

  #inside(runs: readonly Run[]): Pick<WorkflowRun, "stepExecutorRuns"> {
    return this.#options.storesExecutorRuns && runs.length > 0 ? { stepExecutorRuns: [...runs] } : {};
  }

  #run(fields: Partial<WorkflowRun>): WorkflowRun {
    const { identity, scope, input } = this.#options;
    return { runType: "workflow", ...identity, ...scopeFields(scope), input, ...fields };
  }
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
