import { CorruptDataError, type JsonObject, type JsonValue, type Run } from "@sessiondb/core";
import {
  compareRuns,
  decodeRun,
  isJsonObject,
  parseJson,
  skippedHistoryStatuses,
  type RunPosition,
  type RunRow,
  type SessionRow,
} from "@sessiondb/core/adapter";
import { and, asc, desc, getTableColumns, sql, type Column, type SQL } from "drizzle-orm";
import type { SqlDialect } from "./sql-dialect.ts";
import type { Selection } from "./statement.ts";

/** A session as returned by the driver, its JSON columns not parsed yet. */
export type RawSession = SessionRow<unknown>;

/** A session of a list, possibly with a count of its runs. */
export type ListedRow = RawSession & { readonly runCount?: number };

/** The columns read of a run: enough to decode it and to continue after it. Its JSON is not parsed yet. */
export type StoredRun = Omit<RunRow<unknown>, "agentId" | "teamId" | "workflowId" | "updatedAt">;

/** Parses a raw session in place. A session that is locked to be changed is read with `parseSource`. */
export function parseSession(raw: ListedRow, table: string, read: typeof parseJson = parseJson): SessionRow {
  // Most documents of most sessions are null.
  const parse = (stored: unknown, column: string): JsonValue =>
    stored === null ? null : read(stored, `${table}.${column}`, raw.sessionId);
  raw.sessionData = parse(raw.sessionData, "session_data");
  raw.agentData = parse(raw.agentData, "agent_data");
  raw.teamData = parse(raw.teamData, "team_data");
  raw.workflowData = parse(raw.workflowData, "workflow_data");
  raw.metadata = parse(raw.metadata, "metadata");
  raw.summary = parse(raw.summary, "summary");
  // In place: a row belongs to the one read that it was made for.
  return raw as SessionRow;
}

/** Parses the raw row of a run. */
export function parseRun(raw: StoredRun, table: string): Run {
  raw.runData = parseRunData(raw, table);
  return decodeRun(raw as StoredRun & Pick<RunRow, "runData">);
}

/** Parses the document of a run, which is an object; `parseSession` for runs. */
export function parseRunData(
  { runId, runData }: Pick<StoredRun, "runId" | "runData">,
  table: string,
  read: typeof parseJson = parseJson,
): JsonObject {
  const location = `${table}.run_data`;
  const json = read(runData, location, runId);
  if (!isJsonObject(json)) {
    throw new CorruptDataError(location, runId);
  }
  return json;
}

/** The place of a run that Agno stored without an index: before all that have one. */
export const noIndex = -1;

/** The place of a run in a list. */
export function positionOf({
  runIndex,
  createdAt,
  runId,
}: Pick<StoredRun, "runIndex" | "createdAt" | "runId">): RunPosition {
  return { runIndex: runIndex ?? noIndex, createdAt, runId };
}

const inOrder = compareRuns({ sessionId: "", sortOrder: "asc" });

/** Compares runs of one session in the order of `runOrder`. */
export function byPosition(
  a: Pick<StoredRun, "runIndex" | "createdAt" | "runId">,
  b: Pick<StoredRun, "runIndex" | "createdAt" | "runId">,
): number {
  return inOrder(positionOf(a), positionOf(b));
}

/** Whether two neighbouring runs have the same index, or none, so that the index alone does not decide their order. */
export function tie(runs: readonly Pick<StoredRun, "runIndex">[]): boolean {
  return runs.some(({ runIndex }, place) => runIndex === runs[place + 1]?.runIndex);
}

/** Whether history uses a run, by the rule of `isHistoryRun`. */
export function isHistoryRow({ parentRunId, status }: SqlDialect["tables"]["runs"]): SQL {
  const skipped = sql.raw(skippedHistoryStatuses.map((each) => `'${each}'`).join(", "));
  return sql`${parentRunId} is null and (${status} is null or ${status} not in (${skipped}))`;
}

/** The most ids that one statement names; longer lists take several statements. */
const idsPerStatement = 500;

/** A named placeholder, bound to the property of that name. */
export const value = (name: string): SQL => sql`${sql.placeholder(name)}`;

/** Parts separated by commas. */
export const list = (parts: readonly unknown[]): SQL =>
  sql.join(
    parts.map((part) => sql`${part}`),
    sql`, `,
  );

