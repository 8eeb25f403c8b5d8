import type { RunListQuery, SessionConditions, SessionListQuery } from "@sessiondb/core";
import { and, eq, gte, inArray, isNull, lte, or, sql, type Column, type SQL } from "drizzle-orm";
import type { SqlDialect } from "./sql-dialect.ts";

/** A condition with named placeholders. `shape` is the same for queries that differ in values alone. */
export interface Condition {
  readonly shape: string;
  readonly where: SQL | undefined;
}

interface Part {
  readonly name: string;
  readonly where: SQL | undefined;
}

const value = (name: string): SQL => sql`${sql.placeholder(name)}`;

function all(parts: readonly (Part | false)[]): Condition {
  const given = parts.filter((part) => part !== false);
  return { shape: given.map(({ name }) => name).join(" "), where: and(...given.map(({ where }) => where)) };
}

export function sessionConditions(dialect: SqlDialect, query: SessionConditions): Condition {
  const { sessions, runs } = dialect.tables;
  const { sessionType, userId, participantId, componentId, sessionName, startTimestamp, endTimestamp } = query;
  return all([
    sessionType !== null && { name: `type ${sessionType}`, where: eq(sessions.sessionType, value("sessionType")) },
    userId !== null && { name: "user", where: eq(sessions.userId, value("userId")) },
    participantId !== null && {
      name: "participant",
      where: sql`${sessions.sessionId} in (select ${runs.sessionId} from ${runs} where ${runs.userId} = ${value("participantId")})`,
    },
    componentId !== null && {
      name: "component",
      where: or(...componentColumns({ sessions }, sessionType).map((column) => eq(column, value("componentId")))),
    },
    sessionName !== null &&
      sessionName !== "" && {
        name: "name",
        where: dialect.nameContains(sessions.sessionData, value("sessionName")),
      },
    startTimestamp !== null && { name: "start", where: gte(sessions.createdAt, value("startTimestamp")) },
    endTimestamp !== null && { name: "end", where: lte(sessions.createdAt, value("endTimestamp")) },
  ]);
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

export function runConditions({ tables: { sessions, runs } }: SqlDialect, query: RunListQuery): Condition {
  const { sessionId, userId, participantId, statuses, parent, startTimestamp, endTimestamp } = query;
  return all([
    sessionId !== null && { name: "session", where: eq(runs.sessionId, value("sessionId")) },
    userId !== null && {
      name: "user",
      where: sql`${runs.sessionId} in (select ${sessions.sessionId} from ${sessions} where ${sessions.userId} = ${value("userId")})`,
    },
    participantId !== null && { name: "participant", where: eq(runs.userId, value("participantId")) },
    statuses !== null && {
      name: `statuses ${statuses.length}`,
      where: inArray(
        runs.status,
        statuses.map((_, index) => value(`status${index}`)),
      ),
    },
    parent === "none" && { name: "no parent", where: isNull(runs.parentRunId) },
    parent !== null && parent !== "none" && { name: "parent", where: eq(runs.parentRunId, value("parentRunId")) },
    startTimestamp !== null && { name: "start", where: gte(runs.createdAt, value("startTimestamp")) },
    endTimestamp !== null && { name: "end", where: lte(runs.createdAt, value("endTimestamp")) },
  ]);
}

/** Binds what `runConditions` left open. */
export function runConditionValues({ statuses, parent, ...query }: RunListQuery): Record<string, unknown> {
  const named = Object.fromEntries((statuses ?? []).map((status, index) => [`status${index}`, status]));
  return { ...query, ...named, parentRunId: parent === null || parent === "none" ? null : parent.runId };
}
