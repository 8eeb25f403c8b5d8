import { skippedHistoryStatuses, type RunsWanted, type SessionListQuery, type SessionRow } from "@sessiondb/core";
import {
  beforeAll,
  parseSession,
  runOrder,
  runSelection,
  sessionConditions,
  SessionReads,
  sessionSelection,
  Statement,
  value,
  whereOf,
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
  override *sessions(on: SqlConnection, query: SessionListQuery): Steps<SessionRow[]> {
    return query.sortBy === "updatedAt" ? yield* this.#sessionsByUpdate(on, query) : yield* super.sessions(on, query);
  }

  /**
   * MariaDB has no index on an expression. So the sessions with and those without `updated_at` are two ordered lists, each
   * served by an index, of which the ids are merged before any row is read.
   */
  *#sessionsByUpdate(on: SqlConnection, query: SessionListQuery): Steps<SessionRow[]> {
    const { sessions } = this.dialect.tables;
    const { sortOrder, after, limit, offset } = query;
    const { shape, where } = sessionConditions(this.dialect, query);
    const statement = this.once(`sessions ${shape} by update ${sortOrder} ${after === null ? "" : "after"}`, () => {
      const direction = sortOrder === "asc" ? asc : desc;
      const list = (timestamp: Column, condition: SQL): SQL => {
        const columns = [sql`${timestamp}`, sql`${sessions.sessionId}`];
        const rest = after && following(columns, ["afterTimestamp", "afterSessionId"], sortOrder);
        return sql`(select ${sessions.sessionId} as id, ${timestamp} as at from ${sessions}${whereOf(where, condition, rest)} order by ${direction(timestamp)}, ${direction(sessions.sessionId)} limit ${value("upTo")})`;
      };
      const updated = list(sessions.updatedAt, sql`${sessions.updatedAt} is not null`);
      const others = list(sessions.createdAt, sql`${sessions.updatedAt} is null`);
      const order = sql.raw(sortOrder);
      const page = sql`select id, at from (${updated} union all ${others}) as listed order by at ${order}, id ${order} limit ${value("limit")} offset ${value("offset")}`;
      return this.select(
        sessionSelection(sessions),
        sql`(${page}) as page join ${sessions} on ${sessions.sessionId} = page.id order by page.at ${order}, page.id ${order}`,
      );
    });
    const rows = yield* this.rows(on, statement, {
      ...query,
      upTo: limit + offset,
      afterTimestamp: after?.timestamp,
      afterSessionId: after?.sessionId,
    });
    return rows.map((row) => parseSession(row, this.dialect.names.sessions));
  }

  /** One statement: the session's row, and a row for each run, so that nothing is repeated. */
  override *sessionWithRuns(on: SqlConnection, sessionId: string, wanted: RunsWanted): Steps<SessionWithRuns | null> {
    if (wanted === "none") {
      return yield* super.sessionWithRuns(on, sessionId, wanted);
    }
    const statement = this.#sessionWithRuns(wanted === "all");
    const rows = yield* this.raw(on, statement, { sessionId, limit: wanted === "all" ? null : wanted + 1 });
    const { sessions, runs: runsTable } = this.dialect.tables;
    const width = Object.keys(sessionSelection(sessions)).length;
    const sessionRow = rows.find((row) => row[width] === null);
    if (sessionRow === undefined) {
      return null;
    }
    const session = parseSession(statement.decode(sessionRow), this.dialect.names.sessions);
    const run = this.once("run row", () => new Statement<StoredRun>(this.dialect, sql``, runSelection(runsTable)));
    const runs = rows.filter((row) => row !== sessionRow).map((row) => run.decode(row.slice(width)));
    runs.sort(byPosition);
    if (wanted === "all") {
      return { session, runs };
    }
    // Which of the oldest runs belong to the newest n is open where they tie.
    return { session, runs: isDistinct(runs) ? runs.slice(-wanted) : yield* this.newestRuns(on, sessionId, wanted) };
  }

  #sessionWithRuns(all: boolean): Statement<RawSession> {
    return this.once(`session with ${all ? "all" : "newest"} runs`, () => {
      const { sessions, runs } = this.dialect.tables;
      const session = sessionSelection(sessions);
      const run = runSelection(runs);
      const ofRun = all ? sql`` : sql` and ${this.#isHistory} order by ${desc(runs.runIndex)} limit ${value("limit")}`;
      const text = sql`${list(Object.values(session))}, ${nulls(run)} from ${sessions} where ${sessions.sessionId} = ${value("sessionId")} union all (select ${nulls(session)}, ${list(Object.values(run))} from ${runs} where ${runs.sessionId} = ${value("sessionId")}${ofRun})`;
      return new Statement(this.dialect, sql`select ${text}`, session);
    });
  }

  /** In total order only where runs tie: the index of Agno's own tables ends at `run_index`. Those without sort last. */
  override *newestRuns(on: SqlConnection, sessionId: string, limit: number): Steps<StoredRun[]> {
    const byIndex = this.#historyRuns("by index", desc(this.dialect.tables.runs.runIndex));
    const rows = yield* this.rows(on, byIndex, { sessionId, limit: limit + 1 });
    if (isDistinct(rows)) {
      return rows.slice(0, limit).toReversed();
    }
    const inOrder = this.#historyRuns("in total order", runOrder(this.dialect, "desc"));
    return (yield* this.rows(on, inOrder, { sessionId, limit })).toReversed();
  }

  #historyRuns(name: string, order: SQL): Statement<StoredRun> {
    return this.once(`history runs ${name}`, () => {
      const { runs } = this.dialect.tables;
      return this.select(
        runSelection(runs),
        sql`${runs} where ${runs.sessionId} = ${value("sessionId")} and ${this.#isHistory} order by ${order} limit ${value("limit")}`,
      );
    });
  }

  get #isHistory(): SQL {
    const { parentRunId, status } = this.dialect.tables.runs;
    const skipped = sql.raw(skippedHistoryStatuses.map((each) => `'${each}'`).join(", "));
    return sql`${parentRunId} is null and (${status} is null or ${status} not in (${skipped}))`;
  }
}

const list = (parts: readonly unknown[]): SQL =>
  sql.join(
    parts.map((part) => sql`${part}`),
    sql`, `,
  );
const nulls = (selection: object): SQL => list(Object.keys(selection).map(() => sql`null`));

/** Whether no two runs beside each other have the same index. */
function isDistinct(runs: readonly StoredRun[]): boolean {
  return runs.every(({ runIndex }, index) => runIndex !== runs[index + 1]?.runIndex);
}

/** The order of the runs of a session, as the database has it. */
function byPosition(a: StoredRun, b: StoredRun): number {
  return (
    (a.runIndex ?? beforeAll) - (b.runIndex ?? beforeAll) ||
    a.createdAt - b.createdAt ||
    Buffer.compare(Buffer.from(a.runId), Buffer.from(b.runId))
  );
}
