import {
  SessionDbError,
  type JsonObject,
  type JsonValue,
  type Metrics,
  type Run,
  type SessionChange,
  type SessionHeader,
} from "@sessiondb/core";
import { addMetrics } from "./session-metrics.ts";
import type { RunState } from "./run-state.ts";

/** What goes into the store when a run ends. */
export interface TurnEnd {
  readonly run: Run;
  readonly state: RunState;
  /** What is added to the metrics of the session. */
  readonly metrics: readonly Metrics[];
}

/** One way to write how a run ended. */
interface Ending {
  readonly run: Run;
  /** Null to leave the session's data as they are. */
  readonly change: SessionChange | null;
}

/**
 * The ways to write how a run ended, the first of which is the whole of it. Each of the others leaves out what may be why a
 * store refused the one before: the state as the run left it, its changes, and in the end the tokens used. Which it was
 * only a store can tell, and by what name it calls it is nothing to rely on. The answer is in all of them.
 */
export function endingsOf(end: TurnEnd): (() => Ending)[] {
  const { run } = end;
  const bare = withoutState(run);
  return [
    () => ({ run, change: changeOf(end, { withState: true }) }),
    () => ({ run: bare, change: changeOf(end, { withState: true }) }),
    () => ({ run: bare, change: changeOf(end, { withState: false }) }),
    () => ({ run: bare, change: null }),
  ];
}

/** What is left to store of a run that no ending of can be stored: of one that had paused, what was decided and done. */
export function unstorable(run: Run, paused: Run | null, error: Error): Run {
  return { ...(paused ?? identityOf(run)), status: "ERROR", content: `This run could not be stored. ${error.message}` };
}

/** Whether a store refused what it was to write for what it holds. */
export function isContentRefusal(error: unknown): error is SessionDbError {
  return SessionDbError.isInstance(error) && (error.code === "INVALID_ARGUMENT" || error.code === "PAYLOAD_TOO_LARGE");
}

/** A run without the copies of the session state in it and in the runs inside of it. */
export function withoutState(run: Run): Run {
  const all = (runs: readonly Run[] | null | undefined): Run[] => (runs ?? []).map(withoutState);
  if (run.runType === "workflow") {
    const { stepExecutorRuns: inside } = run;
    return inside ? { ...run, stepExecutorRuns: all(inside) } : run;
  }
  const { sessionState: _state, ...rest } = run;
  return rest.runType === "team" && rest.memberResponses
    ? { ...rest, memberResponses: all(rest.memberResponses) }
    : rest;
}

/** Null when nothing of the session's data changes. */
function changeOf({ state, metrics }: TurnEnd, { withState }: { readonly withState: boolean }): SessionChange | null {
  const changes = withState && state.isChanged ? state : null;
  const tokens = metrics.filter(({ totalTokens }) => (totalTokens ?? 0) > 0);
  return changes === null && tokens.length === 0
    ? null
    : (session) => ({ sessionData: sessionDataAfter(session, { state: changes, metrics: tokens }) });
}

function identityOf(run: Run): Run {
  return {
    runType: run.runType,
    runId: run.runId,
    parentRunId: run.parentRunId ?? null,
    ...(run.runType === "agent" && { agentId: run.agentId ?? null }),
    ...(run.runType === "team" && { teamId: run.teamId ?? null }),
    ...(run.runType === "workflow" && { workflowId: run.workflowId ?? null }),
    userId: run.userId ?? null,
  };
}

/** The stored data with the run's changes of the state, and its tokens added to those of the session. */
function sessionDataAfter(
  { sessionData, sessionState }: SessionHeader,
  { state, metrics }: { readonly state: RunState | null; readonly metrics: readonly Metrics[] },
): JsonObject {
  const before = sessionData["session_metrics"];
  const sum = metrics.reduce<JsonValue | undefined>((total, each) => addMetrics(total, each), before);
  return {
    ...sessionData,
    ...(state !== null && { session_state: state.applyTo({ ...sessionState }) }),
    ...(sum !== undefined && { session_metrics: sum }),
  };
}
