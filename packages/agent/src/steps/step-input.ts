import type { JsonValue, StepOutput } from "@sessiondb/core";
import { flag, readOptions } from "@sessiondb/core/adapter";
import { asGiven } from "../option-readers.ts";
import type { RunContext } from "../run-context.ts";

/** What a step knows. */
export interface StepInput extends RunContext {
  /** The input of the workflow. */
  readonly input: JsonValue;
  /** What the step before gave; the workflow's input for the first one. */
  readonly previous: JsonValue;
  /** What the steps before gave, by their names; of equal names the last one. */
  readonly outputs: Readonly<Record<string, StepOutput>>;
  /** Earlier runs of the workflow as text, if that is switched on; else null. */
  readonly history: string | null;
  /** Ends with the run. */
  readonly signal: AbortSignal;
}

const resultReaders = { content: asGiven<JsonValue | undefined>(), stop: flag(false) };

/** What a function gives when it wants to say more than its content. */
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
