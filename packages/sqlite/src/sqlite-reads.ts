import type { RunsWanted } from "@sessiondb/core/adapter";
import {
  byPosition,
  byShape,
  idPlaceholders,
  isHistoryRow,
  list,
  runSelection,
  sessionChunks,
  SessionReads,
  Statement,
  tie,
  type ListedRow,
  type SessionWithRuns,
  type SqlConnection,
  type Steps,
  type StoredRun,
} from "@sessiondb/drizzle";
import { desc, sql } from "drizzle-orm";

/** Reads the runs of a whole page with one statement, or one per chunk of it, in the page's snapshot. */
export class SqliteReads extends SessionReads {
  override *withRuns(
    on: SqlConnection,
    page: readonly ListedRow[],
    wanted: Exclude<RunsWanted, "none">,
  ): Steps<ReadonlyMap<string, SessionWithRuns>> {
    const runsOf = new Map(page.map(({ sessionId }): [string, StoredRun[]] => [sessionId, []]));
    for (const { size, values } of sessionChunks(page)) {
      const statement = wanted === "all" ? this.#allRunsOf(size) : this.#newestRunsOf(size);
      // One extra run shows whether the last one ties with the next.
      for (const run of yield* this.rows(on, statement, { ...values, limit: wanted === "all" ? null : wanted + 1 })) {
        runsOf.get(run.sessionId)?.push(run);
      }
    }
    const found = new Map<string, SessionWithRuns>();
    for (const session of page) {
      const { sessionId } = session;
      const runs = (runsOf.get(sessionId) ?? []).toSorted(byPosition);
      const isOpen = wanted !== "all" && tie(runs);
      const newest = isOpen
        ? yield* this.newestRuns(on, sessionId, wanted)
        : runs.slice(wanted === "all" ? 0 : -wanted);
      found.set(sessionId, { session, runs: newest });
    }
    return found;
  }

  readonly #allRunsOf = byShape((size: number) => {
    const { runs } = this.dialect.tables;
    return this.select(runSelection(runs), sql`${runs} where ${runs.sessionId} in (${list(idPlaceholders(size))})`);
  });

  /** Reads each session by the index on its runs, from the end, where those without an index are last. */
  readonly #newestRunsOf = byShape((size: number) => {
    const { runs } = this.dialect.tables;
    const selection = runSelection(runs);
    const listed = list(idPlaceholders(size).map((id) => sql`(${id})`));
    return new Statement<StoredRun>(
      this.dialect,
      sql`with listed (id) as (values ${listed})
        select ${list(Object.values(selection))}
        from listed cross join ${runs} on ${runs.runId} in (
          select ${runs.runId} from ${runs}
          where ${runs.sessionId} = listed.id and ${isHistoryRow(runs)}
          order by ${desc(runs.runIndex)}
          ${this.limit("limit")})`,
      selection,
    );
  });
}
