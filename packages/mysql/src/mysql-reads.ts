import { readingOrder, type RunsWanted, type SessionListQuery } from "@sessiondb/core/adapter";
import {
  byPosition,
  counted,
  idPlaceholders,
  isHistoryRow,
  list,
  listValues,
  runOrder,
  runSelection,
  sessionChunks,
  sessionConditions,
  SessionReads,
  sessionSelection,
  Statement,
  tie,
  value,
  whereOf,
  type ListedRow,
  type RawSession,
  type SessionWithRuns,
  type SqlConnection,
  type Steps,
  type StoredRun,
} from "@sessiondb/drizzle";
import { asc, desc, sql, type Column, type SQL } from "drizzle-orm";
import { following } from "./mysql-dialect.ts";

/** The reads that MySQL and MariaDB spell in their own way. */
export class MysqlReads extends SessionReads {
  override *sessions(on: SqlConnection, query: SessionListQuery): Steps<ListedRow[]> {
    return query.sortBy === "updatedAt" ? yield* this.#sessionsByUpdate(on, query) : yield* super.sessions(on, query);
  }

  /**
   * MariaDB has no index on an expression. So the sessions with and those without `updated_at` are two ordered lists, each
   * served by an index, of which the ids are merged before any row is read.
   */
  *#sessionsByUpdate(on: SqlConnection, query: SessionListQuery): Steps<ListedRow[]> {
    const { sessions } = this.dialect.tables;
    const { start, limit, offset } = query;
    const order = readingOrder(query);
    const { shape, where } = sessionConditions(this.dialect, query);
    const key = `sessions ${shape} by update ${order} ${start === null ? "" : "from"} ${counted(query)}`;
    const statement = this.once(key, () => {
      const direction = order === "asc" ? asc : desc;
      const part = (timestamp: Column, condition: SQL): SQL => {
        const columns = [sql`${timestamp}`, sql`${sessions.sessionId}`];
        const rest = start && following(columns, ["startTimestampOf", "startSessionId"], order);
        return sql`(select ${sessions.sessionId} as id, ${timestamp} as at from ${sessions}${whereOf(where(), condition, rest)} order by ${direction(timestamp)}, ${direction(sessions.sessionId)} limit ${value("upTo")})`;
      };
      const updated = part(sessions.updatedAt, sql`${sessions.updatedAt} is not null`);
      const others = part(sessions.createdAt, sql`${sessions.updatedAt} is null`);
      const way = sql.raw(order);
      const page = sql`select id, at from (${updated} union all ${others}) as listed order by at ${way}, id ${way} limit ${value("limit")} offset ${value("offset")}`;
      return this.select(
        this.listSelection(query),
        sql`(${page}) as page join ${sessions} on ${sessions.sessionId} = page.id order by page.at ${way}, page.id ${way}`,
      );
    });
    return yield* this.listed(on, statement, { ...listValues(query), upTo: limit + offset });
  }

  /** One statement: the session's row, and a row for each run, so that nothing is repeated. */
  override *sessionWithRuns(on: SqlConnection, sessionId: string, wanted: RunsWanted): Steps<SessionWithRuns | null> {
    if (wanted === "none") {
      return yield* super.sessionWithRuns(on, sessionId, wanted);
    }
    const statement = this.#sessionWithRuns(wanted === "all");
    const rows = yield* this.raw(on, statement, { sessionId, limit: wanted === "all" ? null : wanted + 1 });
    const {
      sessions: [session],
      runs,
    } = this.#split(statement, rows);
    return session === undefined ? null : { session, runs: yield* this.#inOrder(on, runs, { sessionId, wanted }) };
  }

  #sessionWithRuns(all: boolean): Statement<RawSession> {
    return this.once(`session with ${all ? "all" : "newest"} runs`, () => {
      const { sessions, runs } = this.dialect.tables;
      const session = sessionSelection(sessions);
      const run = runSelection(runs);
      const text = sql`${list(Object.values(session))}, ${nulls(run)} from ${sessions} where ${sessions.sessionId} = ${value("sessionId")} union all (select ${nulls(session)}, ${list(Object.values(run))} from ${runs} where ${runs.sessionId} = ${value("sessionId")}${this.#wanted(all)})`;
      return new Statement(this.dialect, sql`select ${text}`, session);
    });
  }

  /** One statement for each chunk of sessions: their rows again, and their runs. */
  override *withRuns(
    on: SqlConnection,
    page: readonly ListedRow[],
    wanted: Exclude<RunsWanted, "none">,
  ): Steps<ReadonlyMap<string, SessionWithRuns>> {
    const found = new Map<string, SessionWithRuns>();
    for (const { size, values } of sessionChunks(page)) {
      const statement = this.#withRuns(size, wanted === "all");
      const rows = yield* this.raw(on, statement, { ...values, limit: wanted === "all" ? null : wanted + 1 });
      const { sessions, runs } = this.#split(statement, rows);
      const runsOf = new Map(sessions.map(({ sessionId }): [string, StoredRun[]] => [sessionId, []]));
      for (const run of runs) {
        const ofSession = runsOf.get(run.sessionId);
        if (ofSession === undefined) {
          // A table of Agno's may compare ids without case, and a run spell its session's otherwise.
          return yield* super.withRuns(on, page, wanted);
        }
        ofSession.push(run);
      }
      for (const session of sessions) {
        const { sessionId } = session;
        const ordered = yield* this.#inOrder(on, runsOf.get(sessionId) ?? [], { sessionId, wanted });
        found.set(sessionId, { session, runs: ordered });
      }
    }
    return found;
  }

  /** Each session's runs are read by their index, from its end, and no further than wanted. */
  #withRuns(size: number, all: boolean): Statement<RawSession> {
    return this.once(`${size} sessions with ${all ? "all" : "newest"} runs`, () => {
      const { sessions, runs } = this.dialect.tables;
      const session = sessionSelection(sessions);
      const run = runSelection(runs);
      const ids = idPlaceholders(size);
      const own = sql`(select ${list(Object.values(session))}, ${nulls(run)} from ${sessions} where ${sessions.sessionId} in (${list(ids)}))`;
      const ofRuns = sql`select ${nulls(session)}, ${list(Object.values(run))} from ${runs} where ${runs.sessionId}`;
      const parts = all
        ? [sql`(${ofRuns} in (${list(ids)}))`]
        : ids.map((id) => sql`(${ofRuns} = ${id}${this.#wanted(false)})`);
      return new Statement(this.dialect, sql.join([own, ...parts], sql` union all `), session);
    });
  }

  /** The rows of a union of sessions and runs: a run's has nothing in the columns of a session, and the other way round. */
  #split(statement: Statement<RawSession>, rows: readonly unknown[][]): { sessions: RawSession[]; runs: StoredRun[] } {
    const { sessions, runs } = this.dialect.tables;
    const width = Object.keys(sessionSelection(sessions)).length;
    const run = this.once("run of a row", () => new Statement<StoredRun>(this.dialect, sql``, runSelection(runs)));
    return {
      sessions: rows.filter((row) => row[width] === null).map((row) => statement.decode(row)),
      runs: rows.filter((row) => row[width] !== null).map((row) => run.decode(row.slice(width))),
    };
  }

  /** In total order only where runs tie: the index of Agno's own tables ends at `run_index`. Those without sort last. */
  override *newestRuns(on: SqlConnection, sessionId: string, limit: number): Steps<StoredRun[]> {
    const byIndex = this.#historyRuns("by index", desc(this.dialect.tables.runs.runIndex));
    const rows = yield* this.rows(on, byIndex, { sessionId, limit: limit + 1 });
    if (tie(rows)) {
      const inOrder = this.#historyRuns("in total order", runOrder(this.dialect, "desc"));
      return (yield* this.rows(on, inOrder, { sessionId, limit })).toReversed();
    }
    return rows.slice(0, limit).toReversed();
  }

  #historyRuns(name: string, order: SQL): Statement<StoredRun> {
    return this.once(`history runs ${name}`, () => {
      const { runs } = this.dialect.tables;
      return this.select(
        runSelection(runs),
        sql`${runs} where ${runs.sessionId} = ${value("sessionId")} and ${isHistoryRow(runs)} order by ${order} limit ${value("limit")}`,
      );
    });
  }

  /** The runs wanted of those that `#wanted` selected, in the session's order. */
  *#inOrder(
    on: SqlConnection,
    runs: StoredRun[],
    { sessionId, wanted }: { sessionId: string; wanted: Exclude<RunsWanted, "none"> },
  ): Steps<StoredRun[]> {
    runs.sort(byPosition);
    if (wanted === "all") {
      return runs;
    }
    // Which of the oldest runs belong to the newest n is open where they tie.
    return tie(runs) ? yield* this.newestRuns(on, sessionId, wanted) : runs.slice(-wanted);
  }

  /** What follows the condition on the session: nothing for all its runs; for the newest, one more shows whether they tie. */
  #wanted(all: boolean): SQL {
    const { runs } = this.dialect.tables;
    return all ? sql`` : sql` and ${isHistoryRow(runs)} order by ${desc(runs.runIndex)} limit ${value("limit")}`;
  }
}

const nulls = (selection: object): SQL => list(Object.keys(selection).map(() => sql`null`));
