import type { JsonValue, StepOutput } from "@sessiondb/core";
import { asGiven, flag, readOptions } from "@sessiondb/core/adapter";
import type { RunContext } from "../run-scope.ts";

/** What a step's function gets. */
export interface StepInput extends RunContext {
  /** The input of the workflow. */
  readonly input: JsonValue;
  /** The content of the step before; for the first one, the workflow's input. */
  readonly previous: JsonValue;
  /** The outputs of the steps before, by name; of equal names the last one. */
  readonly outputs: Readonly<Record<string, StepOutput>>;
  /** Earlier runs of the workflow as text, if the step gets them; else null. */
  readonly history: string | null;
  /** Aborts when the run ends early. */
  readonly signal: AbortSignal;
}

const resultReaders = { content: asGiven<JsonValue | undefined>(), stop: flag(false) };

/** Returned by a step's function that has more to say than its content. */
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
