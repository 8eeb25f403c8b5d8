import type { StandardSchemaV1 } from "@standard-schema/spec";
import {
  InvalidArgumentError,
  SessionDbError,
  type JsonValue,
  type Metrics,
  type Run,
  type StepOutput,
} from "@sessiondb/core";
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
import { runInside, unfinished, type EmbeddedContinuation, type EmbeddedResult, type Executor } from "../executor.ts";
import { jsonOf, portable, textOf } from "../outside-values.ts";
import { checkSwitches } from "../run-options.ts";
import { insideOf } from "../run-scope.ts";
import { withStepChanged } from "../runs-inside.ts";
import { metricsOf } from "../session-metrics.ts";
import type { EmbeddedEvent } from "./step-events.ts";
import { StepResult, type StepFunction, type StepInput } from "./step-input.ts";
import { decisionOf, StepNode, type StepOutcome, type StepPlace } from "./step-node.ts";
import { fitted, fittedAnswer, schema } from "./step-schemas.ts";
import { passed, resumeDataOf } from "./stored-steps.ts";

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
  /** The schema of what the step is given. Its function gets what the schema returns. */
  inputSchema?: StandardSchemaV1 | undefined;
  /** The schema of the step's content, which becomes what the schema returns. */
  outputSchema?: StandardSchemaV1 | undefined;
  /** The schema of the answer when the step suspends the run: `continueRun` refuses any other. */
  resumeSchema?: StandardSchemaV1 | undefined;
}

const defaultHistoryRuns = 3;

