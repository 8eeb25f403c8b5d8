import type { RunListQuery, RunsWanted } from "@sessiondb/core/adapter";
import {
  bare,
  byBytes,
  byPosition,
  byShape,
  directed,
  following,
  isHistoryRow,
  list,
  noIndex,
  runConditions,
  runListShape,
  runListValues,
  runSelection,
  SessionReads,
  sessionSelection,
  Statement,
  value,
  type ListedRow,
  type RawSession,
  type RunListShape,
  type SessionWithRuns,
  type SqlConnection,
  type Steps,
  type StoredRun,
} from "@sessiondb/drizzle";
import { sql, type Column, type SQL } from "drizzle-orm";

/** A row of the sessions table, or one of the runs table, which has `runData`, in the same columns. */
type SessionOrRun = RawSession & { runData: unknown };

/** What a run's row holds in the columns of a session, so that the statement has few columns to describe. */
const runColumns: Readonly<Record<string, keyof StoredRun>> = {
  sessionId: "sessionId",
  sessionType: "runType",
  agentId: "runId",
  teamId: "parentRunId",
  workflowId: "status",
  userId: "userId",
  createdAt: "createdAt",
  updatedAt: "runIndex",
};

function runOf(row: SessionOrRun): StoredRun {
  const { sessionId, sessionType, agentId, teamId, workflowId, userId, createdAt, updatedAt, runData } = row;
  return {
    runId: agentId ?? "",
    sessionId,
    runType: sessionType,
    userId,
    parentRunId: teamId,
    status: workflowId,
    runIndex: updatedAt,
    runData,
    createdAt,
  };
}

