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
import { desc, getTableColumns, inArray, sql, type Column, type SQL } from "drizzle-orm";
import {
  equals,
  fixedIf,
  fixedOfRuns,
  fixedOfSessions,
  goesByComponent,
  isFiltered,
  runComponents,
  runConditions,
  runConditionValues,
  runShape,
  sessionConditions,
  sessionConditionValues,
  sessionShape,
  sessionTimestamp,
  type SessionShape,
} from "./conditions.ts";
import type { OutsideTable } from "./agno-tables.ts";
import type { SqlDialect } from "./sql-dialect.ts";
import type { SqlConnection } from "./sql-driver.ts";
import {
  bare,
  byBytes,
  byPosition,
  chunks,
  idChunks,
  idValues,
  directed,
  goesOn,
  idPlaceholders,
  isHistoryRow,
  list,
  orphansOf,
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
import { byShape, once, StatementSet } from "./statement-set.ts";
import type { Steps } from "./steps.ts";

export type RunOfSession = StoredRun & { readonly ownerId: string | null };
/** A session as it was when its runs were read. */
export interface SessionWithRuns {
  readonly session: RawSession;
  readonly runs: readonly StoredRun[];
}

export type SessionIdentity = Pick<SessionRow, "sessionId" | "userId">;
/** The columns that a turn's conditions examine. */
export type TurnRun = Pick<RunRow, "runId" | "sessionId" | "parentRunId" | "status" | "runIndex" | "createdAt">;

/** Every statement that reads, on every SQL database. */
export class SessionReads extends StatementSet {
  readonly #tables = byShape((tables: readonly OutsideTable[]) => this.write(this.dialect.findTables(tables)));

  /** The tables that exist, by name, each with the rights to it that are missing; null if none are known to be. */
  *findTables(on: SqlConnection, tables: readonly OutsideTable[]): Steps<ReadonlyMap<string, string | null>> {
    const rows = (yield* this.raw(on, this.#tables(tables), {})) as [name: string, missing: string | null][];
    const found = new Map(rows.map(([name, missing]) => [name.toLowerCase(), missing]));
    // Some databases match names regardless of case, and return them as stored.
    return new Map(
      tables.flatMap(({ name }) => {
        const missing = found.get(name.toLowerCase());
        return missing === undefined ? [] : [[name, missing]];
      }),
    );
  }

  /** A session with the wanted runs among its rows, or null. A dialect may use one statement for it. */
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
   * The sessions of a page with their runs, each from one moment, without sessions deleted by then. Here all is read in
   * one snapshot. A dialect whose statements cost a round trip reads both anew in one statement.
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

  readonly #session = byShape(({ isLocked }: { isLocked: boolean }) => {
    const { tables, lockRows } = this.dialect;
    const { sessions } = tables;
    const where = sql`${sessions.sessionId} = ${value("sessionId")}`;
    const lock = isLocked ? sql` ${lockRows}` : sql``;
    return this.select(sessionSelection(sessions), sql`${sessions} where ${where}${lock}`);
  });

  *session(on: SqlConnection, sessionId: string): Steps<RawSession | null> {
    return (yield* this.rows(on, this.#session({ isLocked: false }), { sessionId }))[0] ?? null;
  }

  /** Locks a session without parsing it: a user who may not see it must not learn that it is unreadable. */
  *lockSession(on: SqlConnection, sessionId: string): Steps<RawSession | null> {
    return (yield* this.rows(on, this.#session({ isLocked: true }), { sessionId }))[0] ?? null;
  }

  readonly #lockIdentities = byShape((count: number) => {
    const { tables, lockRows } = this.dialect;
    const { sessionId, userId } = tables.sessions;
    return this.select<SessionIdentity>(
      { sessionId, userId },
      sql`${tables.sessions}
        where ${inArray(sessionId, idPlaceholders(count))}
        order by ${sessionId} ${lockRows}`,
    );
  });

  /**
   * Locks sessions in the order of their ids, so that two deletes of the same sessions never deadlock. Their documents
   * are not read, so an unreadable session can still be deleted.
   */
  lockIdentities(on: SqlConnection, sessionIds: readonly string[]): Steps<SessionIdentity[]> {
    return this.#rowsById(on, sessionIds.toSorted(), { statement: this.#lockIdentities });
  }

  /** The rows of these ids, in as many statements as needed. */
  *#rowsById<Row>(
    on: SqlConnection,
    ids: readonly string[],
    { statement, values = {} }: { statement: (count: number) => Statement<Row>; values?: Record<string, unknown> },
  ): Steps<Row[]> {
    const found: Row[] = [];
    for (const chunk of chunks(ids)) {
      found.push(...(yield* this.rows(on, statement(chunk.length), { ...values, ...idValues(chunk) })));
    }
    return found;
  }

  readonly #sessions = byShape((shape: SessionListShape) => {
    const { where, sortBy, order, isResumed, hasOffset, includeRunCount } = shape;
    const { sessions } = this.dialect.tables;
    const timestamp = sessionTimestamp(sessions, sortBy);
    const keys = [timestamp, byBytes(this.dialect, sessions.sessionId)];
    const rest = isResumed ? goesOn(this.dialect)(keys, ["startTimestampOf", "startSessionId"], order) : null;
    // SQLite cannot seek in the index of an expression by comparing a pair.
    const bound = sql`${timestamp} ${order === "asc" ? sql`>=` : sql`<=`} ${value("startTimestampOf")}`;
    const conditions = sessionConditions(this.dialect, where);
    return this.select<ListedRow>(
      this.listSelection(includeRunCount),
      sql`${sessions}${whereOf(conditions, isResumed && sortBy !== "createdAt" ? bound : null, rest)}
        order by ${directed([...fixedOfSessions(this.dialect, where), ...keys], order)}
        ${this.limit("limit")}${hasOffset ? sql` offset ${value("offset")}` : sql``}`,
    ).plannedAnew(hasOffset || isFiltered(where));
  });

  /** The rows of a page in `readingOrder`, plus one if the list continues. They are not parsed yet. */
  *sessions(on: SqlConnection, query: SessionListQuery): Steps<ListedRow[]> {
    return yield* this.listed(on, this.#sessions(sessionListShape(query)), listValues(query));
  }

  /** The columns of a list of sessions. */
  protected listSelection(includeRunCount: boolean): Selection<ListedRow> {
    const { sessions, runs } = this.dialect.tables;
    const selection = sessionSelection(sessions);
    const count = sql`(select count(*) from ${runs} where ${runs.sessionId} = ${sessions.sessionId})`;
    return includeRunCount ? { ...selection, runCount: count } : (selection as Selection<ListedRow>);
  }

  readonly #countSessions = byShape((shape: SessionShape) => {
    const { sessions } = this.dialect.tables;
    const where = whereOf(sessionConditions(this.dialect, shape));
    return this.select<{ total: unknown }>({ total: sql`count(*)` }, sql`${sessions}${where}`).plannedAnew(
      isFiltered(shape),
    );
  });

  *countSessions(on: SqlConnection, conditions: SessionConditions): Steps<number> {
    const statement = this.#countSessions(sessionShape(conditions));
    return Number((yield* this.rows(on, statement, sessionConditionValues(conditions)))[0]?.total ?? 0);
  }

  readonly #stillMatching = byShape(({ shape, count }: { shape: SessionShape; count: number }) => {
    const { sessions } = this.dialect.tables;
    const { sessionId, userId } = sessions;
    const conditions = sessionConditions(this.dialect, shape);
    const where = whereOf(inArray(sessionId, idPlaceholders(count)), conditions);
    return this.select<SessionIdentity>({ sessionId, userId }, sql`${sessions}${where}`).plannedAnew(isFiltered(shape));
  });

  /** Those of the locked sessions that still meet the conditions, under which they were found before. */
  stillMatching(
    on: SqlConnection,
    conditions: SessionConditions,
    sessionIds: readonly string[],
  ): Steps<SessionIdentity[]> {
    const shape = sessionShape(conditions, { by: "ids" });
    const statement = (count: number) => this.#stillMatching({ shape, count });
    return this.#rowsById(on, sessionIds, { statement, values: sessionConditionValues(conditions) });
  }

  readonly #allRuns = once(() => {
    const { runs } = this.dialect.tables;
    return this.select(
      runSelection(runs),
      sql`${runs}
        where ${runs.sessionId} = ${value("sessionId")}
        order by ${runOrder(this.dialect, "asc")}`,
    );
  });

  *allRuns(on: SqlConnection, sessionId: string): Steps<StoredRun[]> {
    return yield* this.rows(on, this.#allRuns(), { sessionId });
  }

  /** "not null" makes SQLite use the index on (session_id, run_index) even without statistics. */
  readonly #historyRuns = byShape(({ index, order }: { index: "null" | "not null"; order: "index" | "total" }) => {
    const { runs } = this.dialect.tables;
    return this.select(
      runSelection(runs),
      sql`${runs}
        where ${runs.sessionId} = ${value("sessionId")} and ${runs.runIndex} is ${sql.raw(index)}
          and ${isHistoryRow(runs)}
        order by ${order === "total" ? runOrder(this.dialect, "desc") : desc(runs.runIndex)}
        ${this.limit("limit")}`,
    ).plannedAnew();
  });

  /** The newest runs that history uses, oldest first. */
  *newestRuns(on: SqlConnection, sessionId: string, limit: number): Steps<StoredRun[]> {
    const newest = yield* this.#newest(on, sessionId, limit);
    if (newest.length < limit) {
      // Agno may leave run_index empty; such runs come before all others.
      const rest = { sessionId, limit: limit - newest.length };
      newest.push(...(yield* this.rows(on, this.#historyRuns({ index: "null", order: "total" }), rest)));
    }
    return newest.toReversed();
  }

  /** Orders by `run_index` alone, which its index provides without a sort; the other keys matter only if runs tie. */
  *#newest(on: SqlConnection, sessionId: string, limit: number): Steps<StoredRun[]> {
    const byIndex = this.#historyRuns({ index: "not null", order: "index" });
    const rows = yield* this.rows(on, byIndex, { sessionId, limit: limit + 1 });
    if (tie(rows)) {
      const inOrder = this.#historyRuns({ index: "not null", order: "total" });
      return yield* this.rows(on, inOrder, { sessionId, limit });
    }
    return rows.slice(0, limit);
  }

  readonly #runs = byShape((shape: RunListShape) => {
    const { runs } = this.dialect.tables;
    const { where, order, isResumed } = shape;
    const inSession = where.hasSession;
    const keys = [
      ...(inSession ? [sql`${runs.runIndex}`] : []),
      sql`${runs.createdAt}`,
      byBytes(this.dialect, runs.runId),
    ];
    const names = [...(inSession ? ["startRunIndex"] : []), "startCreatedAt", "startRunId"];
    const rest = isResumed ? goesOn(this.dialect)(keys, names, order) : null;
    const statement = goesByComponent(where)
      ? this.#runsOfComponent(shape, rest)
      : this.select(
          runSelection(runs),
          sql`${runs}${whereOf(runConditions(this.dialect, where), rest)}
            order by ${directed([...fixedOfRuns(this.dialect, where), ...keys], order)}
            ${this.limit("limit")}`,
        );
    return statement.plannedAnew();
  });

  /** The rows of a page in `readingOrder`, plus one if the list continues. */
  *runs(on: SqlConnection, query: RunListQuery): Steps<StoredRun[]> {
    return yield* this.listed(on, this.#runs(runListShape(query)), runListValues(query));
  }

  /** Reads across sessions: each column that may name the component has an index in the list's order; merges these. */
  #runsOfComponent({ where, order }: RunListShape, rest: SQL | null): Statement<StoredRun> {
    const { runs } = this.dialect.tables;
    const selection = runSelection(runs);
    const keys = [sql`${runs.createdAt}`, byBytes(this.dialect, runs.runId)];
    const parts = runComponents(runs).map((column, index, columns) => {
      // A run that two columns name appears once.
      const before = columns
        .slice(0, index)
        .map((each) => sql` and (${each} is null or ${each} <> ${value("componentId")})`);
      const fixed = fixedIf(this.dialect, where, column);
      const named = sql`${equals(this.dialect, { column, name: "componentId", fixed })}${sql.join(before, sql``)}`;
      const part = sql`select ${list(Object.values(selection))}
        from ${runs}${whereOf(runConditions(this.dialect, where, named), rest)}
        order by ${directed([...fixed, ...keys], order)}
        ${this.limit("limit")}`;
      return sql`select * from (${part}) as ${sql.identifier(`part${index}`)}`;
    });
    const bareKeys = [bare(runs.createdAt), byBytes(this.dialect, bare(runs.runId))];
    return new Statement(
      this.dialect,
      sql`select ${list(Object.values<Column>(selection as never).map(bare))}
        from (${sql.join(parts, sql` union all `)}) as page
        order by ${directed(bareKeys, order)}
        ${this.limit("limit")}`,
      selection,
    );
  }

  readonly #runsById = byShape((count: number) => {
    const { runs, sessions } = this.dialect.tables;
    return this.select<RunOfSession>(
      { ...runSelection(runs), ownerId: sessions.userId },
      sql`${runs} join ${sessions} on ${sessions.sessionId} = ${runs.sessionId}
        where ${inArray(runs.runId, idPlaceholders(count))}`,
    );
  });

  /** The runs of these ids, each with the owner of its session. */
  runsById(on: SqlConnection, runIds: readonly string[]): Steps<RunOfSession[]> {
    return this.#rowsById(on, runIds, { statement: this.#runsById });
  }

  readonly #runRow = once(() => {
    const { runs } = this.dialect.tables;
    return this.select<RunRow<unknown>>(
      getTableColumns(runs) as never,
      sql`${runs} where ${runs.runId} = ${value("runId")}`,
    );
  });

  /** One run with all columns, or null. */
  *runRow(on: SqlConnection, runId: string): Steps<RunRow<unknown> | null> {
    return (yield* this.rows(on, this.#runRow(), { runId }))[0] ?? null;
  }

  readonly #namedRuns = byShape((count: number) => {
    const { runs } = this.dialect.tables;
    return this.select(turnSelection(runs), sql`${runs} where ${inArray(runs.runId, idPlaceholders(count))}`);
  });

  /** The runs of these ids, in any session, without their documents. */
  namedRuns(on: SqlConnection, runIds: readonly string[]): Steps<TurnRun[]> {
    return this.#turnRuns(on, runIds, this.#namedRuns);
  }

  readonly #runsInOrder = byShape((count: number) => {
    const { runs } = this.dialect.tables;
    return this.select(
      turnSelection(runs),
      sql`${runs} where ${inArray(runs.sessionId, idPlaceholders(count))} order by ${runOrder(this.dialect, "asc")}`,
    );
  });

  /** The runs of these sessions without their documents, those of one session in its order. */
  runsInOrder(on: SqlConnection, sessionIds: readonly string[]): Steps<TurnRun[]> {
    return this.#turnRuns(on, sessionIds, this.#runsInOrder);
  }

  *#turnRuns(
    on: SqlConnection,
    ids: readonly string[],
    statement: (size: number) => Statement<TurnRun>,
  ): Steps<TurnRun[]> {
    const found: TurnRun[] = [];
    for (const { size, values } of idChunks(ids)) {
      found.push(...(yield* this.rows(on, statement(size), values)));
    }
    return found;
  }

  readonly #runsFrom = byShape(({ isFirst }: { isFirst: boolean }) => {
    const { runs } = this.dialect.tables;
    const from = isFirst ? sql`` : sql` and ${runs.runIndex} >= ${value("runIndex")}`;
    return this.select(turnSelection(runs), sql`${runs} where ${runs.sessionId} = ${value("sessionId")}${from}`);
  });

  /**
   * The runs that a turn's conditions examine, in the session's order: the run with that id and those named, in any
   * session, and all others of the session from the first named run on; with `any`, also one run of the session.
   */
  *turnRuns(
    on: SqlConnection,
    { sessionId, runId }: Pick<RunRow<unknown>, "sessionId" | "runId">,
    { from, any }: { readonly from: readonly string[] | "the first"; readonly any: boolean },
  ): Steps<TurnRun[]> {
    const named = from === "the first" ? [] : from;
    const ids = [...new Set([runId, ...named])];
    const found = yield* this.namedRuns(on, ids);
    const starts = found.filter((run) => run.sessionId === sessionId && named.includes(run.runId));
    const places = from === "the first" ? [noPlace] : starts.map((run) => run.runIndex ?? noPlace);
    const runIndex = Math.min(...places);
    const known = new Set(found.map((run) => run.runId));
    if (places.length > 0) {
      const rest = yield* this.rows(on, this.#runsFrom({ isFirst: runIndex === noPlace }), { sessionId, runIndex });
      found.push(...rest.filter((run) => !known.has(run.runId)));
    } else if (any) {
      const one = yield* this.#anyRun(on, sessionId);
      found.push(...one.filter((run) => !known.has(run.runId)));
    }
    return found.toSorted(byPosition);
  }

  readonly #orphan = once(() =>
    this.select({ runId: this.dialect.tables.runs.runId }, sql`${orphansOf(this.dialect)} ${this.limit("limit")}`),
  );

  /** Whether runs are stored under an id without their session. */
  *hasOrphans(on: SqlConnection, sessionId: string): Steps<boolean> {
    return (yield* this.rows(on, this.#orphan(), { sessionId, limit: 1 })).length > 0;
  }

  readonly #firstRun = once(() => {
    const { runs } = this.dialect.tables;
    return this.select(
      turnSelection(runs),
      sql`${runs} where ${runs.sessionId} = ${value("sessionId")} ${this.limit("limit")}`,
    );
  });

  #anyRun(on: SqlConnection, sessionId: string): Steps<TurnRun[]> {
    return this.rows(on, this.#firstRun(), { sessionId, limit: 1 });
  }
}

