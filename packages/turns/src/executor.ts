import type { JsonValue, Run, SessionType } from "@sessiondb/core";
import type { RunScope } from "./run-scope.ts";

/** A run inside another one: of a team's member, or of a workflow's step. The outer one stores it. */
export interface EmbeddedRequest {
  /** The task, or the content of the step before. */
  readonly input: string;
  /** Text to put in front of the input, such as the team's conversation so far; null for none. */
  readonly context: string | null;
  /** Earlier runs to show to the model, oldest first. */
  readonly history: readonly Run[];
  /**
   * The scope of the run to make. Its `store` takes each run that is to be kept: the runs inside this one as they end, and
   * then this one.
   */
  readonly scope: RunScope;
}

export interface EmbeddedResult {
  readonly run: Run;
  /** The answer: text, or the parsed output. */
  readonly content: JsonValue;
}

/** An agent, a team or a workflow, to which teams delegate tasks and which workflows run as steps. */
export interface Executor {
  readonly id: string;
  readonly name: string | null;
  readonly description: string | null;
  readonly sessionType: SessionType;
  /** Never rejects for a failure of the model: the run's status says how it ended. Rejects when `store` does. */
  runEmbedded(request: EmbeddedRequest): Promise<EmbeddedResult>;
}
