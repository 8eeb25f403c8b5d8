import {
  readingOrder,
  type RunListQuery,
  type SessionConditions,
  type SessionListQuery,
} from "@sessiondb/core/adapter";
import { and, eq, inArray, isNull, or, sql, type Column, type SQL } from "drizzle-orm";
import { foldedSearch, foldingValues } from "./name-folding.ts";
import type { SqlDialect } from "./sql-dialect.ts";
import { list, value } from "./sql-parts.ts";

/** A condition with named placeholders. `shape` is the same for queries that differ in values alone. */
export interface Condition {
  readonly shape: string;
  /** Made only where a statement of this shape is rendered for the first time. */
  readonly where: () => SQL | undefined;
}

interface Part {
  readonly name: string;
  readonly where: () => SQL | undefined;
}

function all(parts: readonly (Part | false)[]): Condition {
  const given = parts.filter((part) => part !== false);
  return { shape: given.map(({ name }) => name).join(" "), where: () => and(...given.map(({ where }) => where())) };
}

export function sessionConditions(
  dialect: SqlDialect,
  query: SessionConditions,
  { ordered, after }: ListOrder = { ordered: false, after: null },
): Condition {
  const { sessions, runs } = dialect.tables;
  const passedOver = passOver(dialect, ordered);
  const { sessionType, userId, participantId, runStatuses, componentId, sessionName } = query;
  const search = sessionName === null || sessionName === "" ? null : foldedSearch(sessionName);
  return all([
    sessionType !== null && {
      name: `type ${sessionType}`,
      where: () => sql`${passedOver(sessions.sessionType)} = ${value("sessionType")}`,
    },
    userId !== null && { name: "user", where: () => eq(sessions.userId, value("userId")) },
    participantId !== null && {
      name: "participant",
      where: () =>
        sql`${sessions.sessionId} in (select ${runs.sessionId} from ${runs} where ${runs.userId} = ${value("participantId")})`,
    },
    runStatuses !== null && withStatus(dialect, runStatuses),
    componentId !== null && {
      name: "component",
      where: () =>
        or(
          ...componentColumns({ sessions }, sessionType).map(
            // A user has few sessions, and a component may have nearly all of them.
            (column) => sql`${userId === null ? column : passedOver(column)} = ${value("componentId")}`,
          ),
        ),
    },
    search !== null && {
      name: `name ${search.pairs.length}`,
      where: () => dialect.nameContains(sessions.sessionData, search),
    },
    ...timeWindow(query, { createdAt: sessions.createdAt, passedOver, after }),
  ]);
}

/** What a list is ordered by, if that matters, and which way it goes on after the position of a cursor. */
export interface ListOrder {
  readonly ordered: boolean;
  /** Set where a cursor bounds `created_at` on that side already. */
  readonly after: "asc" | "desc" | null;
}

type PassOver = (column: Column) => Column | SQL;

function passOver(dialect: Pick<SqlDialect, "passOver">, ordered: boolean): PassOver {
  return (column) => (ordered ? (dialect.passOver?.(column) ?? column) : column);
}

/** Of two bounds on one side a planner may take the window's, and then walks through all the pages before the cursor. */
function timeWindow(
  { startTimestamp, endTimestamp }: Pick<SessionConditions, "startTimestamp" | "endTimestamp">,
  { createdAt, passedOver, after }: { createdAt: Column; passedOver: PassOver; after: ListOrder["after"] },
): (Part | false)[] {
  const start = after === "asc" ? passedOver(createdAt) : createdAt;
  const end = after === "desc" ? passedOver(createdAt) : createdAt;
  return [
    startTimestamp !== null && { name: "start", where: () => sql`${start} >= ${value("startTimestamp")}` },
    endTimestamp !== null && { name: "end", where: () => sql`${end} <= ${value("endTimestamp")}` },
  ];
}

function componentColumns(
  { sessions }: Pick<SqlDialect["tables"], "sessions">,
  sessionType: SessionConditions["sessionType"],
): Column[] {
  const columns = { agent: sessions.agentId, team: sessions.teamId, workflow: sessions.workflowId };
  return sessionType === null ? Object.values(columns) : [columns[sessionType]];
}

/** What a list of sessions is ordered by, before the session id. */
export function sessionTimestamp(sessions: SqlDialect["tables"]["sessions"], sortBy: SessionListQuery["sortBy"]): SQL {
  return sortBy === "createdAt"
    ? sql`${sessions.createdAt}`
    : sql`coalesce(${sessions.updatedAt}, ${sessions.createdAt})`;
}

