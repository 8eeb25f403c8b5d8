import { InvalidArgumentError, type JsonObject, type Metrics, type Run, type Session } from "@sessiondb/core";
import { unixSeconds } from "@sessiondb/core/adapter";
import type { SessionAccess } from "./admission.ts";
import type { Dependencies } from "./dependencies.ts";
import type { Prices } from "./prices.ts";
import type { RunState, StateChange } from "./run-state.ts";

/** Everything that the parts of one run share, always passed on whole. */
export interface RunScope {
  readonly runId: string;
  readonly sessionId: string;
  readonly userId: string | null;
  /** The users who see the session: what belongs to one of them must not enter a shared one. */
  readonly access: SessionAccess;
  /** The enclosing run of a team or workflow, and the workflow's step; null for a turn of its own. */
  readonly parent: { readonly runId: string; readonly stepId: string | null } | null;
  /** The number of runs around this one. */
  readonly depth: number;
  /** Unix seconds. */
  readonly createdAt: number;
  /** The session state. A run inside another run shares its state. */
  readonly state: RunState;
  readonly signal: AbortSignal;
  /** The values for tools and functions. */
  readonly dependencies: Dependencies;
  readonly prices: Prices;
  /**
   * The session before this turn, with the newest runs that a model may be shown; null if it is new, could not be read
   * or is not stored, and inside another run.
   */
  readonly session: Session | null;
  /**
   * Stores a run that belongs to this one. If that fails, rejects and aborts this one. `added` are the metrics since a run
   * went on, for one that did.
   */
  readonly store: (run: Run, added?: Metrics) => Promise<void>;
  /**
   * Stores this run or one inside it as far as it is, in the background: a process that dies later loses none of its
   * actions. While one write is under way, only the last of those that follow counts. A failure is left to the end.
   */
  readonly checkpoint: (runId: string, run: () => Run) => void;
  /**
   * Immediately stores a change to this run or to one inside it, wherever that is stored, also after its end: what a tool
   * returns later. The change returns the same object if there is nothing to do. Never rejects.
   */
  readonly settle: (runId: string, change: (run: Run) => Run) => Promise<void>;
  /** Adds the tokens of a run inside this one to those of the session. Whatever takes its runs calls it once for each. */
  readonly count: (run: Run) => void;
}

/** Teams or workflows that are nested deeper than this are taken for a mistake. */
const deepest = 10;

/** @throws InvalidArgumentError when `argument` is nested too deep. */
export function checkDepth({ depth }: RunScope, argument: string): void {
  if (depth > deepest) {
    throw new InvalidArgumentError(argument, `nested at most ${deepest} deep`);
  }
}

/** Returns the scope of a new run inside another one: a team member's or a workflow step's. */
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

/** Returns the scope of a run inside another one with the component's own options where the outer run has none. */
export function withDefaults(
  scope: RunScope,
  { dependencies, prices }: Pick<RunScope, "dependencies" | "prices">,
): RunScope {
  return {
    ...scope,
    dependencies: { ...dependencies, ...scope.dependencies },
    prices: { ...prices, ...scope.prices },
  };
}

/** Returns the fields of a run's row that its scope determines. */
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

/** The view of a run that tools, steps and instruction functions receive. */
export interface RunContext<State extends object = JsonObject, Given extends object = Dependencies> {
  readonly runId: string;
  readonly sessionId: string;
  readonly userId: string | null;
  /** The session state as this run sees it. It may be changed in place, and is stored when the run ends. */
  readonly sessionState: State;
  /**
   * Changes the state with a function that runs again on the stored state when the run ends, so that two concurrent
   * runs that each count up both count. It must be synchronous and change nothing else. Returns the new state.
   */
  readonly updateSessionState: (change: StateChange<State>) => State;
  /** The values that the component and the call were given for tools and functions. Empty without any. */
  readonly dependencies: Given;
}

export function runContext({ runId, sessionId, userId, state, dependencies }: RunScope): RunContext {
  return {
    runId,
    sessionId,
    userId,
    get sessionState() {
      return state.values;
    },
    updateSessionState: (change) => state.update(change),
    dependencies,
  };
}
