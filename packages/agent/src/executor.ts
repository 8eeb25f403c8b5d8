import type { JsonValue, Run, SessionType } from "@sessiondb/core";
import type { ModelMessage, UserContent } from "ai";
import type { RunState } from "./run-state.ts";

/** What a run is asked: text, or the parts of a user message as the AI SDK has them. */
export type RunInput = string | UserContent;

/** A run inside of another: of a team's member, or of a workflow's step. The outer one stores it. */
export interface EmbeddedRequest {
  readonly input: RunInput;
  readonly sessionId: string;
  readonly userId: string | null;
  /** The run of the team or workflow. */
  readonly parentRunId: string;
  readonly workflowStepId: string | null;
  /** The state of the outer run; changes made here are its changes. */
  readonly state: RunState;
  readonly signal: AbortSignal;
  /** Earlier messages to show to the model. */
  readonly history: readonly ModelMessage[];
  /** Text to put in front of the input, such as what the team said before. */
  readonly context: string | null;
  /** How many runs this one is inside of. */
  readonly depth: number;
  /** Gets each run that is to be stored: this one when it ends, before it those inside of it. */
  readonly store: (run: Run) => Promise<void>;
}

export interface EmbeddedResult {
  readonly run: Run;
  /** The answer: text, or the parsed output. */
  readonly content: JsonValue;
}

/** What teams delegate to and workflows run as a step: an agent, a team, or a workflow. */
export interface Executor {
  readonly id: string;
  readonly name: string | null;
  readonly description: string | null;
  readonly sessionType: SessionType;
  /** Never rejects for what the model does: the run says how it ended. Rejects with what `store` rejects. */
  runEmbedded(request: EmbeddedRequest): Promise<EmbeddedResult>;
}