/** The reads that take fewer round trips here, and those for which Postgres sorts a NULL `run_index` last, not first. */
export class PostgresReads extends SessionReads {
  readonly #sessionWithRuns = byShape(({ isAll }: { isAll: boolean }) => {
    const { sessions, runs } = this.dialect.tables;
    const session = sessionSelection(sessions);
    return new Statement<SessionOrRun>(
      this.dialect,
      sql`select ${list(Object.values(session))}, null from ${sessions}
        where ${sessions.sessionId} = ${value("sessionId")}
        union all (
          select ${list(this.#runAsSession((column) => sql`${column}`))}, ${runs.runData} from ${runs}
          where ${runs.sessionId} = ${value("sessionId")}${isAll ? sql`` : sql` and ${this.#newest}`})`,
      { ...session, runData: runs.runData },
    );
  });

  /** One statement: the session's row, and a row for each run, so that nothing is repeated. */
  override *sessionWithRuns(on: SqlConnection, sessionId: string, wanted: RunsWanted): Steps<SessionWithRuns | null> {
    if (wanted === "none") {
      return yield* super.sessionWithRuns(on, sessionId, wanted);
    }
    const limit = wanted === "all" ? null : wanted;
    const rows = yield* this.rows(on, this.#sessionWithRuns({ isAll: limit === null }), { sessionId, limit });
    const session = rows.find(({ runData }) => runData === null);
    if (session === undefined) {
      return null;
    }
    const runs = rows.filter(({ runData }) => runData !== null).map(runOf);
    return { session, runs: yield* this.#inOrder(on, runs, { sessionId, limit }) };
  }

  readonly #withRuns = byShape(({ isAll }: { isAll: boolean }) => {
    const { sessions, runs } = this.dialect.tables;
    const session = sessionSelection(sessions);
    const ids = sql`${value("sessionIds")}::text[]`;
    const newest = sql`unnest(${ids}) as listed (id) cross join lateral (
      select ${list(Object.values(runSelection(runs)))} from ${runs}
      where ${runs.sessionId} = listed.id and ${this.#newest}) as newest`;
    return new Statement<SessionOrRun>(
      this.dialect,
      sql`select ${list(Object.values(session))}, null from ${sessions}
        where ${sessions.sessionId} = any(${ids})
        union all (
          select ${list(this.#runAsSession(bare))}, ${bare(runs.runData)}
          from ${isAll ? sql`${runs} where ${runs.sessionId} = any(${ids})` : newest})`,
      { ...session, runData: runs.runData },
    );
  });

  /** One statement: the sessions again, and their runs, of which it reads no more than `sessionWithRuns` does. */
  override *withRuns(
    on: SqlConnection,
    page: readonly ListedRow[],
    wanted: Exclude<RunsWanted, "none">,
  ): Steps<ReadonlyMap<string, SessionWithRuns>> {
    const limit = wanted === "all" ? null : wanted;
    const sessionIds = page.map(({ sessionId }) => sessionId);
    const rows = yield* this.rows(on, this.#withRuns({ isAll: limit === null }), { sessionIds, limit });
    const runsOf = new Map<string, StoredRun[]>();
    for (const row of rows.filter(({ runData }) => runData !== null)) {
      const runs = runsOf.get(row.sessionId) ?? [];
      runs.push(runOf(row));
      runsOf.set(row.sessionId, runs);
    }
    const found = new Map<string, SessionWithRuns>();
    for (const session of rows.filter(({ runData }) => runData === null)) {
      const { sessionId } = session;
      const runs = runsOf.get(sessionId) ?? [];
      found.set(sessionId, { session, runs: yield* this.#inOrder(on, runs, { sessionId, limit }) });
    }
    return found;
  }

  /** The columns of a run in the places of those of a session. */
  #runAsSession(spell: (column: Column) => SQL): SQL[] {
    const { sessions, runs } = this.dialect.tables;
    return Object.keys(sessionSelection(sessions)).map((name) => {
      const held = runColumns[name];
      return held === undefined ? sql`null` : spell(runs[held]);
    });
  }

  /** The newest runs that history uses, by run_index alone, whose index needs no sort. Runs that tie with the last come too. */
  get #newest(): SQL {
    const { runs } = this.dialect.tables;
    return sql`${isHistoryRow(runs)}
      order by ${runs.runIndex} desc fetch first (${value("limit")}) rows with ties`;
  }

  /** The runs wanted of those that were read, in the session's order. */
  *#inOrder(
    on: SqlConnection,
    runs: StoredRun[],
    { sessionId, limit }: { sessionId: string; limit: number | null },
  ): Steps<StoredRun[]> {
    if (limit !== null && runs.some(({ runIndex }) => runIndex === null)) {
      // Those without index came first, and may have kept out newer ones.
      return yield* this.newestRuns(on, sessionId, limit);
    }
    runs.sort(byPosition);
    return limit === null ? runs : runs.slice(-limit);
  }

  override *allRuns(on: SqlConnection, sessionId: string): Steps<StoredRun[]> {
    return (yield* super.allRuns(on, sessionId)).toSorted(byPosition);
  }

  readonly #runsOfSession = byShape(({ where, order, isResumed }: RunListShape) => {
    const { runs } = this.dialect.tables;
    const conditions = runConditions(this.dialect, where);
    const age = [sql`${runs.createdAt}`, byBytes(this.dialect, runs.runId)];
    const names = ["startRunIndex", "startCreatedAt", "startRunId"];
    const part = (index: "null" | "not null", place: SQL): SQL => {
      const rest = isResumed ? sql` and ${following([place, ...age], names, order)}` : sql``;
      const keys = [...(index === "null" ? [] : [place]), ...age];
      return sql`(select ${list(Object.values(runSelection(runs)))} from ${runs}
        where ${conditions} and ${runs.runIndex} is ${sql.raw(index)}${rest}
        order by ${directed(keys, order)}
        limit ${value("limit")})`;
    };
    const nullsFirst = sql.raw(order === "asc" ? "asc nulls first" : "desc nulls last");
    const bareAge = [bare(runs.createdAt), byBytes(this.dialect, bare(runs.runId))];
    return new Statement<StoredRun>(
      this.dialect,
      sql`select * from (
          ${part("null", sql.raw(String(noIndex)))}
          union all
          ${part("not null", sql`${runs.runIndex}`)}) as page
        order by ${bare(runs.runIndex)} ${nullsFirst}, ${directed(bareAge, order)}
        limit ${value("limit")}`,
      runSelection(runs),
    );
  });

  /** Of one session: runs without index, then those with one, each read in the order of an index. */
  override *runs(on: SqlConnection, query: RunListQuery): Steps<StoredRun[]> {
    return yield* query.sessionId === null
      ? super.runs(on, query)
      : this.listed(on, this.#runsOfSession(runListShape(query)), runListValues(query));
  }
}
