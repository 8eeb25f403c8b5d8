import {
  CorruptDataError,
  decodeRun,
  parseJson,
  type JsonValue,
  type Run,
  type RunRow,
  type SessionRow,
} from "@sessiondb/core";
import { and, asc, desc, sql, type Column, type SQL } from "drizzle-orm";
import type { SqlDialect } from "./sql-dialect.ts";
import type { Selection } from "./statement.ts";

/** A session as the driver gives it, its JSON columns not parsed yet. */
export type RawSession = SessionRow<unknown>;

/** What is read of a run: enough to decode it and to go on after it. Its JSON is not parsed yet. */
export type StoredRun = Omit<RunRow<unknown>, "agentId" | "teamId" | "workflowId" | "updatedAt">;

/** The session of a raw row. */
export function parseSession(raw: RawSession, table: string): SessionRow {
  const parse = (stored: unknown, column: string): JsonValue => parseJson(stored, `${table}.${column}`, raw.sessionId);
  raw.sessionData = parse(raw.sessionData, "session_data");
  raw.agentData = parse(raw.agentData, "agent_data");
  raw.teamData = parse(raw.teamData, "team_data");
  raw.workflowData = parse(raw.workflowData, "workflow_data");
  raw.metadata = parse(raw.metadata, "metadata");
  raw.summary = parse(raw.summary, "summary");
  // In place: a row belongs to the one read that it was made for.
  return raw as SessionRow;
}

/** The run of a raw row. */
export function parseRun(raw: StoredRun, table: string): Run {
  const location = `${table}.run_data`;
  const runData = parseJson(raw.runData, location, raw.runId);
  if (typeof runData !== "object" || runData === null || Array.isArray(runData)) {
    throw new CorruptDataError(location, raw.runId);
  }
  raw.runData = runData;
  return decodeRun(raw as StoredRun & Pick<RunRow, "runData">);
}

/** The place of a run that Agno gave no index: before all that have one. */
export const beforeAll = -1;

/** The most ids that one statement names; longer lists take several statements. */
const idsPerStatement = 500;

/** A named placeholder, bound to the property of that name. */
export const value = (name: string): SQL => sql`${sql.placeholder(name)}`;

/** A column without its table, as lists of columns to write want it. */
export const bare = ({ name }: { readonly name: string }): SQL => sql`${sql.identifier(name)}`;

export function sessionSelection(sessions: SqlDialect["tables"]["sessions"]): Selection<RawSession> {
  const { sessionId, sessionType, agentId, teamId, workflowId, userId } = sessions;
  const { sessionData, agentData, teamData, workflowData, metadata, summary, createdAt, updatedAt } = sessions;
  return {
    sessionId,
    sessionType,
    agentId,
    teamId,
    workflowId,
    userId,
    sessionData,
    agentData,
    teamData,
    workflowData,
    metadata,
    summary,
    createdAt,
    updatedAt,
  };
}

export function runSelection(runs: SqlDialect["tables"]["runs"]): Selection<StoredRun> {
  const { runId, sessionId, runType, userId, parentRunId, status, runIndex, runData, createdAt } = runs;
  return { runId, sessionId, runType, userId, parentRunId, status, runIndex, runData, createdAt };
}

/** A column of ids as it is ordered on every database: by its bytes. */
export function byBytes(dialect: SqlDialect, ids: Column): SQL {
  return dialect.byBytes?.(ids) ?? sql`${ids}`;
}

export function runOrder(dialect: SqlDialect, order: "asc" | "desc"): SQL {
  const { runs } = dialect.tables;
  const direction = order === "asc" ? asc : desc;
  return sql.join(
    [runs.runIndex, runs.createdAt, byBytes(dialect, runs.runId)].map((key) => direction(key)),
    sql`, `,
  );
}

/** `(a, b) > (:a, :b)`: the rows after a position, found by the index that orders them. */
export function following(columns: readonly SQL[], names: readonly string[], order: "asc" | "desc"): SQL {
  const than = order === "asc" ? sql`>` : sql`<`;
  return sql`(${sql.join([...columns], sql`, `)}) ${than} (${sql.join(names.map(value), sql`, `)})`;
}

export function whereOf(...conditions: (SQL | null | undefined)[]): SQL {
  const where = and(...conditions.filter((condition) => condition !== null));
  return where === undefined ? sql`` : sql` where ${where}`;
}

/** `(a, b) values (:a, :b)`; an expression given for a column takes the place of its placeholder. */
export function insertValues(
  columns: Readonly<Record<string, Column>>,
  expressions: Readonly<Record<string, SQL>> = {},
): SQL {
  const names = Object.keys(columns);
  const list = sql.join(
    Object.values(columns).map((each) => bare(each)),
    sql`, `,
  );
  return sql`(${list}) values (${sql.join(
    names.map((name) => expressions[name] ?? value(name)),
    sql`, `,
  )})`;
}

export function chunks(ids: readonly string[]): string[][] {
  return Array.from({ length: Math.ceil(ids.length / idsPerStatement) }, (_, index) =>
    ids.slice(index * idsPerStatement, (index + 1) * idsPerStatement),
  );
}

export function chunkPlaceholders(chunk: readonly string[]): SQL[] {
  return chunk.map((_, index) => value(`id${index}`));
}

export function chunkValues(chunk: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(chunk.map((id, index) => [`id${index}`, id]));
}