/** A column without its table, for lists of columns to write. */
export const bare = ({ name }: { readonly name: string }): SQL => sql`${sql.identifier(name)}`;

export function sessionSelection(sessions: SqlDialect["tables"]["sessions"]): Selection<RawSession> {
  return getTableColumns(sessions) as Selection<RawSession>;
}

export function runSelection(runs: SqlDialect["tables"]["runs"]): Selection<StoredRun> {
  const { runId, sessionId, runType, userId, parentRunId, status, runIndex, runData, createdAt } = runs;
  return { runId, sessionId, runType, userId, parentRunId, status, runIndex, runData, createdAt };
}

/**
 * The runs of a session's id whose session is missing, for a FROM. One statement sees both tables at the same moment, as
 * two do not: somebody may create or delete the session at any time.
 */
export function orphansOf({ tables: { sessions, runs } }: Pick<SqlDialect, "tables">): SQL {
  const session = sql`select 1 from ${sessions} where ${sessions.sessionId} = ${value("sessionId")}`;
  return sql`${runs} where ${runs.sessionId} = ${value("sessionId")} and not exists (${session})`;
}

/** Orders a column of ids by its bytes, as every database must. */
export function byBytes(dialect: Pick<SqlDialect, "byBytes">, ids: Column | SQL): SQL {
  return dialect.byBytes?.(ids) ?? sql`${ids}`;
}

/** Keys of an ORDER BY, all in one direction. */
export function directed(keys: readonly (Column | SQL)[], order: "asc" | "desc"): SQL {
  const direction = order === "asc" ? asc : desc;
  return list(keys.map((key) => direction(key)));
}

export function runOrder(dialect: SqlDialect, order: "asc" | "desc"): SQL {
  const { runs } = dialect.tables;
  return directed([sql`${runs.runIndex}`, sql`${runs.createdAt}`, byBytes(dialect, runs.runId)], order);
}

/** `(a, b) > (:a, :b)`: the rows after a position, found by the index that orders them. */
export function following(columns: readonly SQL[], names: readonly string[], order: "asc" | "desc"): SQL {
  const than = order === "asc" ? sql`>` : sql`<`;
  return sql`(${list(columns)}) ${than} (${list(names.map(value))})`;
}

/** `following` in the spelling of a dialect. */
export function goesOn(dialect: Pick<SqlDialect, "following">): typeof following {
  return dialect.following ?? following;
}

export function whereOf(...conditions: (SQL | null | undefined)[]): SQL {
  const where = and(...conditions.filter((condition) => condition !== null));
  return where === undefined ? sql`` : sql` where ${where}`;
}

/** `(a, b) values (:a, :b)`; an expression given for a column replaces its placeholder. */
export function insertValues(
  columns: Readonly<Record<string, Column>>,
  expressions: Readonly<Record<string, SQL>> = {},
): SQL {
  const values = Object.keys(columns).map((name) => expressions[name] ?? value(name));
  return sql`(${list(Object.values(columns).map((each) => bare(each)))}) values (${list(values)})`;
}

export function chunks<Item>(items: readonly Item[], size = idsPerStatement): Item[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}

/** The most sessions whose runs one statement reads. */
const sessionsPerStatement = 128;

/** Ids that one statement names, with the values of `idPlaceholders(size)`. */
export interface IdChunk {
  readonly size: number;
  readonly values: Record<string, string | null>;
}

/** Splits ids into chunks of few sizes, so that few statements are prepared; pads with null, which is no id. */
export function idChunks(ids: readonly string[], most = idsPerStatement): IdChunk[] {
  return chunks(ids, most).map((chunk) => {
    const size = Math.min(2 ** Math.ceil(Math.log2(chunk.length)), most);
    return { size, values: idValues(Array.from({ length: size }, (_, place) => chunk[place] ?? null)) };
  });
}

/** The sessions whose runs one statement reads. */
export function sessionChunks(sessions: readonly { readonly sessionId: string }[]): IdChunk[] {
  return idChunks(
    sessions.map(({ sessionId }) => sessionId),
    sessionsPerStatement,
  );
}

/** Placeholders for this many ids. */
export function idPlaceholders(size: number): SQL[] {
  return Array.from({ length: size }, (_, place) => value(`id${place}`));
}

/** Binds `idPlaceholders`. */
export function idValues<Value>(ids: readonly Value[]): Record<string, Value> {
  return Object.fromEntries(ids.map((id, place) => [`id${place}`, id]));
}
