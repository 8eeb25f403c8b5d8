import { CorruptDataError, InvalidArgumentError } from "./errors.ts";
import type { SortOrder, UnreadableRow } from "./options.ts";
import type {
  PageOf,
  PageQuery,
  RunListQuery,
  RunPosition,
  ScopeQuery,
  SessionConditions,
  SessionListQuery,
  SessionPosition,
} from "./queries.ts";
import type { RunRow, SessionRow } from "./rows.ts";
import { foldName } from "./session-rules.ts";

// The rules of lists, for stores that filter and sort in JavaScript. SQL stores express them in their statements.

export function isVisible(
  row: Pick<SessionRow<unknown>, "sessionType" | "userId">,
  { sessionType, userId }: Pick<ScopeQuery, "sessionType" | "userId">,
): boolean {
  return (sessionType === null || row.sessionType === sessionType) && (userId === null || row.userId === userId);
}

/** The parts of a session that list conditions examine. */
export interface ListedSession {
  readonly row: Omit<SessionRow<unknown>, "sessionData">;
  /** Null for a session without a name. */
  readonly sessionName: string | null;
  /** All runs of the session. */
  readonly runs: Iterable<Pick<RunRow<unknown>, "userId" | "status">>;
}

export function meetsConditions(session: ListedSession, conditions: SessionConditions): boolean {
  const { row, sessionName } = session;
  const { sessionType, participantId, runStatuses, componentId, startTimestamp, endTimestamp } = conditions;
  const components = { agent: row.agentId, team: row.teamId, workflow: row.workflowId };
  const componentIds = sessionType === null ? Object.values(components) : [components[sessionType]];
  const runs = participantId === null && runStatuses === null ? [] : [...session.runs];
  return (
    isVisible(row, conditions) &&
    (participantId === null || runs.some(({ userId }) => userId === participantId)) &&
    (runStatuses === null || runs.some(({ status }) => status !== null && runStatuses.includes(status))) &&
    (componentId === null || componentIds.includes(componentId)) &&
    (conditions.sessionName === null || foldName(sessionName ?? "").includes(conditions.sessionName)) &&
    (startTimestamp === null || row.createdAt >= startTimestamp) &&
    (endTimestamp === null || row.createdAt <= endTimestamp)
  );
}

/** Whether a run meets all conditions except those on its session. */
export function meetsRunConditions(
  run: Pick<RunRow<unknown>, "userId" | "status" | "parentRunId" | "createdAt" | "agentId" | "teamId" | "workflowId">,
  { participantId, statuses, componentId, parent, startTimestamp, endTimestamp }: RunListQuery,
): boolean {
  return (
    (participantId === null || run.userId === participantId) &&
    (statuses === null || (run.status !== null && statuses.includes(run.status))) &&
    (componentId === null || [run.agentId, run.teamId, run.workflowId].includes(componentId)) &&
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

type Compare<Position> = (a: Position, b: Position) => number;

/** The order of a list of sessions, for `toSorted`. */
export function compareSessions({ sortOrder }: Pick<SessionListQuery, "sortOrder">): Compare<SessionPosition> {
  const direction = sortOrder === "asc" ? 1 : -1;
  return (a, b) => direction * (a.timestamp - b.timestamp || compareIds(a.sessionId, b.sessionId));
}

/** The order of a list of runs, for `toSorted`: their session's own, or by time across sessions. */
export function compareRuns({
  sessionId,
  sortOrder,
}: Pick<RunListQuery, "sessionId" | "sortOrder">): Compare<RunPosition> {
  const direction = sortOrder === "asc" ? 1 : -1;
  return (a, b) =>
    direction *
    ((sessionId === null ? 0 : a.runIndex - b.runIndex) || a.createdAt - b.createdAt || compareIds(a.runId, b.runId));
}

/** The error for the cursor of a deleted run: deleting renumbers the other runs, so its place is unknown. */
export function goneCursor(): InvalidArgumentError {
  return new InvalidArgumentError("cursor", "the cursor of a run that still exists; start again without one");
}

/** The order in which a page's rows are read: away from its start, so backwards for a page before a cursor. */
export function readingOrder({ sortOrder, start }: Pick<PageQuery<unknown>, "sortOrder" | "start">): SortOrder {
  return start?.side === "before" ? (sortOrder === "asc" ? "desc" : "asc") : sortOrder;
}

/** A page of rows that are not decoded yet. */
export type RowPage<Row, Position> = Pick<PageOf<Row, Position>, "items" | "next" | "previous">;

/**
 * Returns a page in list order from rows in `readingOrder`. If the list continues, there must be one row more than the
 * limit, which is how the page knows.
 */
export function pageOfRows<Row, Position>(
  rows: readonly Row[],
  { limit, start, offset = 0 }: Pick<PageQuery<unknown>, "limit" | "start"> & { readonly offset?: number },
  positionOf: (row: Row) => Position,
): RowPage<Row, Position> {
  const goesOn = rows.length > limit;
  const items = rows.slice(0, limit);
  const backwards = start?.side === "before";
  if (backwards) {
    items.reverse();
  }
  const [first] = items;
  const last = items.at(-1);
  const hasPrevious = backwards ? goesOn : start !== null || offset > 0;
  return {
    items,
    next: last !== undefined && (backwards || goesOn) ? positionOf(last) : null,
    previous: first !== undefined && hasPrevious ? positionOf(first) : null,
  };
}

/** Returns a page of a list that is wholly in memory, in any order. */
export function pageOfAll<Row, Position>(
  all: readonly Row[],
  query: Pick<PageQuery<Position>, "limit" | "start"> & { readonly offset?: number },
  { compare, positionOf }: { readonly compare: Compare<Position>; readonly positionOf: (row: Row) => Position },
): RowPage<Row, Position> {
  const { start, offset = 0 } = query;
  const direction = start?.side === "before" ? -1 : 1;
  const rows = all
    .map((row) => ({ row, position: positionOf(row) }))
    .filter(({ position }) => start === null || direction * compare(position, start.position) > 0)
    .toSorted((a, b) => direction * compare(a.position, b.position))
    .map(({ row }) => row)
    .slice(offset);
  return pageOfRows(rows, query, positionOf);
}

/** Decodes the rows of a page. Sets aside those that cannot be read, if the query says so. */
export function decodeRows<Row, Item, Position>(
  page: RowPage<Row, Position>,
  { onUnreadable }: Pick<PageQuery<unknown>, "onUnreadable">,
  { decode, idOf }: { readonly decode: (row: Row) => Item; readonly idOf: (row: Row) => string },
): PageOf<Item, Position> {
  const items: Item[] = [];
  const unreadable: UnreadableRow[] = [];
  for (const row of page.items) {
    try {
      items.push(decode(row));
    } catch (error) {
      if (onUnreadable === "throw" || !(error instanceof CorruptDataError)) {
        throw error;
      }
      unreadable.push({ id: idOf(row), error });
    }
  }
  return { items, next: page.next, previous: page.previous, unreadable };
}

/** Compares by UTF-8 bytes, like a database with a binary collation. JavaScript's `<` differs beyond U+FFFF. */
function compareIds(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
