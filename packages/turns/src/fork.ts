import type { Run, Session, SessionInit } from "@sessiondb/core";
import { isJsonObject } from "@sessiondb/core/adapter";
import { hasAnswer } from "./history-runs.ts";
import { notContinuable } from "./workflow-continuation.ts";

/**
 * Copies a session under a new id and its runs under new ids, at any depth and also where one names another. Runs that
 * may still continue are left out, with their members: a tool that waits in both would run twice.
 */
export function forkOf(session: Session, userId: string | null): SessionInit {
  const { sessionType, agentId, teamId, workflowId, agentData, teamData, workflowData, metadata, summary } = session;
  const forkedFrom = session.sessionId;
  const sessionId = crypto.randomUUID();
  const runs = endedRuns(session.runs);
  const runIds = new Map(runs.flatMap(idsIn).map((id) => [id, crypto.randomUUID()]));
  const renewal: Renewal = { runIds, sessionIds: new Map([[forkedFrom, sessionId]]) };
  return {
    sessionType,
    sessionId,
    agentId,
    teamId,
    workflowId,
    agentData,
    teamData,
    workflowData,
    metadata,
    summary,
    userId,
    sessionData: { ...session.sessionData, forked_from_session_id: forkedFrom },
    runs: runs.map((run) => ({
      // The steps of a run that failed must not run in both.
      ...renewed(notContinuable(run), renewal),
      // Record where the copy came from, unless the run already does.
      ...(run.runType !== "workflow" && {
        forkedFromRunId: run.forkedFromRunId ?? run.runId,
        forkedFromSessionId: run.forkedFromSessionId ?? forkedFrom,
      }),
    })),
  };
}

/** Returns the runs that nobody can continue. */
function endedRuns(runs: readonly Run[]): Run[] {
  const left = new Set(runs.filter(mayContinue).map(({ runId }) => runId));
  const isInside = ({ parentRunId }: Run): boolean => left.has(parentRunId ?? "");
  // A member may be stored before the run that it belongs to.
  for (let found = -1; found < left.size;) {
    found = left.size;
    runs.filter(isInside).forEach(({ runId }) => left.add(runId));
  }
  return runs.filter(({ runId }) => !left.has(runId));
}

/** Returns whether a run is in progress, waits, or has failed or been cancelled after somebody decided about its tools. */
export function mayContinue(run: Run): boolean {
  const isOpen = ["PAUSED", "RUNNING", "PENDING"].includes(run.status ?? "");
  const wasPaused = run.runType !== "workflow" && (run.requirements ?? []).length > 0;
  return !hasAnswer(run) && (isOpen || wasPaused);
}

/** Returns the ids of a run and of the runs inside it. */
function idsIn(run: Run): string[] {
  const inside =
    run.runType === "team"
      ? run.memberResponses
      : run.runType === "workflow"
        ? [...(run.stepExecutorRuns ?? []), ...(run.workflowAgentRun ? [run.workflowAgentRun] : [])]
        : [];
  return [run.runId, ...(inside ?? []).flatMap(idsIn)];
}

/** The new ids by the old ones. */
interface Renewal {
  readonly runIds: ReadonlyMap<string, string>;
  readonly sessionIds: ReadonlyMap<string, string>;
}

/** The names under which runs hold ids, here and in raw JSON of Agno. */
const namesOfRuns = /^(?!forked).*run_?id$|^regenerated_?from$/i;
const namesOfSessions = /^session_?id$/i;

/** What belongs to the application, whatever it calls its values. */
const ofApplication: ReadonlySet<string> = new Set([
  "content",
  "input",
  "messages",
  "metadata",
  "result",
  "sessionState",
  "session_state",
  "toolArgs",
  "tool_args",
]);

function renewed<Value>(value: Value, renewal: Renewal): Value;
function renewed(value: unknown, renewal: Renewal): unknown {
  if (Array.isArray(value)) {
    return value.map((each: unknown) => renewed(each, renewal));
  }
  if (!isJsonObject(value)) {
    return value;
  }
  const entries = Object.entries(value).map(([key, inside]) => {
    if (typeof inside !== "string") {
      return [key, ofApplication.has(key) ? inside : renewed(inside, renewal)];
    }
    const ids = namesOfRuns.test(key) ? renewal.runIds : namesOfSessions.test(key) ? renewal.sessionIds : null;
    return [key, ids?.get(inside) ?? inside];
  });
  return Object.fromEntries(entries);
}
