import type { RunListQuery } from "@sessiondb/core/adapter";
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
  ServerReads,
  Statement,
  value,
  type ListedRow,
  type RunListShape,
  type SqlConnection,
  type Steps,
  type StoredRun,
  type WantedRuns,
} from "@sessiondb/drizzle";
import { sql, type SQL } from "drizzle-orm";

/** The reads of Postgres, which sorts a NULL `run_index` last, not first. */
export class PostgresReads extends ServerReads {
  /** Orders by run_index alone, whose index needs no sort. Includes runs that tie with the last. */
  protected override get newest(): SQL {
    const { runs } = this.dialect.tables;
    return sql`${isHistoryRow(runs)}
      order by ${runs.runIndex} desc fetch first (${value("limit")}) rows with ties`;
  }

  readonly #page = byShape(({ isAll }: { isAll: boolean }) => {
    const { sessions, runs } = this.dialect.tables;
    const ids = sql`${value("sessionIds")}::text[]`;
    const newest = sql`unnest(${ids}) as listed (id) cross join lateral (
      select ${list(Object.values(runSelection(runs)))} from ${runs}
      where ${runs.sessionId} = listed.id and ${this.newest}) as newest`;
    const from = isAll ? sql`${runs} where ${runs.sessionId} = any(${ids})` : newest;
    return this.union([
      sql`select ${this.sessionColumns} from ${sessions} where ${sessions.sessionId} = any(${ids})`,
      sql`(select ${this.runColumns(bare)} from ${from})`,
    ]);
  });

  protected override ofPage(page: readonly ListedRow[], isAll: boolean) {
    return [{ statement: this.#page({ isAll }), values: { sessionIds: page.map(({ sessionId }) => sessionId) } }];
  }

  protected override *inOrder(
    on: SqlConnection,
    runs: StoredRun[],
    { sessionId, wanted }: WantedRuns,
  ): Steps<StoredRun[]> {
    if (wanted !== "all" && runs.some(({ runIndex }) => runIndex === null)) {
      // Runs without an index came first, and may have displaced newer ones.
      return yield* this.newestRuns(on, sessionId, wanted);
    }
    runs.sort(byPosition);
    return wanted === "all" ? runs : runs.slice(-wanted);
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
    ).plannedAnew();
  });

  /** Reads the runs of one session: those without an index, then the others, each in the order of an index. */
  override *runs(on: SqlConnection, query: RunListQuery): Steps<StoredRun[]> {
    return yield* query.sessionId === null
      ? super.runs(on, query)
      : this.listed(on, this.#runsOfSession(runListShape(query)), runListValues(query));
  }
}
