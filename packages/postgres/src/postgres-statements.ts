import {
  skippedHistoryStatuses,
  unixSeconds,
  type RunListQuery,
  type RunRow,
  type RunsWanted,
  type SessionRow,
} from "@sessiondb/core";
import {
  bare,
  byBytes,
  following,
  parseSession,
  runConditions,
  runConditionValues,
  runSelection,
  SessionReads,
  sessionSelection,
  SessionWrites,
  Statement,
  value,
  type AppendOutcome,
  type RawSession,
  type SessionWithRuns,
  type SqlConnection,
  type Steps,
  type StoredRun,
} from "@sessiondb/drizzle";
import { asc, desc, getTableColumns, sql, type Column, type SQL } from "drizzle-orm";

const list = (parts: readonly unknown[]): SQL =>
  sql.join(
    parts.map((part) => sql`${part}`),
    sql`, `,
  );

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
    return {
      session: parseSession(session, this.dialect.names.sessions),
      runs: limit === null ? runs : runs.slice(-limit),
    };
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
      const statuses = list(skippedHistoryStatuses.map((status) => sql.raw(`'${status}'`)));
      // By run_index alone, which its index gives without sorting. Runs that tie with the last one come too.
      const newest = sql` and ${runs.parentRunId} is null and (${runs.status} is null or ${runs.status} not in (${statuses})) order by ${runs.runIndex} desc fetch first (${value("limit")}) rows with ties`;
      return new Statement<SessionOrRun>(
        this.dialect,
        sql`select ${list(Object.values(session))}, null from ${sessions} where ${sessions.sessionId} = ${value("sessionId")} union all (select ${list(columns)}, ${runs.runData} from ${runs} where ${runs.sessionId} = ${value("sessionId")}${all ? sql`` : newest})`,
        { ...session, runData: runs.runData },
      );
    });
  }

  override *allRuns(on: SqlConnection, sessionId: string): Steps<StoredRun[]> {
    return (yield* super.allRuns(on, sessionId)).toSorted(byPosition);
  }

  /** Of one session: runs without index, then those with one, each read in the order of an index. */
  override *runs(on: SqlConnection, query: RunListQuery): Steps<StoredRun[]> {
    if (query.sessionId === null) {
      return yield* super.runs(on, query);
    }
    const { order, after } = query;
    const condition = runConditions(this.dialect, query);
    const statement = this.once(`runs of session ${condition.shape} ${order} ${after === null ? "" : "after"}`, () => {
      const { runs } = this.dialect.tables;
      const direction = order === "asc" ? asc : desc;
      const age = [sql`${runs.createdAt}`, byBytes(this.dialect, runs.runId)];
      const names = ["afterRunIndex", "afterCreatedAt", "afterRunId"];
      const part = (index: "null" | "not null", place: SQL): SQL => {
        const rest = after === null ? sql`` : sql` and ${following([place, ...age], names, order)}`;
        const keys = [...(index === "null" ? [] : [place]), ...age].map((key) => direction(key));
        return sql`(select ${list(Object.values(runSelection(runs)))} from ${runs} where ${condition.where} and ${runs.runIndex} is ${sql.raw(index)}${rest} order by ${list(keys)} limit ${value("limit")})`;
      };
      const nullsWhere = sql.raw(order === "asc" ? "asc nulls first" : "desc nulls last");
      const keys = sql`${bare(runs.runIndex)} ${nullsWhere}, ${direction(bare(runs.createdAt))}, ${direction(sql`${bare(runs.runId)} collate "C"`)}`;
      return new Statement<StoredRun>(
        this.dialect,
        // -1 stands for no index, in a cursor too.
        sql`select * from (${part("null", sql.raw("-1"))} union all ${part("not null", sql`${runs.runIndex}`)}) as page order by ${keys} limit ${value("limit")}`,
        runSelection(runs),
      );
    });
    return yield* this.rows(on, statement, {
      ...runConditionValues(query),
      afterRunIndex: after?.runIndex,
      afterCreatedAt: after?.createdAt,
      afterRunId: after?.runId,
    });
  }
}

/** The turn in one round trip. */
export class PostgresWrites extends SessionWrites {
  override readonly appendsInOneStatement = true;

  /**
   * One statement. Two that run at once may give their runs one index, since each sees what was committed when it began;
   * one that begins after the other was acknowledged sorts after it.
   */
  override *appendRun(on: SqlConnection, session: SessionRow<string>, run: RunRow<string>): Steps<AppendOutcome> {
    const { sessionId, sessionType, userId: ownerId } = session;
    const { sessions, runs } = this.dialect.tables;
    const statement = this.once(`append ${ownerId === null ? "unowned" : "owned"}`, () => {
      const owner = ownerId === null ? sql`is null` : sql`= ${value("ownerId")}`;
      // A run id that is taken refuses the turn, and then the session must not look used.
      const taken = sql`select 1 from ${runs} where ${runs.runId} = ${value("runId")} and ${runs.sessionId} <> ${value("sessionId")}`;
      const touched = sql`update ${sessions} set ${bare(sessions.updatedAt)} = greatest(${sessions.updatedAt}, ${value("now")}) where ${sessions.sessionId} = ${value("sessionId")} and ${sessions.sessionType} = ${value("sessionType")} and ${sessions.userId} ${owner} and not exists (${taken}) returning 1`;
      const columns: Record<string, Column> = getTableColumns(runs);
      const values = Object.keys(columns).map((name) => (name === "runIndex" ? this.placeOfRun() : value(name)));
      const names = list(Object.values(columns).map((column) => bare(column)));
      return this.write(
        sql`with touched as (${touched}) insert into ${runs} (${names}) select ${list(values)} from touched ${this.replaceRun()}`,
      );
    });
    const values = { ...run, sessionId, sessionType, ownerId, now: unixSeconds() };
    // Which of the two was refused, the transaction that follows finds out.
    return (yield* this.affected(on, statement, values)) > 0 ? "stored" : "session refused";
  }
}

function byPosition(left: StoredRun, right: StoredRun): number {
  return (
    (left.runIndex ?? -1) - (right.runIndex ?? -1) ||
    left.createdAt - right.createdAt ||
    Buffer.compare(Buffer.from(left.runId), Buffer.from(right.runId))
  );
}
