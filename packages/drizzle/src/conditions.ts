import type { RunListQuery, SessionConditions, SessionListQuery } from "@sessiondb/core";
import { and, eq, inArray, isNull, or, sql, type Column, type SQL } from "drizzle-orm";
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

export function sessionConditions(
  dialect: SqlDialect,
  query: SessionConditions,
  { ordered, after }: ListOrder = { ordered: false, after: null },
): Condition {
  const { sessions, runs } = dialect.tables;
  const passedOver = passOver(dialect, ordered);
  const { sessionType, userId, participantId, componentId, sessionName } = query;
  return all([
    sessionType !== null && {
      name: `type ${sessionType}`,
      where: sql`${passedOver(sessions.sessionType)} = ${value("sessionType")}`,
    },
    userId !== null && { name: "user", where: eq(sessions.userId, value("userId")) },
    participantId !== null && {
      name: "participant",
      where: sql`${sessions.sessionId} in (select ${runs.sessionId} from ${runs} where ${runs.userId} = ${value("participantId")})`,
    },
    componentId !== null && {
      name: "component",
      where: or(
        ...componentColumns({ sessions }, sessionType).map(
          // A user has few sessions, and a component may have nearly all of them.
          (column) => sql`${userId === null ? column : passedOver(column)} = ${value("componentId")}`,
        ),
      ),
    },
    sessionName !== null &&
      sessionName !== "" && {
        name: "name",
        where: dialect.nameContains(sessions.sessionData, value("sessionName")),
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
    startTimestamp !== null && { name: "start", where: sql`${start} >= ${value("startTimestamp")}` },
    endTimestamp !== null && { name: "end", where: sql`${end} <= ${value("endTimestamp")}` },
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

export function runConditions({ tables: { sessions, runs }, ...dialect }: SqlDialect, query: RunListQuery): Condition {
  const { sessionId, userId, participantId, statuses, parent, order } = query;
  const after = sessionId === null && query.after !== null ? order : null;
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
    ...timeWindow(query, { createdAt: runs.createdAt, passedOver: passOver(dialect, true), after }),
  ]);
}

/** Binds what `runConditions` left open. */
export function runConditionValues({ statuses, parent, ...query }: RunListQuery): Record<string, unknown> {
  const named = Object.fromEntries((statuses ?? []).map((status, index) => [`status${index}`, status]));
  return { ...query, ...named, parentRunId: parent === null || parent === "none" ? null : parent.runId };
}
