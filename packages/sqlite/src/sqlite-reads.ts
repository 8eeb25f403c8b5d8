import { compareRuns, skippedHistoryStatuses, type RunsWanted } from "@sessiondb/core/adapter";
import {
  list,
  positionOf,
  runSelection,
  SessionReads,
  Statement,
  value,
  type ListedRow,
  type ListedWithRuns,
  type SqlConnection,
  type SqlDialect,
  type Steps,
  type StoredRun,
} from "@sessiondb/drizzle";
import { desc, sql, type SQL } from "drizzle-orm";

const sessionsPerStatement = 128;

const readsOf = new WeakMap<SqlDialect, SqliteReads>();

/** The statements of a dialect. Its stores share them, for rendering one takes longer than running it. */
export function sqliteReads(dialect: SqlDialect): SqliteReads {
  const reads = readsOf.get(dialect) ?? new SqliteReads(dialect);
  readsOf.set(dialect, reads);
  return reads;
}

/** Reads the runs of a whole page with one statement, or one for each 128 sessions, on the snapshot of the page. */
export class SqliteReads extends SessionReads {
  override *withRuns(
    on: SqlConnection,
    page: readonly ListedRow[],
    wanted: Exclude<RunsWanted, "none">,
  ): Steps<ReadonlyMap<string, ListedWithRuns>> {
    const runsOf = new Map(page.map(({ sessionId }): [string, StoredRun[]] => [sessionId, []]));
    for (let from = 0; from < page.length; from += sessionsPerStatement) {
      const ids = page.slice(from, from + sessionsPerStatement).map(({ sessionId }) => sessionId);
      // Few sizes, so that few statements are prepared; what is left over is null, which no session is named.
      const size = 2 ** Math.ceil(Math.log2(ids.length));
      const values = Object.fromEntries(Array.from({ length: size }, (_, place) => [`id${place}`, ids[place] ?? null]));
      const statement = wanted === "all" ? this.#allRunsOf(size) : this.#newestRunsOf(size);
      // One run more than wanted shows whether the last one ties with the next.
      for (const run of yield* this.rows(on, statement, { ...values, limit: wanted === "all" ? null : wanted + 1 })) {
        runsOf.get(run.sessionId)?.push(run);
      }
    }
    const found = new Map<string, ListedWithRuns>();
    for (const session of page) {
      const { sessionId } = session;
      const runs = (runsOf.get(sessionId) ?? []).toSorted(byPosition);
      const isOpen = wanted !== "all" && ties(runs);
      const newest = isOpen
        ? yield* this.newestRuns(on, sessionId, wanted)
        : runs.slice(wanted === "all" ? 0 : -wanted);
      found.set(sessionId, { session, runs: newest });
    }
    return found;
  }

  #allRunsOf(size: number): Statement<StoredRun> {
    return this.once(`all runs of ${size} sessions`, () => {
      const { runs } = this.dialect.tables;
      return this.select(runSelection(runs), sql`${runs} where ${runs.sessionId} in (${list(idsOf(size))})`);
    });
  }

  /** Each session is read by the index on its own runs, from their end, where those without index are last. */
  #newestRunsOf(size: number): Statement<StoredRun> {
    return this.once(`newest runs of ${size} sessions`, () => {
      const { runs } = this.dialect.tables;
      const selection = runSelection(runs);
      const skipped = sql.raw(skippedHistoryStatuses.map((status) => `'${status}'`).join(", "));
      const listed = list(idsOf(size).map((id) => sql`(${id})`));
      const newest = sql`select ${runs.runId} from ${runs} where ${runs.sessionId} = listed.id and ${runs.parentRunId} is null and (${runs.status} is null or ${runs.status} not in (${skipped})) order by ${desc(runs.runIndex)} ${this.limit("limit")}`;
      return new Statement<StoredRun>(
        this.dialect,
        sql`with listed (id) as (values ${listed}) select ${list(Object.values(selection))} from listed cross join ${runs} on ${runs.runId} in (${newest})`,
        selection,
      );
    });
  }
}

/** Placeholders for the ids of so many sessions. */
const idsOf = (size: number): SQL[] => Array.from({ length: size }, (_, place) => value(`id${place}`));

/** Whether two runs beside each other have the same index, or none. */
function ties(runs: readonly StoredRun[]): boolean {
  return runs.some(({ runIndex }, place) => runIndex === runs[place + 1]?.runIndex);
}

/** The order of the runs of a session, as the database has it. */
const byPlace = compareRuns({ sessionId: "", sortOrder: "asc" });

function byPosition(a: StoredRun, b: StoredRun): number {
  return byPlace(positionOf(a), positionOf(b));
}
