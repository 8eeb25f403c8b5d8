import { InvalidArgumentError, type JsonObject, type Run, type Session } from "@sessiondb/core";
import { unixSeconds } from "@sessiondb/core/adapter";
import type { RunState, StateChange } from "./run-state.ts";

/** Everything that the parts of one run share. It is passed on whole. */
export interface RunScope {
  readonly runId: string;
  readonly sessionId: string;
  readonly userId: string | null;
  /** The run of the team or workflow that this one is inside, and the workflow's step; null for a turn of its own. */
  readonly parent: { readonly runId: string; readonly stepId: string | null } | null;
  /** How many runs this one is inside. */
  readonly depth: number;
  /** Unix seconds. */
  readonly createdAt: number;
  /** The session state. A run inside another one changes the state of that one. */
  readonly state: RunState;
  readonly signal: AbortSignal;
  /**
   * The session before this turn, with the newest runs that a model may be told of; null for a new one, for one that could
   * not be read or is not kept, and inside another run.
   */
  readonly session: Session | null;
  /** Stores a run that belongs to this one. Rejects, and ends this one, when that fails. */
  readonly store: (run: Run) => Promise<void>;
}

/** Deeper than that, teams within teams and workflows within workflows are a mistake. */
const deepest = 10;

/** @throws InvalidArgumentError for what is nested too deep in `argument`. */
export function checkDepth({ depth }: RunScope, argument: string): void {
  if (depth > deepest) {
    throw new InvalidArgumentError(argument, `nested at most ${deepest} deep`);
  }
}

/** The scope of a new run inside another one: of a team's member, or of a workflow's step. */
export function insideOf(outer: RunScope, changes: { stepId?: string } & Partial<RunScope> = {}): RunScope {
  const { stepId = null, ...rest } = changes;
  return {
    ...outer,
    runId: crypto.randomUUID(),
    parent: { runId: outer.runId, stepId },
    depth: outer.depth + 1,
    createdAt: unixSeconds(),
    session: null,
    ...rest,
  };
}

/** The fields of a run's row that its scope determines. */
export function scopeFields({ runId, sessionId, userId, parent, createdAt }: RunScope) {
  return {
    runId,
    sessionId,
    ...(userId !== null && { userId }),
    ...(parent !== null && { parentRunId: parent.runId }),
    ...(typeof parent?.stepId === "string" && { workflowStepId: parent.stepId }),
    createdAt,
  };
}

/** The view of a run that tools, steps, and instructions given as a function get. */
export interface RunContext {
  readonly runId: string;
  readonly sessionId: string;
  readonly userId: string | null;
  /** The session state as this run sees it. Changed in place, it is stored when the run ends. */
  readonly sessionState: JsonObject;
  /**
   * Changes the state by a function that is called again, when the run ends, on what is stored then: two runs at once that
   * both count up count twice. It must be synchronous and touch nothing else.
   */
  readonly updateSessionState: (change: StateChange) => JsonObject;
}

export function runContext({ runId, sessionId, userId, state }: RunScope): RunContext {
  return {
    runId,
    sessionId,
    userId,
    get sessionState() {
      return state.values;
    },
    updateSessionState: (change) => state.update(change),
  };
}
