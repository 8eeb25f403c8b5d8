import type { JsonValue, Run, SessionType } from "@sessiondb/core";
import { untilAborted, within } from "@sessiondb/core/adapter";
import type { Unset } from "./known.ts";
import { messageOf, textOf } from "./outside-values.ts";
import type { RunScope } from "./run-scope.ts";
import type { EmbeddedEvent } from "./steps/step-events.ts";

/** A request for a run inside another one: a team member's or a workflow step's. The outer run stores it. */
export interface EmbeddedRequest {
  /** The task, or the content of the previous step. */
  readonly input: string;
  /** Text to put in front of the input, such as the team's conversation so far; null for none. */
  readonly context: string | null;
  /** Earlier runs to show to the model, oldest first. */
  readonly history: readonly Run[];
  /**
   * The scope of the run. Its `store` takes each run to be stored: first the runs inside this one, as they end, then
   * this one.
   */
  readonly scope: RunScope;
  /** Takes what happens as it happens, such as the parts of the answer; null or absent if nobody reads it. */
  readonly emit?: ((event: EmbeddedEvent) => void) | null;
}

export interface EmbeddedResult {
  readonly run: Run;
  /** The answer: text, or the parsed output. Of a run that waits, what it waits for. */
  readonly content: JsonValue;
  /** The error with which the run failed; null or absent without one. */
  readonly error?: unknown;
}

/** The answer to a step that waits. */
export interface StepAnswer {
  /** The `stepId` of the step. */
  readonly stepId: string;
  readonly resumeData: JsonValue;
}

/** A run inside another one that is about to go on. */
export interface EmbeddedContinuation {
  /** The run with the answer. It is stored before anything happens, so that nothing happens twice. */
  readonly run: Run;
  /** Goes on, in a scope with the run's own id. Like `runEmbedded`, but `store` takes the metrics since then too. */
  readonly execute: (request: EmbeddedRequest) => Promise<EmbeddedResult>;
}

/** An agent, team or workflow that can run inside another run, as a team's member or a workflow's step. */
export interface Executor<Content = Unset> {
  /** The type of its answer, for the compiler alone. */
  readonly "~content"?: Content | undefined;
  readonly id: string;
  readonly name: string | null;
  readonly description: string | null;
  readonly sessionType: SessionType;
  /** Does not reject when the model fails: the run's status says how it ended. Rejects when `store` does. */
  runEmbedded(request: EmbeddedRequest): Promise<EmbeddedResult>;
  /**
   * Reads the answer to a run that waits, or that stopped after an answer: then it is null. Changes nothing. Returns null
   * for a run that cannot go on: its step waits on, or begins again. Without this method, no run can.
   *
   * @throws SessionDbError when the answer does not fit.
   */
  continueEmbedded?(run: Run, answer: StepAnswer | null): Promise<EmbeddedContinuation | null>;
}

/** The milliseconds that a run inside another one has after an abort to say what it did until then. */
const abortGrace = 5000;

/** Runs an executor. If the signal aborts, rejects with its reason unless the run inside ends soon, as it should. */
export async function runInside(
  executor: Executor,
  request: EmbeddedRequest,
  execute = (given: EmbeddedRequest): Promise<EmbeddedResult> => executor.runEmbedded(given),
): Promise<EmbeddedResult> {
  const { signal } = request.scope;
  signal.throwIfAborted();
  const running = execute(request);
  try {
    return await untilAborted(running, signal);
  } catch {
    return within(running, abortGrace, (): never => {
      throw signal.reason;
    });
  }
}

/** Returns the error of a run inside another one that did not complete. */
export function unfinished(name: string, { run: { status, content }, error: cause = null }: EmbeddedResult): Error {
  const why =
    status === "PAUSED"
      ? "it waits for a decision about its tools, which it cannot get here."
      : cause === null
        ? textOf(content ?? null)
        : messageOf(cause);
  return new Error(`${name} did not finish: ${why}`, cause === null ? undefined : { cause });
}
