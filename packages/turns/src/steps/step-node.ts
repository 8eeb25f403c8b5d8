import type { JsonObject, JsonValue, Metrics, Run, StepOutput } from "@sessiondb/core";
import type { EmbeddedContinuation, Executor } from "../executor.ts";
import type { Unset } from "../known.ts";
import { messageOf, thrownOf } from "../outside-values.ts";
import { runContext, type RunScope } from "../run-scope.ts";
import type { EndedStep } from "../workflow-hooks.ts";
import type { StepEvent } from "./step-events.ts";
import type { StepDecision } from "./step-input.ts";
import type { Flow } from "./flow.ts";
import { isDone, isWaiting } from "./stored-steps.ts";

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
  /** The runs of agents, teams and workflows that go on, by their ids. */
  readonly continuations: ReadonlyMap<string, EmbeddedContinuation>;
  /** Takes what happens; null if nobody reads it. */
  readonly emit: ((event: StepEvent) => void) | null;
  /** Takes each step that has ended. */
  readonly ended: (step: EndedStep) => void;
}

/** The place of a step in a run. */
export interface StepPlace {
  readonly workflow: WorkflowScope;
  readonly previous: JsonValue;
  readonly outputs: Readonly<Record<string, StepOutput>>;
  /** Ends the step. Parallel steps share one of their own. */
  readonly signal: AbortSignal;
  /** The names of the steps around this one, outermost first; within its `work`, with its own. */
  readonly path: readonly string[];
  /** What is stored of the step from before the run went on; null if it begins here. */
  readonly before: StepOutput | null;
  /** Takes the step's output as far as it is. */
  readonly note: (output: StepOutput) => void;
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
export abstract class StepNode<Previous = Unset, Content = Unset> implements Flow<Previous, Content> {
  readonly [marker] = true;
  declare readonly "~flow"?: (previous: Previous) => Content;
  abstract readonly name: string;
  /** The kind of step, as Agno names it. */
  abstract readonly type: "Function" | "Step" | "Steps" | "Parallel" | "Condition" | "Loop" | "Router" | "Workflow";

  /** The number of earlier runs that the step's own options ask for. */
  get historyRuns(): number {
    return 0;
  }

  /** The agent, team or workflow that does the work; null without one. */
  get executor(): Executor | null {
    return null;
  }

  /**
   * Returns the answer to the step as it is stored.
   *
   * @throws InvalidArgumentError when it does not fit.
   */
  async checkedResumeData(resumeData: JsonValue): Promise<JsonValue> {
    return resumeData;
  }

  static isInstance(value: unknown): value is StepNode {
    return typeof value === "object" && value !== null && marker in value;
  }

  /** The steps of the outputs inside an output of this one, in their order. */
  nodesOf(_before: StepOutput): readonly StepNode[] {
    return [];
  }

  /** Runs the step, or what is left of it. Never rejects: the outcome holds the error. */
  async run(given: StepPlace): Promise<StepOutcome> {
    const { before } = given;
    if (before !== null && (isDone(before) || isWaiting(before))) {
      return { output: before, stop: isDone(before) && before.stop === true, failure: null };
    }
    let last = before;
    const note = (output: StepOutput): void => {
      last = output;
      given.note(output);
    };
    const place = { ...given, path: [...given.path, this.name], note };
    const { workflow, path } = place;
    const { name } = this;
    workflow.emit?.({ type: "step-started", name, path });
    let outcome: StepOutcome;
    try {
      place.signal.throwIfAborted();
      outcome = await this.work(place);
    } catch (error) {
      outcome = this.failed(error, last === null ? {} : progressOf(last));
    }
    const { output } = outcome;
    note(output);
    if (output.isPaused !== true) {
      workflow.emit?.({ type: "step-completed", name, path, output });
      workflow.ended({ name, path, output });
    }
    return outcome;
  }

  protected abstract work(place: StepPlace): Promise<StepOutcome>;

  protected failed(thrown: unknown, more: Partial<StepOutput> = {}): StepOutcome {
    const error = thrownOf(thrown);
    const output = this.output({ success: false, error: messageOf(error), ...more });
    return { output, stop: false, failure: { error } };
  }

  /** Returns the output of the step before it has one. */
  unfinished(more: Partial<StepOutput> = {}): StepOutput {
    return this.output({ success: false, ...more });
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

  /** Makes the outcome of a step from those of the steps inside it. `extra` is what it needs to go on. */
  protected around(inside: readonly StepOutcome[], content: JsonValue, extra: JsonObject = {}): StepOutcome {
    const failed = inside.find(({ failure }) => failure !== null);
    const steps = inside.map(({ output }) => output);
    if (failed !== undefined) {
      return this.failed(failed.failure?.error, { steps, extra });
    }
    if (steps.some(({ isPaused }) => isPaused === true)) {
      return { output: this.output({ isPaused: true, steps, extra }), stop: false, failure: null };
    }
    const stop = inside.some((outcome) => outcome.stop);
    return { output: this.output({ content, stop, steps }), stop, failure: null };
  }
}

/** Returns what a step needs to go on where it stopped. */
function progressOf({ steps, stepRunId, executorType, executorName, extra }: StepOutput): Partial<StepOutput> {
  return {
    stepRunId: stepRunId ?? null,
    executorType: executorType ?? null,
    executorName: executorName ?? null,
    ...(steps && { steps }),
    ...(extra !== undefined && { extra }),
  };
}

interface Order {
  /** What is stored of the steps from before the run went on. */
  readonly before: readonly StepOutput[];
  /** Takes their outputs as far as they are. */
  readonly note: (outputs: readonly StepOutput[]) => void;
}

/** Runs steps one after another, each with the content of the one before, until one fails, stops or waits. */
export async function runInOrder(
  nodes: readonly StepNode[],
  place: StepPlace,
  { before, note }: Order,
): Promise<StepOutcome[]> {
  const outcomes: StepOutcome[] = [];
  let { previous, outputs } = place;
  for (const [index, node] of nodes.entries()) {
    const done = outcomes.map(({ output }) => output);
    const outcome = await node.run({
      ...place,
      previous,
      outputs,
      before: before[index] ?? null,
      note: (output) => note([...done, output]),
    });
    outcomes.push(outcome);
    if (outcome.failure !== null || outcome.stop || outcome.output.isPaused === true) {
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
