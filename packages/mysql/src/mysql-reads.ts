import { skippedHistoryStatuses, type SessionListQuery, type SessionRow } from "@sessiondb/core";
import {
  parseSession,
  runOrder,
  runSelection,
  sessionConditions,
  SessionReads,
  sessionSelection,
  value,
  whereOf,
  type SqlConnection,
  type Statement,
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

  /** One statement where no runs tie: a run without `run_index` sorts last in descending order, where the rule wants it. */
  override *newestRuns(on: SqlConnection, sessionId: string, limit: number): Steps<StoredRun[]> {
    const byIndex = this.#historyRuns("by index", desc(this.dialect.tables.runs.runIndex));
    const rows = yield* this.rows(on, byIndex, { sessionId, limit: limit + 1 });
    if (rows.every(({ runIndex }, index) => runIndex !== rows[index + 1]?.runIndex)) {
      return rows.slice(0, limit).toReversed();
    }
    const inOrder = this.#historyRuns("in total order", runOrder(this.dialect, "desc"));
    return (yield* this.rows(on, inOrder, { sessionId, limit })).toReversed();
  }

  #historyRuns(name: string, order: SQL): Statement<StoredRun> {
    return this.once(`history runs ${name}`, () => {
      const { runs } = this.dialect.tables;
      const skipped = sql.raw(skippedHistoryStatuses.map((status) => `'${status}'`).join(", "));
      return this.select(
        runSelection(runs),
        sql`${runs} where ${runs.sessionId} = ${value("sessionId")} and ${runs.parentRunId} is null and (${runs.status} is null or ${runs.status} not in (${skipped})) order by ${order} limit ${value("limit")}`,
      );
    });
  }
}
