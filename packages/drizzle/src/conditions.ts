import type { SessionType } from "@sessiondb/core";
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

/**
 * How sessions are found: by the conditions, which may select few; in the order of a list; along an index, so that each
 * session is tested for its runs; or by their ids, so that each is tested for everything.
 */
type SessionWay = "conditions" | "order" | "index" | "ids";

interface SessionSearch {
  /** Default `conditions`. */
  readonly by?: SessionWay;
  /** Whether a key bounds the index from one side. Default false. */
  readonly isResumed?: boolean;
  /** Set if that key already bounds `created_at` on that side. */
  readonly after?: "asc" | "desc" | null;
  /** The kinds of components that may have the id wanted. Default: that of the session type, or all. */
  readonly components?: readonly SessionType[];
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
  /** The sides on which something else already bounds the time. */
  readonly after: "asc" | "desc" | "both" | null;
}

const sessionTypes: readonly SessionType[] = ["agent", "team", "workflow"];

export type SessionShape = ReturnType<typeof sessionShape>;
export type RunShape = ReturnType<typeof runShape>;

export function sessionShape(
  query: SessionConditions,
  { by = "conditions", isResumed = false, after = null, components }: SessionSearch = {},
) {
  const { sessionType, userId, participantId, runStatuses, componentId, sessionName } = query;
  const kinds = components ?? (sessionType === null ? sessionTypes : [sessionType]);
  return {
    by,
    isResumed,
    after,
    sessionType,
    hasUser: userId !== null,
    hasParticipant: participantId !== null,
    statuses: statusShape(runStatuses),
    components: componentId === null ? [] : kinds,
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
    isResumed: start !== null,
    after: sessionId === null && start !== null ? readingOrder(query) : null,
  };
}

/** Whether conditions other than those on owner and type select sessions. Then no one plan is good for all values. */
export function isFiltered({
  hasParticipant,
  statuses,
  components,
  namePairs,
  hasStart,
  hasEnd,
}: SessionShape): boolean {
  return hasParticipant || statuses !== null || components.length > 0 || namePairs !== null || hasStart || hasEnd;
}

function statusShape(statuses: readonly string[] | null): StatusShape | null {
  return statuses && { count: statuses.length, isUsual: isUsual(statuses) };
}

/** The conditions of a list of sessions, with named placeholders. */
export function sessionConditions(dialect: SqlDialect, shape: SessionShape): SQL | undefined {
  const { sessions, runs } = dialect.tables;
  const { by, sessionType, hasUser, hasParticipant, statuses, components, namePairs } = shape;
  const fixed = fixedOfSessions(dialect, shape);
  const passedOver = (column: Column) => (by === "conditions" ? column : passOver(dialect, column));
  const ofUser = by === "ids" ? passedOver(sessions.userId) : sessions.userId;
  // A user has few sessions, but a component may have nearly all of them.
  const ofComponent = hasUser || by === "ids" ? passedOver : (column: Column) => column;
  const testsEach = by === "index" || by === "ids";
  return and(
    sessionType === null ? undefined : sql`${passedOver(sessions.sessionType)} = ${value("sessionType")}`,
    hasUser ? equals(dialect, { column: sessions.userId, name: "userId", fixed, spelled: ofUser }) : undefined,
    hasParticipant ? withRun(dialect, eq(runs.userId, value("participantId")), testsEach) : undefined,
    statuses === null ? undefined : withStatus(dialect, statuses, testsEach),
    or(
      ...components.map((kind) => {
        const column = componentOf(sessions, kind);
        return equals(dialect, { column, name: "componentId", fixed, spelled: ofComponent(column) });
      }),
    ),
    namePairs === null ? undefined : dialect.nameContains(sessions.sessionData, foldedSearch(namePairs)),
    ...timeWindow(by === "ids" ? { ...shape, after: "both" } : shape, sessions.createdAt, passedOver),
  );
}

/**
 * The column, if any, that comes before the key of a list in its index and must be fixed to one value. The order begins
 * with it.
 */
export function fixedOfSessions(dialect: SqlDialect, shape: SessionShape): readonly Column[] {
  const { sessions } = dialect.tables;
  const [kind, ...others] = shape.components;
  if (shape.hasUser) {
    return fixedIf(dialect, shape, sessions.userId);
  }
  return kind === undefined || others.length > 0 ? [] : fixedIf(dialect, shape, componentOf(sessions, kind));
}

/** `fixedOfSessions` for a list of the runs of one session. */
export function fixedOfRuns(dialect: SqlDialect, shape: RunShape): readonly Column[] {
  return shape.hasSession ? fixedIf(dialect, shape, dialect.tables.runs.sessionId) : [];
}

