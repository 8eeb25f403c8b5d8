import type { SessionListQuery } from "@sessiondb/core/adapter";
import {
  byPosition,
  byShape,
  directed,
  fixedOfSessions,
  idPlaceholders,
  isHistoryRow,
  list,
  listValues,
  runOrder,
  runSelection,
  sessionChunks,
  sessionConditions,
  sessionListShape,
  ServerReads,
  tie,
  value,
  whereOf,
  type ListedRow,
  type SessionListShape,
  type SqlConnection,
  type Steps,
  type StoredRun,
  type WantedRuns,
} from "@sessiondb/drizzle";
import { desc, sql, type Column, type SQL } from "drizzle-orm";
import { following } from "./mysql-parts.ts";

/** The reads that MySQL and MariaDB spell in their own way. */
export class MysqlReads extends ServerReads {
  override *sessions(on: SqlConnection, query: SessionListQuery): Steps<ListedRow[]> {
    if (query.sortBy !== "updatedAt") {
      return yield* super.sessions(on, query);
    }
    const values = { upTo: query.limit + query.offset, ...listValues(query) };
    return yield* this.listed(on, this.#sessionsByUpdate(sessionListShape(query)), values);
  }

  /**
   * MariaDB has no index on an expression. So the sessions with and without `updated_at` are two ordered lists, each
   * served by an index, and their ids are merged before any row is read.
   */
  readonly #sessionsByUpdate = byShape((shape: SessionListShape) => {
    const { sessions } = this.dialect.tables;
    const { order, isResumed, includeRunCount } = shape;
    // Those of a user have an index in this order.
    const wanted = { ...shape.where, by: "conditions", isResumed: isResumed && shape.where.hasUser } as const;
    const where = sessionConditions(this.dialect, wanted);
    const fixed = fixedOfSessions(this.dialect, wanted);
    const part = (timestamp: Column, condition: SQL): SQL => {
      const keys = [sql`${timestamp}`, sql`${sessions.sessionId}`];
      const rest = isResumed ? following(keys, ["startTimestampOf", "startSessionId"], order) : null;
      return sql`(
        select ${sessions.sessionId} as id, ${timestamp} as at
        from ${sessions}${whereOf(where, condition, rest)}
        order by ${directed([...fixed, ...keys], order)}
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

  /** One extra run shows whether they tie. */
  protected override get newest(): SQL {
    const { runs } = this.dialect.tables;
    return sql`${isHistoryRow(runs)} order by ${desc(runs.runIndex)} limit ${value("oneMore")}`;
  }

  /** Reads each session's runs by their index, from its end, and no further than wanted. */
  readonly #chunk = byShape(({ size, isAll }: { size: number; isAll: boolean }) => {
    const { sessions, runs } = this.dialect.tables;
    const ids = idPlaceholders(size);
    const ofRuns = sql`select ${this.runColumns()} from ${runs} where ${runs.sessionId}`;
    return this.union([
      sql`(select ${this.sessionColumns} from ${sessions} where ${sessions.sessionId} in (${list(ids)}))`,
      ...(isAll ? [sql`(${ofRuns} in (${list(ids)}))`] : ids.map((id) => sql`(${ofRuns} = ${id} and ${this.newest})`)),
    ]);
  });

  protected override ofPage(page: readonly ListedRow[], isAll: boolean) {
    return sessionChunks(page).map(({ size, values }) => ({ statement: this.#chunk({ size, isAll }), values }));
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

  /** Uses the total order only if runs tie: the index of Agno's own tables ends at `run_index`. NULL sorts last. */
  override *newestRuns(on: SqlConnection, sessionId: string, limit: number): Steps<StoredRun[]> {
    const rows = yield* this.rows(on, this.#historyRuns({ order: "index" }), { sessionId, limit: limit + 1 });
    if (tie(rows)) {
      return (yield* this.rows(on, this.#historyRuns({ order: "total" }), { sessionId, limit })).toReversed();
    }
    return rows.slice(0, limit).toReversed();
  }

  protected override *inOrder(
    on: SqlConnection,
    runs: StoredRun[],
    { sessionId, wanted }: WantedRuns,
  ): Steps<StoredRun[]> {
    runs.sort(byPosition);
    if (wanted === "all") {
      return runs;
    }
    // If the oldest runs tie, it is open which of them belong to the newest n.
    return tie(runs) ? yield* this.newestRuns(on, sessionId, wanted) : runs.slice(-wanted);
  }
}
