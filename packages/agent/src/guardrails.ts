import { InputRefusedError, InvalidArgumentError, OutputRefusedError, type JsonObject } from "@sessiondb/core";
import { flag, optional, untilAborted, type OptionReaders, type OptionsRead } from "@sessiondb/core/adapter";
import { thrownOf, type Known, type RunContext } from "@sessiondb/turns";
import type { InferGenerateOutput, ModelMessage, OutputInterface, UserContent } from "ai";
import type { AnyOutput } from "./any-output.ts";
import { Generation, type GenerationOutcome, type GenerationRequest } from "./generation.ts";

/** Why a guardrail refuses, in a few words; nothing if it does not. */
// oxlint-disable-next-line typescript/no-invalid-void-type -- a function that returns nothing refuses nothing.
type Verdict = string | null | undefined | void;

interface Checked<State extends object> {
  readonly context: RunContext<Known<State, JsonObject>>;
  /** Aborts with the run. A guardrail that goes on after that is not waited for. */
  readonly signal: AbortSignal;
}

/** The input of a run, before the model is asked. */
export interface InputToCheck<State extends object = JsonObject> extends Checked<State> {
  readonly input: UserContent;
  /** The text of the input; "" without any. */
  readonly text: string;
}

/** What the assistant said in a run until its end, or until a pause. After a pause: since that. */
export interface OutputToCheck<
  Output extends OutputInterface = AnyOutput,
  State extends object = JsonObject,
> extends Checked<State> {
  /** The text of all steps, a paragraph each; "" without any. */
  readonly text: string;
  /** The parsed output if `generation.output` asks for a structure; else undefined. */
  readonly output: InferGenerateOutput<Known<Output, AnyOutput>> | undefined;
  /** The messages of the assistant and its tools. */
  readonly messages: readonly ModelMessage[];
}

/** Checks of what users and models say, which can stop a run. */
export interface GuardrailOptions<Output extends OutputInterface = AnyOutput, State extends object = JsonObject> {
  /**
   * Functions that check the input of each run before the model is asked, one after another. The first that returns a
   * reason refuses the input: the run rejects with an `InputRefusedError` and is stored as ERROR, no tool runs, and no later
   * turn is shown the input. A guardrail that throws ends the run with its error. A run that continues after a pause has
   * been checked before.
   */
  inputGuardrails?: readonly ((checked: InputToCheck<State>) => Verdict | PromiseLike<Verdict>)[] | undefined;
  /**
   * Functions that check what the assistant said before a run is stored as COMPLETED or PAUSED, one after another. The first
   * that returns a reason refuses it: the run rejects with an `OutputRefusedError` and is stored as ERROR, and no later turn
   * is shown it; a refused run cannot go on. A stream has passed the text on by then, and ends with the error. A guardrail
   * that throws ends the run with its error. A run that ended before its answer passed goes on without what it said since
   * its last pause.
   */
  outputGuardrails?: readonly ((checked: OutputToCheck<Output, State>) => Verdict | PromiseLike<Verdict>)[] | undefined;
  /**
   * Whether streams hold the answer back until it is checked; calls of tools before its first word are not. An answer that
   * ends before it is checked, or whose check fails, is not stored: of its run, the calls and their results are. Default
   * false.
   */
  holdOutputUntilChecked?: boolean | undefined;
}

type AnyGuardrail = (checked: unknown) => unknown;

export const guardrailReaders = {
  inputGuardrails: optional(guardrails),
  outputGuardrails: optional(guardrails),
  holdOutputUntilChecked: flag(false),
} satisfies OptionReaders<GuardrailOptions>;

type GuardrailSettings = OptionsRead<typeof guardrailReaders>;

function guardrails(value: unknown, argument: string): readonly AnyGuardrail[] {
  const given: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (!given.every((each): each is AnyGuardrail => typeof each === "function")) {
    throw new InvalidArgumentError(argument, "a list of functions");
  }
  return [...given];
}

/** @throws InvalidArgumentError for an answer that waits for checks that there are none of. */
export function checkGuardrails({ holdOutputUntilChecked, outputGuardrails = [] }: GuardrailSettings): void {
  if (holdOutputUntilChecked && outputGuardrails.length === 0) {
    throw new InvalidArgumentError("holdOutputUntilChecked", "left out unless there are outputGuardrails");
  }
}

/** Returns whether answers count only once they have passed. */
export function isGuarded({ outputGuardrails = [] }: GuardrailSettings): boolean {
  return outputGuardrails.length > 0;
}