/** The column, if a key follows it and the dialect must fix it. */
export function fixedIf(
  { fixed }: SqlDialect,
  { isResumed }: { readonly isResumed: boolean },
  column: Column,
): readonly Column[] {
  return fixed !== undefined && isResumed ? [column] : [];
}

interface Equality {
  readonly column: Column;
  readonly name: string;
  readonly fixed: readonly Column[];
  /** The column unless it is fixed. */
  readonly spelled?: Column | SQL;
}

export function equals(dialect: SqlDialect, { column, name, fixed, spelled = column }: Equality): SQL {
  const isFixed = fixed.includes(column);
  return (isFixed ? dialect.fixed?.(column, name) : undefined) ?? sql`${spelled} = ${value(name)}`;
}

function componentOf({ agentId, teamId, workflowId }: SqlDialect["tables"]["sessions"], kind: SessionType): Column {
  return { agent: agentId, team: teamId, workflow: workflowId }[kind];
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
  const start = after === "asc" || after === "both" ? passedOver(createdAt) : createdAt;
  const end = after === "desc" || after === "both" ? passedOver(createdAt) : createdAt;
  return [
    hasStart ? sql`${start} >= ${value("startTimestamp")}` : undefined,
    hasEnd ? sql`${end} <= ${value("endTimestamp")}` : undefined,
  ];
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

/** Nearly every session has a run of the usual status, so each is tested; other statuses may be looked up. */
function withStatus(dialect: SqlDialect, { count, isUsual: hasUsual }: StatusShape, testsEach: boolean): SQL {
  const tests = testsEach || hasUsual;
  return withRun(dialect, tests ? isOneOf(dialect, count) : hasRareStatus(dialect, count), tests);
}

/** Sessions with a run that meets a condition. */
function withRun(dialect: SqlDialect, condition: SQL | undefined, testsEach: boolean): SQL {
  const { sessions, runs } = dialect.tables;
  if (!testsEach) {
    return sql`${sessions.sessionId} in (select ${runs.sessionId} from ${runs} where ${condition})`;
  }
  const ofSession = sql`select 1 from ${runs} where ${runs.sessionId} = ${sessions.sessionId} and ${condition}`;
  return dialect.exists?.(ofSession) ?? sql`exists (${ofSession})`;
}

/** Whether nearly all runs have one of these statuses. */
export function isUsual(statuses: readonly string[]): boolean {
  return statuses.includes("COMPLETED");
}

function hasStatus(dialect: SqlDialect, { count, isUsual: hasUsual }: StatusShape): SQL {
  return hasUsual ? isOneOf(dialect, count) : hasRareStatus(dialect, count);
}

/** Found by the index on statuses. */
function hasRareStatus(dialect: SqlDialect, count: number): SQL {
  return sql`${inArray(dialect.tables.runs.status, statusNames(count))} and ${isRare(dialect)}`;
}

/** What the index on statuses requires. */
export function isRare({ tables }: SqlDialect): SQL {
  return sql`${tables.runs.status} <> ${usualStatus}`;
}

/** Not by an index that includes the usual status, such as Agno's, which would find nearly all runs and need a sort. */
function isOneOf(dialect: SqlDialect, count: number): SQL {
  return sql`${passOver(dialect, dialect.tables.runs.status)} in (${list(statusNames(count))})`;
}

function statusNames(count: number): SQL[] {
  return Array.from({ length: count }, (_, index) => value(`status${index}`));
}

/** The conditions of a list of runs. `ofComponent` replaces the condition on the component. */
export function runConditions(dialect: SqlDialect, shape: RunShape, ofComponent?: SQL): SQL | undefined {
  const { sessions, runs } = dialect.tables;
  const passedOver = (column: Column) => passOver(dialect, column);
  const named = runComponents(runs).map((column) => sql`${passedOver(column)} = ${value("componentId")}`);
  return and(
    shape.hasSession
      ? equals(dialect, { column: runs.sessionId, name: "sessionId", fixed: fixedOfRuns(dialect, shape) })
      : undefined,
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
  return { parentRunId, ...query, ...statusValues(statuses) };
}

/** Binds the placeholders of conditions on sessions. */
export function sessionConditionValues(conditions: SessionConditions): Record<string, unknown> {
  return { ...conditions, ...statusValues(conditions.runStatuses), ...foldingValues(conditions.sessionName) };
}

function statusValues(statuses: readonly string[] | null): Record<string, unknown> {
  return Object.fromEntries((statuses ?? []).map((status, index) => [`status${index}`, status]));
}
