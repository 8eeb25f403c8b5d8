import type { JsonValue, StepOutput } from "@sessiondb/core";
import { asGiven, flag, readOptions } from "@sessiondb/core/adapter";
import type { RunContext } from "../run-scope.ts";

/** The input of a step's function. */
export interface StepInput extends RunContext {
  /** The input of the workflow. */
  readonly input: JsonValue;
  /** The content of the previous step; for the first one, the workflow's input. */
  readonly previous: JsonValue;
  /** The outputs of earlier steps by name; if a name repeats, the last one. */
  readonly outputs: Readonly<Record<string, StepOutput>>;
  /** Earlier runs of the workflow as text, if the step receives them; else null. */
  readonly history: string | null;
  /** Aborts when the run ends early. */
  readonly signal: AbortSignal;
}

const resultReaders = { content: asGiven<JsonValue | undefined>(), stop: flag(false) };

/** The return value of a step's function that does more than set its content. */
export class StepResult {
  readonly content: JsonValue;
  /** Whether the workflow ends here, completed. */
  readonly stop: boolean;

  constructor(options: { content?: JsonValue; stop?: boolean }) {
    const { content, stop } = readOptions(options, resultReaders);
    this.content = content ?? null;
    this.stop = stop;
  }
}

export type StepFunction = (input: StepInput) => JsonValue | StepResult | void | Promise<JsonValue | StepResult | void>;
