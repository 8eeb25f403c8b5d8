import type { Run, Session, SessionFilter } from "@sessiondb/core";
import { compareBytes } from "./combinations.ts";
import type { ListOrder, RunListOptions } from "./list-options.ts";

// The expected lists of sessions and of runs, worked out in plain JavaScript from the sessions themselves.

/** What decides where a session and its runs are listed. */
export interface Listed extends Pick<
  Session,
  "sessionId" | "sessionType" | "agentId" | "teamId" | "workflowId" | "userId" | "sessionName" | "createdAt"
> {
  readonly updatedAt: number | null;
  readonly runs: readonly Run[];
}

export type ListedRuns = Pick<Listed, "sessionId" | "userId" | "runs">;

export type SessionConditions = SessionFilter & { userId?: string };

export function expectedSessions<Item extends Listed>(
  sessions: readonly Item[],
  conditions: SessionConditions,
  { sortBy = "createdAt", sortOrder = "desc" }: ListOrder,
): Item[] {
  const direction = sortOrder === "asc" ? 1 : -1;
  const time = (session: Item): number =>
    sortBy === "createdAt" ? session.createdAt : (session.updatedAt ?? session.createdAt);
  return sessions
    .filter((session) => meets(session, conditions))
    .toSorted((a, b) => direction * (time(a) - time(b) || compareBytes(a.sessionId, b.sessionId)));
}

function meets(session: Listed, conditions: SessionConditions): boolean {
  const { sessionType, userId, participantId, runStatus, componentId, sessionName } = conditions;
  const { startTimestamp = -Infinity, endTimestamp = Infinity } = conditions;
  const ids = { agent: session.agentId, team: session.teamId, workflow: session.workflowId };
  const componentIds = sessionType === undefined ? Object.values(ids) : [ids[sessionType]];
  const { runs } = session;
  return (
    (sessionType === undefined || session.sessionType === sessionType) &&
    (userId === undefined || session.userId === userId) &&
    (participantId === undefined || runs.some((run) => run.userId === participantId)) &&
    (runStatus === undefined || runs.some(({ status }) => isOneOf(status, runStatus))) &&
    (componentId === undefined || componentIds.includes(componentId)) &&
    (sessionName === undefined || (session.sessionName ?? "").toLowerCase().includes(sessionName.toLowerCase())) &&
    session.createdAt >= startTimestamp &&
    session.createdAt <= endTimestamp
  );
}

export function expectedRuns(sessions: readonly ListedRuns[], options: RunListOptions): Run[] {
  const { sessionId, userId, participantId, status, componentId, parentRunId } = options;
  const { startTimestamp = -Infinity, endTimestamp = Infinity } = options;
  const runs = sessions
    .filter((session) => sessionId === undefined || session.sessionId === sessionId)
    .filter((session) => userId === undefined || session.userId === userId)
    .flatMap((session) => session.runs)
    .filter(
      (run) =>
        (participantId === undefined || run.userId === participantId) &&
        (status === undefined || isOneOf(run.status, status)) &&
        (componentId === undefined || componentIdsOf(run).includes(componentId)) &&
        (parentRunId === undefined || (run.parentRunId ?? null) === parentRunId) &&
        createdAt(run) >= startTimestamp &&
        createdAt(run) <= endTimestamp,
    );
  if (sessionId === undefined) {
    runs.sort((a, b) => createdAt(a) - createdAt(b) || compareBytes(a.runId, b.runId));
  }
  return options.sortOrder === "desc" ? runs.toReversed() : runs;
}

function isOneOf(status: string | null | undefined, wanted: string | readonly string[]): boolean {
  return typeof wanted === "string" ? status === wanted : wanted.some((each) => each === status);
}

function createdAt(run: Run): number {
  return run.createdAt ?? 0;
}

/** An agent or team may be a step of a workflow: its run then has two ids. */
function componentIdsOf(run: Run): unknown[] {
  return ["agentId", "teamId", "workflowId"].map((name) => Reflect.get(run, name));
}
