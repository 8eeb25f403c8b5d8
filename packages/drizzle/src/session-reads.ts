import {
  readingOrder,
  type RunListQuery,
  type RunPosition,
  type RunRow,
  type RunsWanted,
  type SessionConditions,
  type SessionListQuery,
  type SessionRow,
} from "@sessiondb/core/adapter";
import { asc, desc, getTableColumns, inArray, sql, type Column, type SQL } from "drizzle-orm";
import {
  goesByComponent,
  runComponents,
  runConditions,
  runConditionValues,
  sessionConditions,
  sessionConditionValues,
  sessionTimestamp,
} from "./conditions.ts";
import type { OutsideTable } from "./agno-tables.ts";
import type { SqlDialect } from "./sql-dialect.ts";
import type { SqlConnection } from "./sql-driver.ts";
import {
  bare,
  byBytes,
  byPosition,
  chunkPlaceholders,
  chunks,
  chunkValues,
  following,
  idPlaceholders,
  isHistoryRow,
  list,
  runOrder,
  runSelection,
  sessionSelection,
  tie,
  value,
  whereOf,
  type ListedRow,
  type RawSession,
  type StoredRun,
} from "./sql-parts.ts";
import { Statement, type Selection } from "./statement.ts";
import { StatementSet } from "./statement-set.ts";
import type { Steps } from "./steps.ts";

export type RunOfSession = StoredRun & { readonly ownerId: string | null };
/** A session as it was when its runs were read. */
export interface SessionWithRuns {
  readonly session: RawSession;
  readonly runs: readonly StoredRun[];
}

export type SessionIdentity = Pick<SessionRow, "sessionId" | "userId">;
/** What a turn's conditions look at. */
export type TurnRun = Pick<RunRow, "runId" | "sessionId" | "parentRunId" | "status" | "runIndex" | "createdAt">;

/** Every statement that reads, on every SQL database. */
export class SessionReads extends StatementSet {
  /** Which tables are there, by name, each with the rights to it that are missing; null for none that are known of. */
  *findTables(on: SqlConnection, tables: readonly OutsideTable[]): Steps<ReadonlyMap<string, string | null>> {
    const key = `tables ${tables.map(({ name }) => name).join(" ")}`;
    const statement = this.once(key, () => new Statement<never>(this.dialect, this.dialect.findTables(tables)));
    const rows = (yield* this.raw(on, statement, {})) as [name: string, missing: string | null][];
    const found = new Map(rows.map(([name, missing]) => [name.toLowerCase(), missing]));
    // Some databases find a name whatever its case, and return it as it is stored.
    return new Map(
      tables.flatMap(({ name }) => {
        const missing = found.get(name.toLowerCase());
        return missing === undefined ? [] : [[name, missing]];
      }),
    );
  }

  protected following(columns: readonly SQL[], names: readonly string[], order: "asc" | "desc"): SQL {
    return (this.dialect.following ?? following)(columns, names, order);
  }

  /** A session with the runs wanted of its rows, or null. A dialect may spell it as one statement. */
  *sessionWithRuns(on: SqlConnection, sessionId: string, wanted: RunsWanted): Steps<SessionWithRuns | null> {
    const session = yield* this.session(on, sessionId);
    return session && { session, runs: yield* this.runsOf(on, sessionId, wanted) };
  }

  *runsOf(on: SqlConnection, sessionId: string, wanted: RunsWanted): Steps<StoredRun[]> {
    if (wanted === "none") {
      return [];
    }
    return yield* wanted === "all" ? this.allRuns(on, sessionId) : this.newestRuns(on, sessionId, wanted);
  }

  /**
   * The sessions of a page with their runs, each of one moment; a session that is gone by then is not among them. Here all
   * is read on one snapshot. A dialect whose statements cost a round trip reads both anew by one statement.
   */
  *withRuns(
    on: SqlConnection,
    page: readonly ListedRow[],
    wanted: Exclude<RunsWanted, "none">,
  ): Steps<ReadonlyMap<string, SessionWithRuns>> {
    const found = new Map<string, SessionWithRuns>();
    for (const session of page) {
      found.set(session.sessionId, { session, runs: yield* this.runsOf(on, session.sessionId, wanted) });
    }
    return found;
  }

