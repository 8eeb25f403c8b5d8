import { InvalidArgumentError, type JsonValue, type Run } from "@sessiondb/core";
import {
  atLeast,
  count,
  flag,
  nonEmptyText,
  optional,
  readOptions,
  untilAborted,
  type OptionReaders,
  type OptionsRead,
} from "@sessiondb/core/adapter";
import { runInside, unfinished, type Executor } from "../executor.ts";
import { jsonOf, portable, textOf } from "../outside-values.ts";
import { checkSwitches } from "../run-options.ts";
import { insideOf } from "../run-scope.ts";
import { withStepChanged } from "../runs-inside.ts";
import { metricsOf } from "../session-metrics.ts";
import { StepResult, type StepFunction, type StepInput } from "./step-input.ts";
import { decisionOf, StepNode, type StepOutcome, type StepPlace } from "./step-node.ts";

export interface StepOptions {
  /** Later steps find its output by this name; if a name repeats, the last output. */
  name: string;
  /** The function, agent, team or workflow that does the step's work. */
  run: StepFunction | Executor;
  /** The number of retries after a failure. Default 0. */
  maxRetries?: number | undefined;
  /** Whether the workflow continues if the last attempt fails. Default false. */
  skipOnFailure?: boolean | undefined;
  /** Whether the step receives the workflow's earlier runs as text. Default: the workflow's setting. */
  addWorkflowHistory?: boolean | undefined;
  /** The number of those runs. Default: the workflow's number if it gives steps its history, else 3. */
  numHistoryRuns?: number | undefined;
}

const defaultHistoryRuns = 3;

const optionReaders = {
  name: nonEmptyText,
  run: workOf,
  maxRetries: count({ from: 0, otherwise: 0 }),
  skipOnFailure: flag(false),
  addWorkflowHistory: optional(flag(false)),
  numHistoryRuns: optional(atLeast(0)),
} satisfies OptionReaders<StepOptions>;

/** Checks that a value can do the work of a step. */
export function workOf(value: unknown, argument: string): StepFunction | Executor {
  const isExecutor = typeof value === "object" && value !== null && "runEmbedded" in value;
  if (!isExecutor && typeof value !== "function") {
    throw new InvalidArgumentError(argument, "a function, an agent, a team or a workflow");
  }
  return value as StepFunction | Executor;
}

/** A step that runs a function, an agent, a team or a workflow. */
export class SingleStep extends StepNode {
  readonly name: string;
  readonly #options: OptionsRead<typeof optionReaders>;

  constructor(options: StepOptions) {
    super();
    this.#options = readOptions(options, optionReaders);
    checkSwitches(options, this.#options, { addWorkflowHistory: ["numHistoryRuns"] });
    this.name = this.#options.name;
  }

  override get type(): "Function" | "Step" | "Workflow" {
    const { run } = this.#options;
    return typeof run === "function" ? "Function" : run.sessionType === "workflow" ? "Workflow" : "Step";
  }

  protected override async work(place: StepPlace): Promise<StepOutcome> {
    const { maxRetries, skipOnFailure } = this.#options;
    for (let attempt = 0; ; attempt += 1) {
      const outcome = await this.#attempt(place);
      if (outcome.failure === null || place.signal.aborted) {
        return outcome;
      }
      if (attempt >= maxRetries) {
        // The next step gets the input of this one.
        return skipOnFailure
          ? { ...outcome, output: { ...outcome.output, content: place.previous }, failure: null }
          : outcome;
      }
    }
  }

  async #attempt(place: StepPlace): Promise<StepOutcome> {
    const { run } = this.#options;
    try {
      return typeof run === "function" ? await this.#call(run, place) : await this.#execute(run, place);
    } catch (error) {
      return this.failed(error);
    }
  }

  async #call(run: StepFunction, place: StepPlace): Promise<StepOutcome> {
    const { workflow, signal } = place;
    const about = { executorType: "function", executorName: this.name };
    const working = (async () => {
      const input: StepInput = Object.assign(decisionOf(place), { history: this.#history(place), signal });
      return resultOf(await run(input), this.name);
    })();
    try {
      const { content, stop } = await untilAborted(working, signal);
      return { output: this.output({ content, stop, ...about }), stop, failure: null };
    } catch (error) {
      const outcome = this.failed(error, about);
      const { stepId } = outcome.output;
      const { settle, runId } = workflow.scope;
      // A function that ignores the signal may still return something.
      working.then(
        ({ content }) => settle(runId, (row) => withStepChanged(row, stepId, (output) => ({ ...output, content }))),
        () => {},
      );
      return outcome;
    }
  }

  async #execute(executor: Executor, place: StepPlace): Promise<StepOutcome> {
    const { workflow, previous, signal } = place;
    const store = async (run: Run): Promise<void> => {
      workflow.scope.count(run);
      workflow.keep(run);
    };
    const { run, content } = await runInside(executor, {
      input: textOf(previous),
      context: this.#history(place),
      history: [],
      scope: insideOf(workflow.scope, { stepId: this.name, signal, store, checkpoint: workflow.checkpoint }),
    });
    const about = {
      executorType: executor.sessionType,
      executorName: executor.name ?? executor.id,
      stepRunId: run.runId,
      metrics: metricsOf(run)[0] ?? null,
    };
    if (run.status !== "COMPLETED") {
      return this.failed(signal.aborted ? signal.reason : unfinished(about.executorName, run), about);
    }
    return { output: this.output({ content: jsonOf(content), ...about }), stop: false, failure: null };
  }

  #history({ workflow }: StepPlace): string | null {
    const { addWorkflowHistory = workflow.historyRuns !== null, numHistoryRuns } = this.#options;
    return addWorkflowHistory ? workflow.history(numHistoryRuns ?? workflow.historyRuns ?? defaultHistoryRuns) : null;
  }

  override get historyRuns(): number {
    const { addWorkflowHistory = false, numHistoryRuns = defaultHistoryRuns } = this.#options;
    return addWorkflowHistory ? numHistoryRuns : 0;
  }
}

/** Returns what a function returned as it is now: what it changes afterwards is not stored. */
function resultOf(
  returned: Awaited<ReturnType<StepFunction>>,
  name: string,
): { readonly content: JsonValue; readonly stop: boolean } {
  const { content, stop } = StepResult.isInstance(returned) ? returned : new StepResult({ content: returned ?? null });
  return { content: jsonOf(portable(content, `The content of the step ${JSON.stringify(name)}`)), stop };
}
