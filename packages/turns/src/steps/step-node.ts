import type { JsonValue, Metrics, Run, StepOutput } from "@sessiondb/core";
import { messageOf, thrownOf } from "../outside-values.ts";
import { runContext, type RunScope } from "../run-scope.ts";
import type { StepDecision } from "./step-input.ts";

/** Everything that the steps of one run share. */
interface WorkflowScope {
  readonly scope: RunScope;
  readonly input: JsonValue;
  /** Returns the newest n runs of the workflow before this one as text; null if there are none. */
  readonly history: (numRuns: number) => string | null;
  /** The number of past runs that a step receives unless it sets its own; null for none. */
  readonly historyRuns: number | null;
  /** Keeps a run of an agent, team or workflow that has ended. */
  readonly keep: (run: Run) => void;
  /** Stores one as far as it is, in the background. */
  readonly checkpoint: (runId: string, run: () => Run) => void;
  readonly onStart: (name: string) => void;
  readonly onEnd: (name: string, output: StepOutput) => void;
}

/** The place of a step in a run. */
export interface StepPlace {
  readonly workflow: WorkflowScope;
  readonly previous: JsonValue;
  readonly outputs: Readonly<Record<string, StepOutput>>;
  /** Ends the step. Parallel steps share one of their own. */
  readonly signal: AbortSignal;
}

/** Returns what a function of a step is given. It may change the values: they are its own. */
export function decisionOf({ workflow, previous, outputs }: StepPlace): StepDecision {
  const values = structuredClone({ input: workflow.input, previous, outputs });
  return Object.assign(runContext(workflow.scope), values);
}

export interface StepOutcome {
  readonly output: StepOutput;
  /** Whether the workflow ends here, completed. */
  readonly stop: boolean;
  /** The error that was thrown; null without one. */
  readonly failure: { readonly error: unknown } | null;
}

/** Marks steps, also those of a second copy of this package. */
const marker = Symbol.for("sessiondb.step");

/** A step of a workflow, which does work itself or contains other steps. */
export abstract class StepNode {
  readonly [marker] = true;
  abstract readonly name: string;
  /** The kind of step, as Agno names it. */
  abstract readonly type: "Function" | "Step" | "Steps" | "Parallel" | "Condition" | "Loop" | "Router" | "Workflow";

  /** The number of earlier runs that the step's own options ask for. */
  get historyRuns(): number {
    return 0;
  }

  static isInstance(value: unknown): value is StepNode {
    return typeof value === "object" && value !== null && marker in value;
  }

  /** Runs the step. Never rejects: the outcome holds the error. */
  async run(place: StepPlace): Promise<StepOutcome> {
    place.workflow.onStart(this.name);
    let outcome: StepOutcome;
    try {
      place.signal.throwIfAborted();
      outcome = await this.work(place);
    } catch (error) {
      outcome = this.failed(error);
    }
    place.workflow.onEnd(this.name, outcome.output);
    return outcome;
  }

  protected abstract work(place: StepPlace): Promise<StepOutcome>;

  protected failed(thrown: unknown, more: Partial<StepOutput> = {}): StepOutcome {
    const error = thrownOf(thrown);
    const output = this.output({ success: false, error: messageOf(error), ...more });
    return { output, stop: false, failure: { error } };
  }

  /** Makes an output with all the keys that Agno expects. */
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

  /** Makes the outcome of a step from those of the steps inside it. */
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

/** Runs steps one after another, each with the content of the one before, until one fails or stops. */
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
    outputs = { ...outputs, ...outputsByName([outcome]) };
  }
  return outcomes;
}

/** Returns outputs, also of the steps inside, by the names of their steps; if a name repeats, the last one. */
export function outputsByName(outcomes: readonly StepOutcome[]): Record<string, StepOutput> {
  const flat = (output: StepOutput): StepOutput[] => [...(output.steps ?? []).flatMap(flat), output];
  return Object.fromEntries(outcomes.flatMap(({ output }) => flat(output)).map((each) => [each.stepName ?? "", each]));
}

export function contentOf(output: StepOutput | undefined): JsonValue {
  return output?.content ?? null;
}