/** A place before all runs, including those without an index. */
const noPlace = Number.NEGATIVE_INFINITY;

function turnSelection(runs: SqlDialect["tables"]["runs"]): Selection<TurnRun> {
  const { runId, sessionId, parentRunId, status, runIndex, createdAt } = runs;
  return { runId, sessionId, parentRunId, status, runIndex, createdAt };
}

export type SessionListShape = ReturnType<typeof sessionListShape>;
export type RunListShape = ReturnType<typeof runListShape>;

/** The shape of the statement for a list of sessions. */
export function sessionListShape(query: SessionListQuery) {
  const { sortBy, start, offset, includeRunCount } = query;
  const order = readingOrder(query);
  const isResumed = start !== null;
  const after = isResumed && sortBy === "createdAt" ? order : null;
  const where = sessionShape(query, { by: "order", isResumed, after });
  return { where, sortBy, order, isResumed, hasOffset: offset > 0, includeRunCount };
}

/** The shape of the statement for a list of runs. */
export function runListShape(query: RunListQuery) {
  return { where: runShape(query), order: readingOrder(query), isResumed: query.start !== null };
}

/** Binds a page of sessions. */
export function listValues({ limit, offset, start, ...conditions }: SessionListQuery): Record<string, unknown> {
  return {
    limit,
    offset,
    startTimestampOf: start?.position.timestamp,
    startSessionId: start?.position.sessionId,
    ...sessionConditionValues(conditions),
  };
}

/** Binds a page of runs. */
export function runListValues({ start, ...query }: RunListQuery & { start: { position: RunPosition } | null }) {
  const { runIndex, createdAt, runId } = start?.position ?? {};
  return {
    startRunIndex: runIndex,
    startCreatedAt: createdAt,
    startRunId: runId,
    ...runConditionValues({ ...query, start: null }),
  };
}