  *session(on: SqlConnection, sessionId: string): Steps<RawSession | null> {
    const { sessions } = this.dialect.tables;
    const statement = this.once("session", () =>
      this.select(sessionSelection(sessions), sql`${sessions} where ${sessions.sessionId} = ${value("sessionId")}`),
    );
    return (yield* this.rows(on, statement, { sessionId }))[0] ?? null;
  }

  /** It is not parsed yet: who may not see a session is not told that it cannot be read. */
  *lockSession(on: SqlConnection, sessionId: string): Steps<RawSession | null> {
    const { tables, lockRows } = this.dialect;
    const { sessions } = tables;
    const statement = this.once("lock session", () =>
      this.select(
        sessionSelection(sessions),
        sql`${sessions} where ${sessions.sessionId} = ${value("sessionId")} ${lockRows}`,
      ),
    );
    return (yield* this.rows(on, statement, { sessionId }))[0] ?? null;
  }

  /**
   * Locks sessions, in the order of their ids, so that two deletes of the same sessions never wait for each other. Their
   * documents are not looked at: a session that cannot be read can still be deleted.
   */
  *lockIdentities(on: SqlConnection, sessionIds: readonly string[]): Steps<SessionIdentity[]> {
    const { tables, lockRows } = this.dialect;
    const { sessionId, userId } = tables.sessions;
    const found: SessionIdentity[] = [];
    for (const chunk of chunks(sessionIds.toSorted())) {
      const statement = this.once(`lock identities ${chunk.length}`, () =>
        this.select<SessionIdentity>(
          { sessionId, userId },
          sql`${tables.sessions} where ${inArray(sessionId, chunkPlaceholders(chunk))} order by ${sessionId} ${lockRows}`,
        ),
      );
      found.push(...(yield* this.rows(on, statement, chunkValues(chunk))));
    }
    return found;
  }

  /** The rows of a page in `readingOrder`, and one more if the list goes on. They are not parsed yet. */
  *sessions(on: SqlConnection, query: SessionListQuery): Steps<ListedRow[]> {
    const { sessions } = this.dialect.tables;
    const { sortBy, start } = query;
    const order = readingOrder(query);
    const byCreation = sortBy === "createdAt";
    const { shape, where } = sessionConditions(this.dialect, query, {
      ordered: true,
      after: start !== null && byCreation ? order : null,
    });
    const key = `sessions ${shape} by ${sortBy} ${order} ${start === null ? "" : "from"} ${counted(query)}`;
    const statement = this.once(key, () => {
      const timestamp = sessionTimestamp(sessions, sortBy);
      const id = byBytes(this.dialect, sessions.sessionId);
      const rest = start && this.following([timestamp, id], ["startTimestampOf", "startSessionId"], order);
      // SQLite finds no place in the index of an expression by comparing a pair.
      const bound = sql`${timestamp} ${order === "asc" ? sql`>=` : sql`<=`} ${value("startTimestampOf")}`;
      const direction = order === "asc" ? asc : desc;
      return this.select<ListedRow>(
        this.listSelection(query),
        sql`${sessions}${whereOf(where(), start && !byCreation ? bound : null, rest)}
          order by ${direction(timestamp)}, ${direction(id)} ${this.limit("limit")} offset ${value("offset")}`,
      );
    });
    return yield* this.listed(on, statement, listValues(query));
  }

  /** The columns of a list of sessions. */
  protected listSelection(query: Pick<SessionListQuery, "includeRunCount">): Selection<ListedRow> {
    const { sessions, runs } = this.dialect.tables;
    const selection = sessionSelection(sessions);
    const count = sql`(select count(*) from ${runs} where ${runs.sessionId} = ${sessions.sessionId})`;
    return query.includeRunCount ? { ...selection, runCount: count } : (selection as Selection<ListedRow>);
  }

