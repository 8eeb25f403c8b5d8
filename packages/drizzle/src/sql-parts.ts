import { CorruptDataError, type JsonObject, type JsonValue, type Run } from "@sessiondb/core";
import {
  decodeRun,
  isJsonObject,
  parseJson,
  type RunPosition,
  type RunRow,
  type SessionRow,
} from "@sessiondb/core/adapter";
import { and, asc, desc, sql, type Column, type SQL } from "drizzle-orm";
import type { SqlDialect } from "./sql-dialect.ts";
import type { Selection } from "./statement.ts";

/** A session as the driver returns it, its JSON columns not parsed yet. */
export type RawSession = SessionRow<unknown>;

/** A session of a list, which may have had its runs counted. */
export type ListedRow = RawSession & { readonly runCount?: number };

/** What is read of a run: enough to decode it and to go on after it. Its JSON is not parsed yet. */
export type StoredRun = Omit<RunRow<unknown>, "agentId" | "teamId" | "workflowId" | "updatedAt">;

/** The session of a raw row. */
export function parseSession(raw: ListedRow, table: string): SessionRow {
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
  raw.runData = parseRunData(raw, table);
  return decodeRun(raw as StoredRun & Pick<RunRow, "runData">);
}

/** The document of a run, which is an object. */
export function parseRunData({ runId, runData }: Pick<StoredRun, "runId" | "runData">, table: string): JsonObject {
  const location = `${table}.run_data`;
  const json = parseJson(runData, location, runId);
  if (!isJsonObject(json)) {
    throw new CorruptDataError(location, runId);
  }
  return json;
}

/** The place of a run that Agno gave no index: before all that have one. */
export const noIndex = -1;

/** The place of a run in a list. */
export function positionOf({
  runIndex,
  createdAt,
  runId,
}: Pick<StoredRun, "runIndex" | "createdAt" | "runId">): RunPosition {
  return { runIndex: runIndex ?? noIndex, createdAt, runId };
}

/** The most ids that one statement names; longer lists take several statements. */
const idsPerStatement = 500;

/** A named placeholder, bound to the property of that name. */
export const value = (name: string): SQL => sql`${sql.placeholder(name)}`;

/** Parts with commas between them. */
export const list = (parts: readonly unknown[]): SQL =>
  sql.join(
    parts.map((part) => sql`${part}`),
    sql`, `,
  );

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
export function byBytes(dialect: Pick<SqlDialect, "byBytes">, ids: Column | SQL): SQL {
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
  const values = Object.keys(columns).map((name) => expressions[name] ?? value(name));
  return sql`(${list(Object.values(columns).map((each) => bare(each)))}) values (${list(values)})`;
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
