import type { JsonValue, StepOutput } from "@sessiondb/core";
import { asGiven, flag, readOptions } from "@sessiondb/core/adapter";
import type { RunContext } from "../run-scope.ts";

/** The input of a decision. */
export interface StepDecision extends RunContext {
  /** The input of the workflow. */
  readonly input: JsonValue;
  /** The content of the previous step; for the first one, the workflow's input. */
  readonly previous: JsonValue;
  /** The outputs of earlier steps by name, also of those inside others; if a name repeats, the last one. */
  readonly outputs: Readonly<Record<string, StepOutput>>;
}

/** The input of a step's function. */
export interface StepInput extends StepDecision {
  /** Earlier runs of the workflow as text, if the step receives them; else null. */
  readonly history: string | null;
  /** Aborts when the run ends early. */
  readonly signal: AbortSignal;
}

const resultReaders = { content: asGiven<JsonValue | undefined>(), stop: flag(false) };

/** Marks results, also those of a second copy of this package. */
const marker = Symbol.for("sessiondb.step-result");

/** The return value of a step's function that does more than set its content. */
export class StepResult {
  readonly content: JsonValue;
  /** Whether the workflow ends here, completed. */
  readonly stop: boolean;
  readonly [marker] = true;

  constructor(options: { content?: JsonValue | undefined; stop?: boolean | undefined }) {
    const { content, stop } = readOptions(options, resultReaders);
    this.content = content ?? null;
    this.stop = stop;
  }

  static isInstance(value: unknown): value is StepResult {
    return typeof value === "object" && value !== null && marker in value;
  }
}

export type StepFunction = (input: StepInput) => JsonValue | StepResult | void | Promise<JsonValue | StepResult | void>;
