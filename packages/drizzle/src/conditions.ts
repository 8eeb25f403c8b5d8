import {
  readingOrder,
  type RunListQuery,
  type SessionConditions,
  type SessionListQuery,
} from "@sessiondb/core/adapter";
import { and, eq, inArray, isNull, or, sql, type Column, type SQL } from "drizzle-orm";
import { foldedSearch, foldingValues, pairsIn } from "./name-folding.ts";
import type { SqlDialect } from "./sql-dialect.ts";
import { list, value } from "./sql-parts.ts";

// Conditions are rendered from a shape, which is the same for queries that differ in values alone.

/** The order of a list of sessions, if it matters, and the direction in which it continues after a cursor. */
interface ListOrder {
  readonly isOrdered: boolean;
  /** Set if a cursor already bounds `created_at` on that side. */
  readonly after: "asc" | "desc" | null;
}

/** The shape of a condition on the status of runs. */
export interface StatusShape {
  readonly count: number;
  /** Whether the statuses include the one that nearly all runs have. */
  readonly isUsual: boolean;
}

interface TimeShape {
  readonly hasStart: boolean;
  readonly hasEnd: boolean;
  readonly after: ListOrder["after"];
}

export type SessionShape = ReturnType<typeof sessionShape>;
export type RunShape = ReturnType<typeof runShape>;

export function sessionShape(
  query: SessionConditions,
  { isOrdered, after }: ListOrder = { isOrdered: false, after: null },
) {
  const { sessionType, userId, participantId, runStatuses, componentId, sessionName } = query;
  return {
    isOrdered,
    after,
    sessionType,
    hasUser: userId !== null,
    hasParticipant: participantId !== null,
    statuses: statusShape(runStatuses),
    hasComponent: componentId !== null,
    /** The number of letter pairs of the name search. */
    namePairs: sessionName === null || sessionName === "" ? null : pairsIn(sessionName),
    hasStart: query.startTimestamp !== null,
    hasEnd: query.endTimestamp !== null,
  };
}

export function runShape(query: RunListQuery) {
  const { sessionId, userId, participantId, statuses, componentId, parent, start } = query;
  return {
    hasSession: sessionId !== null,
    hasUser: userId !== null,
    hasParticipant: participantId !== null,
    statuses: statusShape(statuses),
    hasComponent: componentId !== null,
    parent: parent === null || parent === "none" ? parent : ("one" as const),
    hasStart: query.startTimestamp !== null,
    hasEnd: query.endTimestamp !== null,
    after: sessionId === null && start !== null ? readingOrder(query) : null,
  };
}

function statusShape(statuses: readonly string[] | null): StatusShape | null {
  return statuses && { count: statuses.length, isUsual: statuses.includes("COMPLETED") };
}

/** The conditions of a list of sessions, with named placeholders. */
export function sessionConditions(dialect: SqlDialect, shape: SessionShape): SQL | undefined {
  const { sessions, runs } = dialect.tables;
  const { isOrdered, sessionType, hasUser, hasParticipant, statuses, hasComponent, namePairs } = shape;
  const passedOver = (column: Column) => (isOrdered ? passOver(dialect, column) : column);
  // A user has few sessions, but a component may have nearly all of them.
  const ofComponent = hasUser ? passedOver : (column: Column) => column;
  return and(
    sessionType === null ? undefined : sql`${passedOver(sessions.sessionType)} = ${value("sessionType")}`,
    hasUser ? eq(sessions.userId, value("userId")) : undefined,
    hasParticipant
      ? sql`${sessions.sessionId} in (
          select ${runs.sessionId} from ${runs} where ${runs.userId} = ${value("participantId")})`
      : undefined,
    statuses === null ? undefined : withStatus(dialect, statuses),
    hasComponent
      ? or(
          ...componentColumns(dialect.tables, sessionType).map(
            (column) => sql`${ofComponent(column)} = ${value("componentId")}`,
          ),
        )
      : undefined,
    namePairs === null ? undefined : dialect.nameContains(sessions.sessionData, foldedSearch(namePairs)),
    ...timeWindow(shape, sessions.createdAt, passedOver),
  );
}

function passOver(dialect: Pick<SqlDialect, "passOver">, column: Column): Column | SQL {
  return dialect.passOver?.(column) ?? column;
}

/** Given two bounds on one side, a planner may use the window's and walk through all pages before the cursor. */
function timeWindow(
  { hasStart, hasEnd, after }: TimeShape,
  createdAt: Column,
  passedOver: (column: Column) => Column | SQL,
): (SQL | undefined)[] {
  const start = after === "asc" ? passedOver(createdAt) : createdAt;
  const end = after === "desc" ? passedOver(createdAt) : createdAt;
  return [
    hasStart ? sql`${start} >= ${value("startTimestamp")}` : undefined,
    hasEnd ? sql`${end} <= ${value("endTimestamp")}` : undefined,
  ];
}