/** Returns the outcome of a run whose answer nobody has checked: without it, if it was to be held back until then. */
export function withoutUnchecked(
  outcome: GenerationOutcome,
  { holdOutputUntilChecked }: GuardrailSettings,
): GenerationOutcome {
  return holdOutputUntilChecked ? withoutAnswer(outcome) : outcome;
}

/** Returns an outcome without what the assistant said. */
function withoutAnswer(outcome: GenerationOutcome): GenerationOutcome {
  return {
    ...outcome,
    messages: outcome.messages.flatMap(callsOf),
    text: "",
    reasoning: null,
    output: undefined,
    steps: outcome.steps.map((step) => ({ ...step, text: "" })),
    sources: [],
  };
}

function callsOf(message: ModelMessage): ModelMessage[] {
  if (message.role !== "assistant") {
    return [message];
  }
  const content =
    typeof message.content === "string" ? [] : message.content.filter(({ type }) => type.startsWith("tool-"));
  return content.length === 0 ? [] : [{ ...message, content }];
}

interface GuardedRun extends Pick<GenerationRequest, "signal"> {
  readonly runId: string;
  readonly context: RunContext;
  readonly request: GenerationRequest;
  /** The input; null for a run that continues. */
  readonly input: UserContent | null;
}

/** The guardrails around one run. No method rejects: the outcome says what happened. */
export class Guardrails {
  readonly #settings: GuardrailSettings;
  readonly #run: GuardedRun;

  constructor(settings: GuardrailSettings, run: GuardedRun) {
    this.#settings = settings;
    this.#run = run;
  }

  /** Whether streams wait for the end of the run. */
  get holdsOutput(): boolean {
    return this.#settings.holdOutputUntilChecked;
  }

  /** Returns how a run ends whose input does not pass; null if it does. */
  async refusedInput(): Promise<GenerationOutcome | null> {
    const { inputGuardrails = [] } = this.#settings;
    const { input, runId, request } = this.#run;
    if (input === null || inputGuardrails.length === 0) {
      return null;
    }
    const verdict = await this.#ask(inputGuardrails, { input, text: textIn(input) }, "inputGuardrails");
    if (verdict === null) {
      return null;
    }
    const { reason } = verdict;
    const error = reason === null ? verdict.error : new InputRefusedError(runId, reason);
    return { ...(await new Generation(request).failed(error)), refusal: { stage: "input", reason } };
  }

  /** Returns the outcome, unless what was said does not pass. */
  async checked(outcome: GenerationOutcome): Promise<GenerationOutcome> {
    const { outputGuardrails = [] } = this.#settings;
    const { runId, signal } = this.#run;
    if ((outcome.status !== "COMPLETED" && outcome.status !== "PAUSED") || outputGuardrails.length === 0) {
      return withoutUnchecked(outcome, this.#settings);
    }
    const { messages, output } = outcome;
    const texts = messages.flatMap(({ role, content }) => (role === "assistant" ? textIn(content) : []));
    const text = texts.filter((each) => each !== "").join("\n\n");
    const verdict = await this.#ask(outputGuardrails, { text, output, messages }, "outputGuardrails");
    if (verdict === null) {
      return outcome;
    }
    const { reason } = verdict;
    const error = reason === null ? verdict.error : new OutputRefusedError(runId, reason);
    const status = reason === null && signal.aborted ? "CANCELLED" : "ERROR";
    const said = reason === null ? withoutUnchecked(outcome, this.#settings) : outcome;
    return { ...said, status, error, output: undefined, refusal: { stage: "output", reason } };
  }

  /** Returns the first reason to refuse, or the error that left that open; null if there is none. */
  async #ask(
    asked: readonly AnyGuardrail[],
    given: object,
    argument: string,
  ): Promise<{ readonly reason: string } | { readonly reason: null; readonly error: unknown } | null> {
    const { context, signal } = this.#run;
    try {
      for (const [index, guardrail] of asked.entries()) {
        signal.throwIfAborted();
        const verdict = await untilAborted((async () => guardrail({ ...given, context, signal }))(), signal);
        if (typeof verdict === "string" && verdict !== "") {
          return { reason: verdict };
        }
        if (verdict !== undefined && verdict !== null) {
          // Nobody knows what true, or an empty reason, is to mean.
          const expected = "a function that returns a reason to refuse as text, and else nothing";
          throw new InvalidArgumentError(`${argument}[${index}]`, expected);
        }
      }
      return null;
    } catch (error) {
      return { reason: null, error: thrownOf(error) };
    }
  }
}

function textIn(content: ModelMessage["content"]): string {
  return typeof content === "string"
    ? content
    : content.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n");
}
