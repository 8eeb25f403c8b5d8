import { InvalidArgumentError, type JsonValue, type StepOutput } from "@sessiondb/core";
import { asGiven, flag, readOptions, type OptionReaders } from "@sessiondb/core/adapter";
import type { RunContext } from "../run-scope.ts";

/** The input of a decision. */
export interface StepDecision<Previous = JsonValue> extends RunContext {
  /** The input of the workflow. */
  readonly input: JsonValue;
  /** The content of the previous step; for the first one, the workflow's input. */
  readonly previous: Previous;
  /** The outputs of earlier steps by name, also of those inside others; if a name repeats, the last one. */
  readonly outputs: Readonly<Record<string, StepOutput>>;
}

/** The input of a step's function. */
export interface StepInput<Previous = JsonValue, Resume = JsonValue> extends StepDecision<Previous> {
  /** Earlier runs of the workflow as text, if the step receives them; else null. */
  readonly history: string | null;
  /** Aborts when the run ends early. */
  readonly signal: AbortSignal;
  /** The answer that `continueRun` was given to what the step asked; undefined before. */
  readonly resumeData: Resume | undefined;
}

const resultReaders = {
  content: asGiven<unknown>(),
  stop: flag(false),
  suspend: flag(false),
} satisfies OptionReaders<StepResultOptions<unknown>>;

interface StepResultOptions<Content> {
  /** Default null. */
  content?: Content | undefined;
  /** Whether the workflow ends here, completed. Default false. */
  stop?: boolean | undefined;
  /** Whether the run waits here, with the content as what is asked. Default false. */
  suspend?: boolean | undefined;
}

/** Marks results, also those of a second copy of this package. */
const marker = Symbol.for("sessiondb.step-result");

/** The return value of a step's function that does more than set its content. */
export class StepResult<Content = JsonValue> {
  readonly content: Content;
  /** Whether the workflow ends here, completed. */
  readonly stop: boolean;
  /** Whether the run waits here, with the content as what is asked. */
  readonly suspend: boolean;
  readonly [marker] = true;

  /** @throws InvalidArgumentError when it both stops and suspends. */
  constructor(options: StepResultOptions<Content>) {
    const { content, stop, suspend } = readOptions(options, resultReaders);
    if (stop && suspend) {
      throw new InvalidArgumentError("stop", "left out with suspend: a run that waits has not ended");
    }
    this.content = (content ?? null) as Content;
    this.stop = stop;
    this.suspend = suspend;
  }

  /**
   * Suspends the run: it is stored as PAUSED, with `payload` as what is asked. `continueRun` runs the step again with the
   * answer as `resumeData`, in this process or another.
   */
  static suspend(payload: JsonValue = null): StepResult<never> {
    return new StepResult<JsonValue>({ content: payload, suspend: true }) as StepResult<never>;
  }

  static isInstance(value: unknown): value is StepResult {
    return typeof value === "object" && value !== null && marker in value;
  }
}

export type StepFunction = (input: StepInput) => JsonValue | StepResult | void | Promise<JsonValue | StepResult | void>;
