import {
  SessionDbError,
  type JsonObject,
  type Metrics,
  type Run,
  type SessionChange,
  type SessionHeader,
} from "@sessiondb/core";
import { withoutChanges } from "./kept-changes.ts";
import { withoutMark } from "./running-mark.ts";
import { withRunsInside } from "./runs-inside.ts";
import { withMetrics } from "./session-metrics.ts";
import type { RunState } from "./run-state.ts";

/** The data to store when a run ends. */
export interface TurnEnd {
  readonly run: Run;
  readonly state: RunState;
  /** Added to the metrics of the session. */
  readonly metrics: readonly Metrics[];
}

/** One way to write how a run ended. */
interface Ending {
  readonly run: Run;
  /** Null to leave the session's data as it is. */
  readonly change: SessionChange | null;
}

/**
 * Returns the ways to write the end of a run, the complete one first. Each further one omits another part that the
 * store may have refused: the run's copies of the state, the changes to the state, and finally the token counts. Only
 * the store knows which part it refused, and the name it reports cannot be relied on. Every way includes the answer.
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

/** Returns the ERROR row of a run whose end cannot be stored, from its row until then. */
export function unstorable(row: Run, error: Error): Run {
  return { ...withoutMark(row), status: "ERROR", content: `This run could not be stored. ${error.message}` };
}

const contentRefusals: ReadonlySet<string> = new Set([
  "INVALID_ARGUMENT",
  "PAYLOAD_TOO_LARGE",
  "SESSION_STATE_MISMATCH",
]);

/** Returns whether a write was refused because of its content, or because of the state that it would change. */
export function isContentRefusal(error: unknown): error is SessionDbError {
  return SessionDbError.isInstance(error) && contentRefusals.has(error.code);
}

/** Returns a run without the copies of the session state in it and in the runs inside it. */
export function withoutState(run: Run): Run {
  const bare = withRunsInside(run, withoutState);
  if (bare.runType === "workflow") {
    return withoutChanges(bare);
  }
  const { sessionState: _state, ...rest } = bare;
  return rest;
}

/** Returns the change to the session's data; null when nothing changes. */
function changeOf({ state, metrics }: TurnEnd, { withState }: { readonly withState: boolean }): SessionChange | null {
  const changes = withState && state.isChanged ? state : null;
  const tokens = metrics.filter(({ totalTokens }) => (totalTokens ?? 0) > 0);
  return changes === null && tokens.length === 0
    ? null
    : (session) => ({ sessionData: sessionDataAfter(session, { state: changes, metrics: tokens }) });
}

/** Returns the least row of a run. */
export function identityOf(run: Run): Run {
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

/** Returns the stored session data with the run's state changes applied and its token counts added. */
function sessionDataAfter(
  { sessionData, sessionState }: SessionHeader,
  { state, metrics }: { readonly state: RunState | null; readonly metrics: readonly Metrics[] },
): JsonObject {
  const data = state === null ? sessionData : { ...sessionData, session_state: state.applyTo({ ...sessionState }) };
  return withMetrics(data, metrics);
}