const optionReaders = {
  name: nonEmptyText,
  run: workOf,
  maxRetries: count({ from: 0, otherwise: 0 }),
  skipOnFailure: flag(false),
  addWorkflowHistory: optional(flag(false)),
  numHistoryRuns: optional(atLeast(0)),
  inputSchema: schema,
  outputSchema: schema,
  resumeSchema: schema,
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

  override get executor(): Executor | null {
    const { run } = this.#options;
    return typeof run === "function" ? null : run;
  }

  override checkedResumeData(resumeData: JsonValue): Promise<JsonValue> {
    return fittedAnswer(resumeData, this.#options.resumeSchema);
  }

  protected override async work(place: StepPlace): Promise<StepOutcome> {
    const { maxRetries, skipOnFailure, run, inputSchema } = this.#options;
    const work = typeof run === "function" ? (given: StepPlace) => this.#call(run, given) : this.#attempts(run, place);
    const about = { given: inputSchema, stepName: this.name, side: "input" } as const;
    const attempt = async (): Promise<StepOutcome> => work({ ...place, previous: await fitted(place.previous, about) });
    for (let retries = 0; ; retries += 1) {
      const outcome = await attempt().catch((error: unknown) => this.failed(error));
      if (outcome.failure === null || place.signal.aborted) {
        return outcome;
      }
      if (retries >= maxRetries) {
        // The next step gets the input of this one.
        return skipOnFailure
          ? { ...outcome, output: { ...outcome.output, content: place.previous, extra: passed }, failure: null }
          : outcome;
      }
    }
  }

  async #call(run: StepFunction, place: StepPlace): Promise<StepOutcome> {
    const { workflow, signal } = place;
    const about = { executorType: "function", executorName: this.name };
    const resumeData = resumeDataOf(place.before);
    const working = (async () => {
      const given = { history: this.#history(place), signal, resumeData: structuredClone(resumeData) };
      const input: StepInput = Object.assign(decisionOf(place), given);
      const result = resultOf(await run(input), this.name);
      return { ...result, content: result.suspend ? result.content : await this.#output(result.content) };
    })();
    try {
      const { content, stop, suspend } = await untilAborted(working, signal);
      if (suspend) {
        return this.#suspended(place, { content, ...about });
      }
      return { output: this.output({ content, stop, ...about }), stop, failure: null };
    } catch (error) {
      // It goes on with the same answer.
      const extra = place.before?.extra;
      const outcome = this.failed(error, { ...about, ...(extra !== undefined && { extra }) });
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

  /** Returns what makes the attempts: of a run that goes on, each goes on where the one before it ended. */
  #attempts(executor: Executor, place: StepPlace): (given: StepPlace) => Promise<StepOutcome> {
    const { continuations } = place.workflow;
    let continuation = continuations.get(place.before?.stepRunId ?? "") ?? null;
    let last: Run | null = null;
    return async (given) => {
      if (continuation !== null && last !== null) {
        continuation = (await executor.continueEmbedded?.(last, null)) ?? null;
      }
      const { outcome, run } = await this.#execute(executor, given, continuation);
      last = run;
      return outcome;
    };
  }

  async #execute(
    executor: Executor,
    place: StepPlace,
    continuation: EmbeddedContinuation | null,
  ): Promise<{ readonly outcome: StepOutcome; readonly run: Run | null }> {
    const { workflow, previous, signal } = place;
    const store = async (run: Run, added?: Metrics): Promise<void> => {
      workflow.scope.count(added === undefined || run.runType === "workflow" ? run : { ...run, metrics: added });
      workflow.keep(run);
    };
    const inside = insideOf(workflow.scope, { stepId: this.name, signal, store, checkpoint: workflow.checkpoint });
    const { runId, createdAt } = continuation?.run ?? inside;
    const scope = { ...inside, runId, createdAt: createdAt ?? inside.createdAt };
    const executed = { executorType: executor.sessionType, executorName: executor.name ?? executor.id };
    // A process that goes on finds the run inside by it.
    place.note(this.unfinished({ ...executed, stepRunId: runId }));
    const request = { input: textOf(previous), context: this.#history(place), history: [], scope };
    let result: EmbeddedResult;
    try {
      result = await runInside(executor, { ...request, emit: this.#emit(place) }, continuation?.execute);
    } catch (error) {
      return { outcome: this.failed(error, { ...executed, stepRunId: runId }), run: null };
    }
    const { run, content } = result;
    const about = { ...executed, stepRunId: run.runId, metrics: metricsOf(run)[0] ?? null };
    if (run.status === "PAUSED" && executor.continueEmbedded !== undefined) {
      return { outcome: this.#suspended(place, { content: jsonOf(content), ...about }), run };
    }
    if (run.status !== "COMPLETED") {
      const error = signal.aborted ? signal.reason : failureOf(about.executorName, result);
      return { outcome: this.failed(error, about), run };
    }
    try {
      const output = this.output({ content: await this.#output(jsonOf(content)), ...about });
      return { outcome: { output, stop: false, failure: null }, run };
    } catch (error) {
      return { outcome: this.failed(error, about), run };
    }
  }

  #output(content: JsonValue): Promise<JsonValue> {
    return fitted(content, { given: this.#options.outputSchema, stepName: this.name, side: "output" });
  }

  #suspended(place: StepPlace, fields: Partial<StepOutput>): StepOutcome {
    const output = this.output({ ...fields, isPaused: true });
    // The steps inside a workflow tell it themselves.
    if (this.type !== "Workflow") {
      const { name } = this;
      const [stepId, payload] = [output.stepId ?? "", output.content ?? null];
      place.workflow.emit?.({ type: "step-suspended", name, path: place.path, stepId, payload });
    }
    return { output, stop: false, failure: null };
  }

  /** Returns what passes on the events of a run inside; null if nobody reads them. */
  #emit({ workflow: { emit }, path }: StepPlace): ((event: EmbeddedEvent) => void) | null {
    const { name } = this;
    return (
      emit &&
      ((event) =>
        emit(
          event.type === "part"
            ? { type: "step-part", name, path, part: event.part }
            : { ...event, path: [...path, ...event.path] },
        ))
    );
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

/** Returns the error of a run inside: one of this library as it is, since callers look at its code. */
function failureOf(name: string, result: EmbeddedResult): unknown {
  return SessionDbError.isInstance(result.error) ? result.error : unfinished(name, result);
}

/** Returns what a function returned as it is now: what it changes afterwards is not stored. */
function resultOf(
  returned: Awaited<ReturnType<StepFunction>>,
  name: string,
): Pick<StepResult, "content" | "stop" | "suspend"> {
  const { content, stop, suspend } = StepResult.isInstance(returned)
    ? returned
    : new StepResult({ content: returned ?? null });
  return {
    content: jsonOf(portable(content, `The content of the step ${JSON.stringify(name)}`)),
    stop,
    // A second copy of this package may be older.
    suspend: suspend ?? false,
  };
}