/**
 * The status of nearly all runs. The index on statuses leaves it out, so what looks for others says so: an index with a
 * condition serves only queries that state it.
 */
const usualStatus = sql.raw("'COMPLETED'");

function isUsual(statuses: readonly string[]): boolean {
  return statuses.includes("COMPLETED");
}

/** Sessions with a run of one of these statuses. */
function withStatus(dialect: SqlDialect, statuses: readonly string[]): Part {
  const { sessions, runs } = dialect.tables;
  const usual = isUsual(statuses);
  return {
    name: `run statuses ${statuses.length} ${usual ? "usual" : "rare"}`,
    // Of the usual status nearly every session has a run, so each is asked; those with another are looked up.
    where: () => {
      const named = hasStatus(dialect, statuses);
      if (!usual) {
        return sql`${sessions.sessionId} in (select ${runs.sessionId} from ${runs} where ${named})`;
      }
      const ofSession = sql`select 1 from ${runs} where ${runs.sessionId} = ${sessions.sessionId} and ${named}`;
      return dialect.exists?.(ofSession) ?? sql`exists (${ofSession})`;
    },
  };
}

function hasStatus(dialect: SqlDialect, statuses: readonly string[]): SQL {
  const { runs } = dialect.tables;
  const names = statuses.map((_, index) => value(`status${index}`));
  // An index of the usual status, such as Agno makes, finds nearly all runs, to be sorted.
  return isUsual(statuses)
    ? sql`${passOver(dialect, true)(runs.status)} in (${list(names)})`
    : sql`${inArray(runs.status, names)} and ${runs.status} <> ${usualStatus}`;
}

/** The conditions of a list of runs, but for that on the component where `ofComponent` spells it. */
export function runConditions(dialect: SqlDialect, query: RunListQuery, ofComponent?: SQL): Condition {
  const { sessions, runs } = dialect.tables;
  const { sessionId, userId, participantId, statuses, componentId, parent, start } = query;
  const after = sessionId === null && start !== null ? readingOrder(query) : null;
  const parentId = parent === null || parent === "none" ? null : parent.runId;
  const passedOver = passOver(dialect, true);
  return all([
    sessionId !== null && { name: "session", where: () => eq(runs.sessionId, value("sessionId")) },
    userId !== null && {
      name: "user",
      where: () =>
        sql`${runs.sessionId} in (select ${sessions.sessionId} from ${sessions} where ${sessions.userId} = ${value("userId")})`,
    },
    participantId !== null && { name: "participant", where: () => eq(runs.userId, value("participantId")) },
    statuses !== null && {
      name: `statuses ${statuses.length} ${isUsual(statuses) ? "usual" : "rare"}`,
      where: () => hasStatus(dialect, statuses),
    },
    componentId !== null && {
      name: "component",
      where: () =>
        ofComponent ?? or(...runComponents(runs).map((column) => sql`${passedOver(column)} = ${value("componentId")}`)),
    },
    parent === "none" && { name: "no parent", where: () => isNull(runs.parentRunId) },
    parentId !== null && { name: "parent", where: () => eq(runs.parentRunId, value("parentRunId")) },
    ...timeWindow(query, { createdAt: runs.createdAt, passedOver, after }),
  ]);
}

/**
 * Whether a list is best read in the order of the component's runs, which may be nearly all there are. Not where other
 * conditions leave few: those on a user, or on a status that few runs have.
 */
export function goesByComponent({ sessionId, userId, participantId, componentId, statuses }: RunListQuery): boolean {
  const isNarrow = userId !== null || participantId !== null || (statuses !== null && !isUsual(statuses));
  return componentId !== null && sessionId === null && !isNarrow;
}

/** The columns that may name the component of a run. */
export function runComponents({ agentId, teamId, workflowId }: SqlDialect["tables"]["runs"]): readonly Column[] {
  return [agentId, teamId, workflowId];
}

/** Binds what conditions on runs left open. */
export function runConditionValues({ statuses, parent, ...query }: RunListQuery): Record<string, unknown> {
  const parentRunId = parent === null || parent === "none" ? null : parent.runId;
  return { ...query, ...statusValues(statuses), parentRunId };
}

/** Binds what conditions on sessions left open. */
export function sessionConditionValues(conditions: SessionConditions): Record<string, unknown> {
  return { ...conditions, ...statusValues(conditions.runStatuses), ...foldingValues(conditions.sessionName) };
}

function statusValues(statuses: readonly string[] | null): Record<string, unknown> {
  return Object.fromEntries((statuses ?? []).map((status, index) => [`status${index}`, status]));
}
