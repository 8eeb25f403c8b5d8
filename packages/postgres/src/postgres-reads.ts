import { readingOrder, type RunListQuery, type RunsWanted } from "@sessiondb/core/adapter";
import {
  bare,
  byBytes,
  byPosition,
  following,
  isHistoryRow,
  list,
  noIndex,
  runConditions,
  runListValues,
  runSelection,
  SessionReads,
  sessionSelection,
  Statement,
  value,
  type ListedRow,
  type RawSession,
  type SessionWithRuns,
  type SqlConnection,
  type Steps,
  type StoredRun,
} from "@sessiondb/drizzle";
import { asc, desc, sql, type SQL } from "drizzle-orm";

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
  /** One statement: the session's row, and a row for each run, so that nothing is repeated. */
  override *sessionWithRuns(on: SqlConnection, sessionId: string, wanted: RunsWanted): Steps<SessionWithRuns | null> {
    if (wanted === "none") {
      return yield* super.sessionWithRuns(on, sessionId, wanted);
    }
    const limit = wanted === "all" ? null : wanted;
    const statement = this.#sessionWithRuns(limit === null);
    const rows = yield* this.rows(on, statement, { sessionId, limit });
    const session = rows.find(({ runData }) => runData === null);
    if (session === undefined) {
      return null;
    }
    const runs = rows.filter(({ runData }) => runData !== null).map(runOf);
    if (limit !== null && runs.some(({ runIndex }) => runIndex === null)) {
      // Those without index came first, and may have kept out newer ones.
      return yield* super.sessionWithRuns(on, sessionId, wanted);
    }
    runs.sort(byPosition);
    return { session, runs: limit === null ? runs : runs.slice(-limit) };
  }

  #sessionWithRuns(all: boolean): Statement<SessionOrRun> {
    const { sessions, runs } = this.dialect.tables;
    return this.once(`session with ${all ? "all" : "newest"} runs`, () => {
      const session = sessionSelection(sessions);
      const columnOf = (name: string) => {
        const held = runColumns[name];
        return held === undefined ? sql`null` : sql`${runs[held]}`;
      };
      const columns: SQL[] = Object.keys(session).map((name) => sql`${columnOf(name)}`);
      const newest = sql` and ${this.#newest}`;
      return new Statement<SessionOrRun>(
        this.dialect,
        sql`select ${list(Object.values(session))}, null from ${sessions} where ${sessions.sessionId} = ${value("sessionId")} union all (select ${list(columns)}, ${runs.runData} from ${runs} where ${runs.sessionId} = ${value("sessionId")}${all ? sql`` : newest})`,
        { ...session, runData: runs.runData },
      );
    });
  }

  /** One statement: the sessions again, and their runs, of which it reads no more than `sessionWithRuns` does. */
  override *withRuns(
    on: SqlConnection,
    page: readonly ListedRow[],
    wanted: Exclude<RunsWanted, "none">,
  ): Steps<ReadonlyMap<string, SessionWithRuns>> {
    const limit = wanted === "all" ? null : wanted;
    const sessionIds = page.map(({ sessionId }) => sessionId);
    const rows = yield* this.rows(on, this.#withRuns(limit === null), { sessionIds, limit });
    const runsOf = new Map<string, StoredRun[]>();
    for (const row of rows.filter(({ runData }) => runData !== null)) {
      const runs = runsOf.get(row.sessionId) ?? [];
      runs.push(runOf(row));
      runsOf.set(row.sessionId, runs);
    }
    const found = new Map<string, SessionWithRuns>();
    for (const session of rows.filter(({ runData }) => runData === null)) {
      const { sessionId } = session;
      const runs = (runsOf.get(sessionId) ?? []).toSorted(byPosition);
      // Those without index came first, and may have kept out newer ones.
      const isOpen = limit !== null && runs.some(({ runIndex }) => runIndex === null);
      const newest = isOpen ? yield* this.newestRuns(on, sessionId, limit) : runs.slice(-(limit ?? runs.length));
      found.set(sessionId, { session, runs: newest });
    }
    return found;
  }

  #withRuns(all: boolean): Statement<SessionOrRun> {
    const { sessions, runs } = this.dialect.tables;
    return this.once(`sessions with ${all ? "all" : "newest"} runs`, () => {
      const session = sessionSelection(sessions);
      const ids = sql`${value("sessionIds")}::text[]`;
      const own = sql`select ${list(Object.values(session))}, null from ${sessions} where ${sessions.sessionId} = any(${ids})`;
      const run = runSelection(runs);
      const newest = sql`unnest(${ids}) as listed (id) cross join lateral
        (select ${list(Object.values(run))} from ${runs}
          where ${runs.sessionId} = listed.id and ${this.#newest}) as newest`;
      const columns = Object.keys(session).map((name) => {
        const held = runColumns[name];
        return held === undefined ? sql`null` : bare(runs[held]);
      });
      const from = all ? sql`${runs} where ${runs.sessionId} = any(${ids})` : newest;
      return new Statement<SessionOrRun>(
        this.dialect,
        sql`${own} union all (select ${list(columns)}, ${bare(runs.runData)} from ${from})`,
        { ...session, runData: runs.runData },
      );
    });
  }

  /** The newest runs that history uses, by run_index alone, whose index needs no sort. Runs that tie with the last come too. */
  get #newest(): SQL {
    const { runs } = this.dialect.tables;
    return sql`${isHistoryRow(runs)}
      order by ${runs.runIndex} desc fetch first (${value("limit")}) rows with ties`;
  }

  override *allRuns(on: SqlConnection, sessionId: string): Steps<StoredRun[]> {
    return (yield* super.allRuns(on, sessionId)).toSorted(byPosition);
  }

  /** Of one session: runs without index, then those with one, each read in the order of an index. */
  override *runs(on: SqlConnection, query: RunListQuery): Steps<StoredRun[]> {
    if (query.sessionId === null) {
      return yield* super.runs(on, query);
    }
    const { start } = query;
    const order = readingOrder(query);
    const { shape, where } = runConditions(this.dialect, query);
    const statement = this.once(`runs of session ${shape} ${order} ${start === null ? "" : "from"}`, () => {
      const { runs } = this.dialect.tables;
      const direction = order === "asc" ? asc : desc;
      const age = [sql`${runs.createdAt}`, byBytes(this.dialect, runs.runId)];
      const names = ["startRunIndex", "startCreatedAt", "startRunId"];
      const conditions = where();
      const part = (index: "null" | "not null", place: SQL): SQL => {
        const rest = start === null ? sql`` : sql` and ${following([place, ...age], names, order)}`;
        const keys = [...(index === "null" ? [] : [place]), ...age].map((key) => direction(key));
        return sql`(select ${list(Object.values(runSelection(runs)))} from ${runs}
          where ${conditions} and ${runs.runIndex} is ${sql.raw(index)}${rest}
          order by ${list(keys)} limit ${value("limit")})`;
      };
      const nullsWhere = sql.raw(order === "asc" ? "asc nulls first" : "desc nulls last");
      const keys = sql`${bare(runs.runIndex)} ${nullsWhere}, ${direction(bare(runs.createdAt))}, ${direction(byBytes(this.dialect, bare(runs.runId)))}`;
      const none = part("null", sql.raw(String(noIndex)));
      return new Statement<StoredRun>(
        this.dialect,
        sql`select * from (${none} union all ${part("not null", sql`${runs.runIndex}`)}) as page
          order by ${keys} limit ${value("limit")}`,
        runSelection(runs),
      );
    });
    return yield* this.listed(on, statement, runListValues(query));
  }
}
