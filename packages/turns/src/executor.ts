import type { JsonValue, Run, SessionType } from "@sessiondb/core";
import { untilAborted, within } from "@sessiondb/core/adapter";
import { textOf } from "./outside-values.ts";
import type { RunScope } from "./run-scope.ts";

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
}

export interface EmbeddedResult {
  readonly run: Run;
  /** The answer: text, or the parsed output. */
  readonly content: JsonValue;
}

/** An agent, team or workflow that can run inside another run, as a team's member or a workflow's step. */
export interface Executor {
  readonly id: string;
  readonly name: string | null;
  readonly description: string | null;
  readonly sessionType: SessionType;
  /** Does not reject when the model fails: the run's status says how it ended. Rejects when `store` does. */
  runEmbedded(request: EmbeddedRequest): Promise<EmbeddedResult>;
}

/** The milliseconds that a run inside another one has after an abort to say what it did until then. */
const abortGrace = 5000;

/** Runs an executor. If the signal aborts, rejects with its reason unless the run inside ends soon, as it should. */
export async function runInside(executor: Executor, request: EmbeddedRequest): Promise<EmbeddedResult> {
  const { signal } = request.scope;
  signal.throwIfAborted();
  const running = executor.runEmbedded(request);
  try {
    return await untilAborted(running, signal);
  } catch {
    return within(running, abortGrace, (): never => {
      throw signal.reason;
    });
  }
}

/** Returns the error of a run inside another one that did not complete. */
export function unfinished(name: string, { status, content }: Run): Error {
  return new Error(
    status === "PAUSED"
      ? `${name} did not finish: it waits for a decision about its tools, which only a run of its own can get.`
      : `${name} did not finish: ${textOf(content ?? null)}`,
  );
}
