import type { RunsWanted, SessionListQuery } from "@sessiondb/core/adapter";
import {
  byPosition,
  byShape,
  directed,
  idPlaceholders,
  isHistoryRow,
  list,
  listValues,
  once,
  runOrder,
  runSelection,
  sessionChunks,
  sessionConditions,
  sessionListShape,
  SessionReads,
  sessionSelection,
  Statement,
  tie,
  value,
  whereOf,
  type ListedRow,
  type RawSession,
  type SessionListShape,
  type SessionWithRuns,
  type SqlConnection,
  type Steps,
  type StoredRun,
} from "@sessiondb/drizzle";
import { desc, sql, type Column, type SQL } from "drizzle-orm";
import { following } from "./mysql-dialect.ts";

/** The reads that MySQL and MariaDB spell in their own way. */
export class MysqlReads extends SessionReads {
  override *sessions(on: SqlConnection, query: SessionListQuery): Steps<ListedRow[]> {
    if (query.sortBy !== "updatedAt") {
      return yield* super.sessions(on, query);
    }
    const values = { ...listValues(query), upTo: query.limit + query.offset };
    return yield* this.listed(on, this.#sessionsByUpdate(sessionListShape(query)), values);
  }

  /**
   * MariaDB has no index on an expression. So the sessions with and those without `updated_at` are two ordered lists, each
   * served by an index, of which the ids are merged before any row is read.
   */
  readonly #sessionsByUpdate = byShape((shape: SessionListShape) => {
    const { sessions } = this.dialect.tables;
    const { order, isResumed, includeRunCount } = shape;
    const where = sessionConditions(this.dialect, { ...shape.where, isOrdered: false });
    const part = (timestamp: Column, condition: SQL): SQL => {
      const keys = [sql`${timestamp}`, sql`${sessions.sessionId}`];
      const rest = isResumed ? following(keys, ["startTimestampOf", "startSessionId"], order) : null;
      return sql`(
        select ${sessions.sessionId} as id, ${timestamp} as at
        from ${sessions}${whereOf(where, condition, rest)}
        order by ${directed(keys, order)}
        limit ${value("upTo")})`;
    };
    const way = sql.raw(order);
    const page = sql`select id, at from (
        ${part(sessions.updatedAt, sql`${sessions.updatedAt} is not null`)}
        union all
        ${part(sessions.createdAt, sql`${sessions.updatedAt} is null`)}) as listed
      order by at ${way}, id ${way}
      limit ${value("limit")} offset ${value("offset")}`;
    return this.select(
      this.listSelection(includeRunCount),
      sql`(${page}) as page join ${sessions} on ${sessions.sessionId} = page.id
        order by page.at ${way}, page.id ${way}`,
    );
  });

  readonly #sessionWithRuns = byShape(({ isAll }: { isAll: boolean }) => {
    const { sessions, runs } = this.dialect.tables;
    const session = sessionSelection(sessions);
    const run = runSelection(runs);
    return new Statement<RawSession>(
      this.dialect,
      sql`select ${list(Object.values(session))}, ${nulls(run)} from ${sessions}
        where ${sessions.sessionId} = ${value("sessionId")}
        union all (
          select ${nulls(session)}, ${list(Object.values(run))} from ${runs}
          where ${runs.sessionId} = ${value("sessionId")}${this.#wanted(isAll)})`,
      session,
    );
  });

  /** One statement: the session's row, and a row for each run, so that nothing is repeated. */
  override *sessionWithRuns(on: SqlConnection, sessionId: string, wanted: RunsWanted): Steps<SessionWithRuns | null> {
    if (wanted === "none") {
      return yield* super.sessionWithRuns(on, sessionId, wanted);
    }
    const statement = this.#sessionWithRuns({ isAll: wanted === "all" });
    const rows = yield* this.raw(on, statement, { sessionId, limit: wanted === "all" ? null : wanted + 1 });
    const { sessions, runs } = this.#split(statement, rows);
    const [session] = sessions;
    return session === undefined ? null : { session, runs: yield* this.#inOrder(on, runs, { sessionId, wanted }) };
  }

  /** Each session's runs are read by their index, from its end, and no further than wanted. */
  readonly #withRuns = byShape(({ size, isAll }: { size: number; isAll: boolean }) => {
    const { sessions, runs } = this.dialect.tables;
    const session = sessionSelection(sessions);
    const run = runSelection(runs);
    const ids = idPlaceholders(size);
    const own = sql`(
      select ${list(Object.values(session))}, ${nulls(run)} from ${sessions}
      where ${sessions.sessionId} in (${list(ids)}))`;
    const ofRuns = sql`select ${nulls(session)}, ${list(Object.values(run))} from ${runs} where ${runs.sessionId}`;
    const parts = isAll
      ? [sql`(${ofRuns} in (${list(ids)}))`]
      : ids.map((id) => sql`(${ofRuns} = ${id}${this.#wanted(false)})`);
    return new Statement<RawSession>(this.dialect, sql.join([own, ...parts], sql` union all `), session);
  });

  /** One statement for each chunk of sessions: their rows again, and their runs. */
  override *withRuns(
    on: SqlConnection,
    page: readonly ListedRow[],
    wanted: Exclude<RunsWanted, "none">,
  ): Steps<ReadonlyMap<string, SessionWithRuns>> {
    const found = new Map<string, SessionWithRuns>();
    for (const { size, values } of sessionChunks(page)) {
      const statement = this.#withRuns({ size, isAll: wanted === "all" });
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

  readonly #runOfRow = once(
    () => new Statement<StoredRun>(this.dialect, sql``, runSelection(this.dialect.tables.runs)),
  );

  /** The rows of a union of sessions and runs: a run's has nothing in the columns of a session, and the other way round. */
  #split(statement: Statement<RawSession>, rows: readonly unknown[][]): { sessions: RawSession[]; runs: StoredRun[] } {
    const width = Object.keys(sessionSelection(this.dialect.tables.sessions)).length;
    const run = this.#runOfRow();
    return {
      sessions: rows.filter((row) => row[width] === null).map((row) => statement.decode(row)),
      runs: rows.filter((row) => row[width] !== null).map((row) => run.decode(row.slice(width))),
    };
  }

  readonly #historyRuns = byShape(({ order }: { order: "index" | "total" }) => {
    const { runs } = this.dialect.tables;
    return this.select(
      runSelection(runs),
      sql`${runs}
        where ${runs.sessionId} = ${value("sessionId")} and ${isHistoryRow(runs)}
        order by ${order === "total" ? runOrder(this.dialect, "desc") : desc(runs.runIndex)}
        limit ${value("limit")}`,
    );
  });

  /** In total order only where runs tie: the index of Agno's own tables ends at `run_index`. Those without sort last. */
  override *newestRuns(on: SqlConnection, sessionId: string, limit: number): Steps<StoredRun[]> {
    const rows = yield* this.rows(on, this.#historyRuns({ order: "index" }), { sessionId, limit: limit + 1 });
    if (tie(rows)) {
      return (yield* this.rows(on, this.#historyRuns({ order: "total" }), { sessionId, limit })).toReversed();
    }
    return rows.slice(0, limit).toReversed();
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
  #wanted(isAll: boolean): SQL {
    const { runs } = this.dialect.tables;
    return isAll ? sql`` : sql` and ${isHistoryRow(runs)} order by ${desc(runs.runIndex)} limit ${value("limit")}`;
  }
}

const nulls = (selection: object): SQL => list(Object.keys(selection).map(() => sql`null`));