  *countSessions(on: SqlConnection, conditions: SessionConditions): Steps<number> {
    const { sessions } = this.dialect.tables;
    const { shape, where } = sessionConditions(this.dialect, conditions);
    const statement = this.once(`count ${shape}`, () =>
      this.select<{ total: unknown }>({ total: sql`count(*)` }, sql`${sessions}${whereOf(where())}`),
    );
    return Number((yield* this.rows(on, statement, sessionConditionValues(conditions)))[0]?.total ?? 0);
  }

  /** Up to `limit` sessions that meet the conditions, locked. */
  *lockSessions(on: SqlConnection, conditions: SessionConditions, limit: number): Steps<SessionIdentity[]> {
    const { tables, lockRows } = this.dialect;
    const { sessionId, userId } = tables.sessions;
    const { shape, where } = sessionConditions(this.dialect, conditions);
    const statement = this.once(`lock sessions ${shape}`, () =>
      this.select<SessionIdentity>(
        { sessionId, userId },
        sql`${tables.sessions}${whereOf(where())} ${this.limit("limit")} ${lockRows}`,
      ),
    );
    return yield* this.rows(on, statement, { ...sessionConditionValues(conditions), limit });
  }

  /**
   * Which of some locked sessions meet conditions on their runs now. The statement that locked them looked at the runs
   * before it waited.
   */
  *stillMatching(
    on: SqlConnection,
    conditions: SessionConditions,
    sessionIds: readonly string[],
  ): Steps<SessionIdentity[]> {
    const { sessionId, userId } = this.dialect.tables.sessions;
    const { shape, where } = sessionConditions(this.dialect, conditions);
    const found: SessionIdentity[] = [];
    for (const chunk of chunks(sessionIds)) {
      const statement = this.once(`still ${shape} of ${chunk.length}`, () =>
        this.select<SessionIdentity>(
          { sessionId, userId },
          sql`${this.dialect.tables.sessions}${whereOf(inArray(sessionId, chunkPlaceholders(chunk)), where())}`,
        ),
      );
      found.push(
        ...(yield* this.rows(on, statement, { ...sessionConditionValues(conditions), ...chunkValues(chunk) })),
      );
    }
    return found;
  }

  *allRuns(on: SqlConnection, sessionId: string): Steps<StoredRun[]> {
    const { runs } = this.dialect.tables;
    const statement = this.once("all runs", () =>
      this.select(
        runSelection(runs),
        sql`${runs} where ${runs.sessionId} = ${value("sessionId")} order by ${runOrder(this.dialect, "asc")}`,
      ),
    );
    return yield* this.rows(on, statement, { sessionId });
  }

