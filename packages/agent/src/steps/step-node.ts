import type { JsonValue, Metrics, Run, StepOutput } from "@sessiondb/core";
import type { RunState } from "../run-state.ts";

/** What all steps of one run share. */
interface WorkflowScope {
  readonly runId: string;
  readonly sessionId: string;
  readonly userId: string | null;
  readonly input: JsonValue;
  readonly state: RunState;
  /** How many runs this one is inside of. */
  readonly depth: number;
  /** The text of the newest n runs of the workflow before this one; null if there are none. */
  readonly history: (numRuns: number) => string | null;
  /** The number of runs that steps without a word of their own are told; null for none. */
  readonly historyRuns: number | null;
  /** Gets the runs of agents, teams and workflows as they end. */
  readonly keep: (run: Run) => void;
  readonly onStart: (name: string) => void;
  readonly onEnd: (name: string, output: StepOutput) => void;
}

/** Where in the workflow a step runs. */
export interface StepPlace {
  readonly scope: WorkflowScope;
  readonly previous: JsonValue;
  readonly outputs: Readonly<Record<string, StepOutput>>;
  readonly signal: AbortSignal;
}

export interface StepOutcome {
  readonly output: StepOutput;
  /** Whether the workflow ends here, completed. */
  readonly stop: boolean;
  /** What was thrown; null if nothing was. */
  readonly failure: { readonly error: unknown } | null;
}

/** A step of a workflow: one that works, or one that others are inside of. */
export abstract class StepNode {
  abstract readonly name: string;
  /** Agno's word for the kind of step. */
  abstract readonly type: "Function" | "Step" | "Steps" | "Parallel" | "Condition" | "Loop" | "Router" | "Workflow";

  /** Runs the step. Never rejects: the outcome has what was thrown. */
  async run(place: StepPlace): Promise<StepOutcome> {
    place.scope.onStart(this.name);
    let outcome: StepOutcome;
    try {
      place.signal.throwIfAborted();
      outcome = await this.work(place);
    } catch (error) {
      outcome = this.failed(error);
    }
    place.scope.onEnd(this.name, outcome.output);
    return outcome;
  }

  protected abstract work(place: StepPlace): Promise<StepOutcome>;

  protected failed(error: unknown, more: Partial<StepOutput> = {}): StepOutcome {
    const message = error instanceof Error ? error.message : String(error);
    return { output: this.output({ success: false, error: message, ...more }), stop: false, failure: { error } };
  }

  /** With all the keys that Agno wants. */
  protected output(fields: Partial<StepOutput> & { metrics?: Metrics | null }): StepOutput {
    return {
      content: null,
      stepName: this.name,
      stepId: crypto.randomUUID(),
      stepType: this.type,
      executorType: null,
      executorName: null,
      stepRunId: null,
      images: null,
      videos: null,
      audio: null,
      files: null,
      metrics: null,
      success: true,
      error: null,
      stop: false,
      isPaused: false,
      ...fields,
    };
  }

  /** The output of a step that others ran inside of. */
  protected around(inside: readonly StepOutcome[], content: JsonValue): StepOutcome {
    const failed = inside.find(({ failure }) => failure !== null);
    const steps = inside.map(({ output }) => output);
    if (failed !== undefined) {
      return this.failed(failed.failure?.error, { steps });
    }
    const stop = inside.some((outcome) => outcome.stop);
    return { output: this.output({ content, stop, steps }), stop, failure: null };
  }
}

/** Runs steps one after another, each with what the one before gave, until one fails or stops. */
export async function runInOrder(nodes: readonly StepNode[], place: StepPlace): Promise<StepOutcome[]> {
  const outcomes: StepOutcome[] = [];
  let { previous, outputs } = place;
  for (const node of nodes) {
    const outcome = await node.run({ ...place, previous, outputs });
    outcomes.push(outcome);
    if (outcome.failure !== null || outcome.stop) {
      break;
    }
    previous = contentOf(outcome.output);
    outputs = { ...outputs, [node.name]: outcome.output };
  }
  return outcomes;
}

export function contentOf(output: StepOutput | undefined): JsonValue {
  return output?.content ?? null;
}
