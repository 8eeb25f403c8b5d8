import type {
  PageOf,
  RunListQuery,
  RunPosition,
  ScopeQuery,
  SessionConditions,
  SessionListQuery,
  SessionPosition,
} from "./queries.ts";
import type { RunRow, SessionRow } from "./rows.ts";
import { foldName } from "./session-rules.ts";

// What lists mean, for stores that filter and sort in JavaScript. An SQL store spells the same in its statements.

export function isVisible(
  row: Pick<SessionRow<unknown>, "sessionType" | "userId">,
  { sessionType, userId }: Pick<ScopeQuery, "sessionType" | "userId">,
): boolean {
  return (sessionType === null || row.sessionType === sessionType) && (userId === null || row.userId === userId);
}

/** What of a session its conditions look at. */
export interface ListedSession {
  readonly row: Omit<SessionRow<unknown>, "sessionData">;
  /** Null for a session without a name. */
  readonly sessionName: string | null;
  readonly participantIds: Iterable<string | null>;
}

export function meetsConditions(session: ListedSession, conditions: SessionConditions): boolean {
  const { row, sessionName, participantIds } = session;
  const { sessionType, participantId, componentId, startTimestamp, endTimestamp } = conditions;
  const components = { agent: row.agentId, team: row.teamId, workflow: row.workflowId };
  const componentIds = sessionType === null ? Object.values(components) : [components[sessionType]];
  return (
    isVisible(row, conditions) &&
    (participantId === null || [...participantIds].includes(participantId)) &&
    (componentId === null || componentIds.includes(componentId)) &&
    (conditions.sessionName === null || foldName(sessionName ?? "").includes(conditions.sessionName)) &&
    (startTimestamp === null || row.createdAt >= startTimestamp) &&
    (endTimestamp === null || row.createdAt <= endTimestamp)
  );
}

/** Whether a run meets all conditions but those on its session. */
export function meetsRunConditions(
  run: Pick<RunRow<unknown>, "userId" | "status" | "parentRunId" | "createdAt">,
  { participantId, statuses, parent, startTimestamp, endTimestamp }: RunListQuery,
): boolean {
  return (
    (participantId === null || run.userId === participantId) &&
    (statuses === null || (run.status !== null && statuses.includes(run.status))) &&
    (parent === null || run.parentRunId === (parent === "none" ? null : parent.runId)) &&
    (startTimestamp === null || run.createdAt >= startTimestamp) &&
    (endTimestamp === null || run.createdAt <= endTimestamp)
  );
}

export function sessionPosition(
  { sessionId, createdAt, updatedAt }: Pick<SessionRow<unknown>, "sessionId" | "createdAt" | "updatedAt">,
  sortBy: SessionListQuery["sortBy"],
): SessionPosition {
  return { timestamp: sortBy === "createdAt" ? createdAt : (updatedAt ?? createdAt), sessionId };
}

/** The order of a list of sessions, for `toSorted`. */
export function compareSessions({
  sortOrder,
}: Pick<SessionListQuery, "sortOrder">): (a: SessionPosition, b: SessionPosition) => number {
  const direction = sortOrder === "asc" ? 1 : -1;
  return (a, b) => direction * (a.timestamp - b.timestamp || compareIds(a.sessionId, b.sessionId));
}

/** The order of a list of runs, for `toSorted`: that of their session, or across sessions by time. */
export function compareRuns({
  sessionId,
  order,
}: Pick<RunListQuery, "sessionId" | "order">): (a: RunPosition, b: RunPosition) => number {
  const direction = order === "asc" ? 1 : -1;
  return (a, b) =>
    direction *
    ((sessionId === null ? 0 : a.runIndex - b.runIndex) || a.createdAt - b.createdAt || compareIds(a.runId, b.runId));
}

/** The first `limit` items of all that are left, and where the next page goes on. */
export function firstPage<Item, Position>(
  rest: readonly Item[],
  limit: number,
  positionOf: (item: Item) => Position,
): PageOf<Item, Position> {
  const items = rest.slice(0, limit);
  const last = items.at(-1);
  return { items, next: last === undefined || rest.length === items.length ? null : positionOf(last) };
}

/** By UTF-8 bytes, as a database with a binary collation compares. JavaScript's `<` differs beyond U+FFFF. */
function compareIds(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
