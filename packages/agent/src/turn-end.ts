import {
  SessionDbError,
  type JsonObject,
  type JsonValue,
  type Metrics,
  type Run,
  type SessionHeader,
} from "@sessiondb/core";
import { addMetrics } from "./metrics.ts";
import type { RunState } from "./run-state.ts";

/** What goes into the store when a run ends. */
export interface TurnEnd {
  readonly run: Run;
  readonly state: RunState;
  /** What is added to the metrics of the session. */
  readonly metrics: readonly Metrics[];
}

/**
 * What is left to store of a run that was refused for its content: of one that had paused, that as it was then. Null if
 * the content was not the reason.
 */
export function storableAfter(error: unknown, run: Run, paused: Run | null): Run | null {
  if (!SessionDbError.isInstance(error) || !("argument" in error) || typeof error.argument !== "string") {
    return null;
  }
  return error.argument.startsWith("change")
    ? run
    : { ...(paused ?? identityOf(run)), status: "ERROR", content: `This run could not be stored. ${error.message}` };
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
export function sessionDataAfter(
  { sessionData, sessionState }: SessionHeader,
  { state, metrics }: TurnEnd,
): JsonObject {
  const before = sessionData["session_metrics"];
  const sum = metrics.reduce<JsonValue | undefined>((total, each) => addMetrics(total, each), before);
  return {
    ...sessionData,
    ...(state.isChanged && { session_state: state.applyTo({ ...sessionState }) }),
    ...(sum !== undefined && { session_metrics: sum }),
  };
}