  /** The newest runs that history uses, oldest first. */
  *newestRuns(on: SqlConnection, sessionId: string, limit: number): Steps<StoredRun[]> {
    const newest = yield* this.#newest(on, sessionId, limit);
    if (newest.length < limit) {
      // Agno may leave run_index empty; such runs come before all others.
      const rest = { sessionId, limit: limit - newest.length };
      newest.push(...(yield* this.rows(on, this.#historyRuns("null", "total order"), rest)));
    }
    return newest.toReversed();
  }

  /** By `run_index` alone, which its index gives without sorting; the other keys are asked for only where runs tie. */
  *#newest(on: SqlConnection, sessionId: string, limit: number): Steps<StoredRun[]> {
    const rows = yield* this.rows(on, this.#historyRuns("not null", "index order"), { sessionId, limit: limit + 1 });
    if (tie(rows)) {
      return yield* this.rows(on, this.#historyRuns("not null", "total order"), { sessionId, limit });
    }
    return rows.slice(0, limit);
  }

  /** "not null" makes SQLite take the index on (session_id, run_index) even where it has no statistics. */
  #historyRuns(runIndex: "null" | "not null", order: "index order" | "total order"): Statement<StoredRun> {
    return this.once(`history runs ${runIndex} in ${order}`, () => {
      const { runs } = this.dialect.tables;
      const keys = order === "total order" ? runOrder(this.dialect, "desc") : desc(runs.runIndex);
      return this.select(
        runSelection(runs),
        sql`${runs} where ${runs.sessionId} = ${value("sessionId")} and ${runs.runIndex} is ${sql.raw(runIndex)} and ${isHistoryRow(runs)} order by ${keys} ${this.limit("limit")}`,
      );
    });
  }

  /** The rows of a page in `readingOrder`, and one more if the list goes on. */
  *runs(on: SqlConnection, query: RunListQuery): Steps<StoredRun[]> {
    const { runs } = this.dialect.tables;
    const { sessionId, start } = query;
    const order = readingOrder(query);
    const { shape, where } = runConditions(this.dialect, query);
    const statement = this.once(`runs ${shape} ${order} ${start === null ? "" : "from"}`, () => {
      const inSession = sessionId !== null;
      const id = byBytes(this.dialect, runs.runId);
      const keys = [...(inSession ? [sql`${runs.runIndex}`] : []), sql`${runs.createdAt}`, id];
      const names = [...(inSession ? ["startRunIndex"] : []), "startCreatedAt", "startRunId"];
      const rest = start && this.following(keys, names, order);
      return goesByComponent(query)
        ? this.#runsOfComponent(query, rest)
        : this.select(
            runSelection(runs),
            sql`${runs}${whereOf(where(), rest)} order by ${directed(keys, order)} ${this.limit("limit")}`,
          );
    });
    return yield* this.listed(on, statement, runListValues(query));
  }

  /** Across sessions: each column that may name the component has an index in the list's order, so they are merged. */
  #runsOfComponent(query: RunListQuery, rest: SQL | null): Statement<StoredRun> {
    const { runs } = this.dialect.tables;
    const order = readingOrder(query);
    const selection = runSelection(runs);
    const parts = runComponents(runs).map((column, index) => {
      // A run that two columns name comes once.
      const before = runComponents(runs)
        .slice(0, index)
        .map((each) => sql` and (${each} is null or ${each} <> ${value("componentId")})`);
      const named = sql`${column} = ${value("componentId")}${sql.join(before, sql``)}`;
      const { where } = runConditions(this.dialect, query, named);
      const keys = [sql`${runs.createdAt}`, byBytes(this.dialect, runs.runId)];
      const part = sql`select ${list(Object.values(selection))} from ${runs}${whereOf(where(), rest)}
        order by ${directed(keys, order)} ${this.limit("limit")}`;
      return sql`select * from (${part}) as ${sql.identifier(`part${index}`)}`;
    });
    const bytes = byBytes(this.dialect, bare(runs.runId));
    return this.select(
      Object.fromEntries(Object.entries(selection).map(([name, column]) => [name, bare(column as Column)])) as never,
      sql`(${sql.join(parts, sql` union all `)}) as page
        order by ${directed([bare(runs.createdAt), bytes], order)} ${this.limit("limit")}`,
    );
  }

  /** The runs of these ids, each with the owner of its session. */
  *runsById(on: SqlConnection, runIds: readonly string[]): Steps<RunOfSession[]> {
    const { runs, sessions } = this.dialect.tables;
    const found: RunOfSession[] = [];
    for (const chunk of chunks(runIds)) {
      const statement = this.once(`runs by id ${chunk.length}`, () =>
        this.select<RunOfSession>(
          { ...runSelection(runs), ownerId: sessions.userId },
          sql`${runs} join ${sessions} on ${sessions.sessionId} = ${runs.sessionId} where ${inArray(runs.runId, chunkPlaceholders(chunk))}`,
        ),
      );
      found.push(...(yield* this.rows(on, statement, chunkValues(chunk))));
    }
    return found;
  }

  /** One run with all columns, or null. */
  *runRow(on: SqlConnection, runId: string): Steps<RunRow<unknown> | null> {
    const { runs } = this.dialect.tables;
    const statement = this.once("run row", () =>
      this.select<RunRow<unknown>>(
        getTableColumns(runs) as never,
        sql`${runs} where ${runs.runId} = ${value("runId")}`,
      ),
    );
    return (yield* this.rows(on, statement, { runId }))[0] ?? null;
  }

  /**
   * What a turn's conditions look at, in the session's order: the runs of that id and of those named, in whatever session
   * they are, and all others of the session from the first of the runs named on; with `any`, also one run of the session.
   */
  *turnRuns(
    on: SqlConnection,
    { sessionId, runId }: Pick<RunRow<unknown>, "sessionId" | "runId">,
    { from, any }: { readonly from: readonly string[] | "the first"; readonly any: boolean },
  ): Steps<TurnRun[]> {
    const named = from === "the first" ? [] : from;
    const ids = [...new Set([runId, ...named])];
    const found = yield* this.rows(on, this.#turnRuns(ids.length), chunkValues(ids));
    const starts = found.filter((run) => run.sessionId === sessionId && named.includes(run.runId));
    const places = from === "the first" ? [noPlace] : starts.map((run) => run.runIndex ?? noPlace);
    const runIndex = Math.min(...places);
    const known = new Set(found.map((run) => run.runId));
    if (places.length > 0) {
      const rest = yield* this.rows(on, this.#runsFrom(runIndex === noPlace), { sessionId, runIndex });
      found.push(...rest.filter((run) => !known.has(run.runId)));
    } else if (any) {
      const one = yield* this.#anyRun(on, sessionId);
      found.push(...one.filter((run) => !known.has(run.runId)));
    }
    return found.toSorted(byPosition);
  }

  #turnRuns(count: number): Statement<TurnRun> {
    const { runs } = this.dialect.tables;
    return this.once(`turn runs ${count}`, () => {
      return this.select(turnSelection(runs), sql`${runs} where ${inArray(runs.runId, idPlaceholders(count))}`);
    });
  }

  /** Whether runs are stored under the id of a session. */
  *hasRuns(on: SqlConnection, sessionId: string): Steps<boolean> {
    return (yield* this.#anyRun(on, sessionId)).length > 0;
  }

  *#anyRun(on: SqlConnection, sessionId: string): Steps<TurnRun[]> {
    const { runs } = this.dialect.tables;
    const statement = this.once("any run", () =>
      this.select(
        turnSelection(runs),
        sql`${runs} where ${runs.sessionId} = ${value("sessionId")} ${this.limit("limit")}`,
      ),
    );
    return yield* this.rows(on, statement, { sessionId, limit: 1 });
  }

  #runsFrom(all: boolean): Statement<TurnRun> {
    const { runs } = this.dialect.tables;
    return this.once(`runs from ${all ? "the first" : "a place"}`, () => {
      const from = all ? sql`` : sql` and ${runs.runIndex} >= ${value("runIndex")}`;
      return this.select(turnSelection(runs), sql`${runs} where ${runs.sessionId} = ${value("sessionId")}${from}`);
    });
  }
}

/** Before all runs, those without index included. */
const noPlace = Number.NEGATIVE_INFINITY;

function turnSelection(runs: SqlDialect["tables"]["runs"]): Selection<TurnRun> {
  const { runId, sessionId, parentRunId, status, runIndex, createdAt } = runs;
  return { runId, sessionId, parentRunId, status, runIndex, createdAt };
}

function directed(keys: readonly SQL[], order: "asc" | "desc"): SQL {
  const direction = order === "asc" ? asc : desc;
  return list(keys.map((key) => direction(key)));
}

/** What tells the statement of a list that counts runs from that of one that does not. */
export function counted({ includeRunCount }: Pick<SessionListQuery, "includeRunCount">): string {
  return includeRunCount ? "with run counts" : "";
}

/** Binds a page of sessions. */
export function listValues({ limit, offset, start, ...conditions }: SessionListQuery): Record<string, unknown> {
  return {
    ...sessionConditionValues(conditions),
    limit,
    offset,
    startTimestampOf: start?.position.timestamp,
    startSessionId: start?.position.sessionId,
  };
}

/** Binds a page of runs. */
export function runListValues({ start, ...query }: RunListQuery & { start: { position: RunPosition } | null }) {
  const { runIndex, createdAt, runId } = start?.position ?? {};
  return {
    ...runConditionValues({ ...query, start: null }),
    startRunIndex: runIndex,
    startCreatedAt: createdAt,
    startRunId: runId,
  };
}