function componentColumns(
  { sessions }: Pick<SqlDialect["tables"], "sessions">,
  sessionType: SessionConditions["sessionType"],
): Column[] {
  const columns = { agent: sessions.agentId, team: sessions.teamId, workflow: sessions.workflowId };
  return sessionType === null ? Object.values(columns) : [columns[sessionType]];
}

/** The column that orders a list of sessions, before the session id. */
export function sessionTimestamp(sessions: SqlDialect["tables"]["sessions"], sortBy: SessionListQuery["sortBy"]): SQL {
  return sortBy === "createdAt"
    ? sql`${sessions.createdAt}`
    : sql`coalesce(${sessions.updatedAt}, ${sessions.createdAt})`;
}

/**
 * The status of nearly all runs. The index on statuses leaves it out, so a search for other statuses must exclude it: a
 * partial index serves only queries that state its condition.
 */
const usualStatus = sql.raw("'COMPLETED'");

/** Sessions with a run of one of these statuses. */
function withStatus(dialect: SqlDialect, statuses: StatusShape): SQL {
  const { sessions, runs } = dialect.tables;
  const named = hasStatus(dialect, statuses);
  // Nearly every session has a run of the usual status, so each is tested; other statuses are looked up.
  if (!statuses.isUsual) {
    return sql`${sessions.sessionId} in (select ${runs.sessionId} from ${runs} where ${named})`;
  }
  const ofSession = sql`select 1 from ${runs} where ${runs.sessionId} = ${sessions.sessionId} and ${named}`;
  return dialect.exists?.(ofSession) ?? sql`exists (${ofSession})`;
}

function hasStatus(dialect: SqlDialect, { count, isUsual }: StatusShape): SQL {
  const { runs } = dialect.tables;
  const names = Array.from({ length: count }, (_, index) => value(`status${index}`));
  // An index that includes the usual status, such as Agno's, would find nearly all runs and need a sort.
  return isUsual
    ? sql`${passOver(dialect, runs.status)} in (${list(names)})`
    : sql`${inArray(runs.status, names)} and ${runs.status} <> ${usualStatus}`;
}

/** The conditions of a list of runs. `ofComponent` replaces the condition on the component. */
export function runConditions(dialect: SqlDialect, shape: RunShape, ofComponent?: SQL): SQL | undefined {
  const { sessions, runs } = dialect.tables;
  const passedOver = (column: Column) => passOver(dialect, column);
  const named = runComponents(runs).map((column) => sql`${passedOver(column)} = ${value("componentId")}`);
  return and(
    shape.hasSession ? eq(runs.sessionId, value("sessionId")) : undefined,
    shape.hasUser
      ? sql`${runs.sessionId} in (
          select ${sessions.sessionId} from ${sessions} where ${sessions.userId} = ${value("userId")})`
      : undefined,
    shape.hasParticipant ? eq(runs.userId, value("participantId")) : undefined,
    shape.statuses === null ? undefined : hasStatus(dialect, shape.statuses),
    shape.hasComponent ? (ofComponent ?? or(...named)) : undefined,
    shape.parent === "none" ? isNull(runs.parentRunId) : undefined,
    shape.parent === "one" ? eq(runs.parentRunId, value("parentRunId")) : undefined,
    ...timeWindow(shape, runs.createdAt, passedOver),
  );
}

/**
 * Whether a list is best read in the order of the component's runs, which may be nearly all runs. False if other
 * conditions leave few: those on a user, or on a rare status.
 */
export function goesByComponent({ hasSession, hasUser, hasParticipant, hasComponent, statuses }: RunShape): boolean {
  const isNarrow = hasUser || hasParticipant || statuses?.isUsual === false;
  return hasComponent && !hasSession && !isNarrow;
}

/** The columns that may name the component of a run. */
export function runComponents({ agentId, teamId, workflowId }: SqlDialect["tables"]["runs"]): readonly Column[] {
  return [agentId, teamId, workflowId];
}

/** Binds the placeholders of conditions on runs. */
export function runConditionValues({ statuses, parent, ...query }: RunListQuery): Record<string, unknown> {
  const parentRunId = parent === null || parent === "none" ? null : parent.runId;
  return { ...query, ...statusValues(statuses), parentRunId };
}

/** Binds the placeholders of conditions on sessions. */
export function sessionConditionValues(conditions: SessionConditions): Record<string, unknown> {
  return { ...conditions, ...statusValues(conditions.runStatuses), ...foldingValues(conditions.sessionName) };
}

function statusValues(statuses: readonly string[] | null): Record<string, unknown> {
  return Object.fromEntries((statuses ?? []).map((status, index) => [`status${index}`, status]));
}
