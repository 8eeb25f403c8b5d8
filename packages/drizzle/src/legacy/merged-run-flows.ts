import { CorruptDataError, SchemaMismatchError, type Run } from "@sessiondb/core";
import type {
  PageOf,
  RunListQuery,
  RunPosition,
  RunQuery,
  RunRow,
  RunSelection,
  RunsWanted,
  RunWrite,
} from "@sessiondb/core/adapter";
import type { PutRun, WholeSession } from "../run-flows.ts";
import type { TurnRun } from "../session-reads.ts";
import type { SqlConnection } from "../sql-driver.ts";
import { parseRun, type ListedRow } from "../sql-parts.ts";
import type { StatementSets } from "../statement-sets.ts";
import type { Steps } from "../steps.ts";
import { CopiedRunFlows } from "./copied-run-flows.ts";
import type { LegacyRuns, LegacySession } from "./legacy-runs.ts";
import { mergedRuns, pageOfRuns, type ListedRun } from "./merged-runs.ts";

/** Merges runs that only the column of Agno 2 holds into everything that is read. */
export class MergedRunFlows extends CopiedRunFlows {
  override readonly areAllRows = false;
  /** False for a database of Agno 2 that may not be changed: all its runs are in the column. */
  readonly #hasRows: boolean;

  constructor(sets: StatementSets, legacy: LegacyRuns, { hasRows }: { readonly hasRows: boolean }) {
    super(sets, legacy);
    this.#hasRows = hasRows;
  }

  override *sessionWithRuns(on: SqlConnection, sessionId: string, wanted: RunsWanted): Steps<WholeSession | null> {
    const session = yield* this.reads.session(on, sessionId);
    return session && { session, runs: yield* this.#runsOrFault(on, session, wanted) };
  }

  override *withRuns(
    on: SqlConnection,
    page: readonly ListedRow[],
    wanted: Exclude<RunsWanted, "none">,
  ): Steps<ReadonlyMap<string, WholeSession>> {
    const whole = new Map<string, WholeSession>();
    for (const session of page) {
      whole.set(session.sessionId, { session, runs: yield* this.#runsOrFault(on, session, wanted) });
    }
    return whole;
  }

  /** The wanted runs of a session. The error of an unreadable one is thrown when they are requested. */
  *#runsOrFault(on: SqlConnection, session: LegacySession, wanted: RunsWanted): Steps<() => Run[]> {
    try {
      const runs = yield* this.#runsOf(on, session, wanted);
      return () => runs;
    } catch (error) {
      if (!(error instanceof CorruptDataError)) {
        throw error;
      }
      return () => {
        throw error;
      };
    }
  }

  *#runsOf(on: SqlConnection, session: LegacySession, wanted: RunsWanted): Steps<Run[]> {
    if (wanted === "none") {
      return [];
    }
    const legacy = yield* this.legacy.runsOf(on, session);
    if (legacy.length === 0 && this.#hasRows) {
      return this.decode(yield* this.reads.runsOf(on, session.sessionId, wanted));
    }
    const rows = this.#hasRows ? yield* this.reads.allRuns(on, session.sessionId) : [];
    return mergedRuns(legacy, this.decode(rows), wanted);
  }

  override *putRun(on: SqlConnection, write: PutRun): Steps<void> {
    const { createdAt } = write.run;
    const placed = yield* this.legacy.place(on, write.run);
    yield* super.putRun(on, { ...write, run: write.keepsTime === true ? { ...placed, createdAt } : placed });
  }

  override *turnRuns(on: SqlConnection, { run, conditions }: RunWrite): Steps<TurnRun[]> {
    const any = conditions?.newest?.runId === null;
    const rows = yield* this.reads.turnRuns(on, run, { from: "the first", any });
    const legacy = yield* this.legacy.sessionWithRuns(on, run.sessionId);
    if (legacy === null) {
      return rows;
    }
    // In the merged order: first the column's, each replaced by its row if there is one, then the other rows.
    const merged = new Map<string, TurnRun>();
    for (const [runIndex, { runId, parentRunId = null, status = null, createdAt }] of legacy.runs.entries()) {
      const { sessionId } = run;
      merged.set(runId, { runId, sessionId, parentRunId, status, runIndex, createdAt: createdAt ?? 0 });
    }
    for (const row of rows) {
      merged.set(row.runId, row);
    }
    return [...merged.values()];
  }

  override moveRun(on: SqlConnection, { sessionId }: RunRow<string>): Steps<void> {
    return this.writes.renumberRuns(on, sessionId);
  }

  override closeGaps(on: SqlConnection, sessionId: string): Steps<void> {
    return this.writes.renumberRuns(on, sessionId);
  }

  override *readRun(on: SqlConnection, query: RunQuery): Steps<Run | null> {
    const { runId, userId } = query;
    const [row] = this.#hasRows ? yield* this.reads.runsById(on, [runId]) : [];
    if (row !== undefined) {
      return this.visible(row, userId);
    }
    const legacy = yield* this.legacy.sessionOfRun(on, { runId, userId });
    if (legacy === null || (userId !== null && legacy.session.userId !== userId)) {
      return null;
    }
    return legacy.runs.find((run) => run.runId === runId) ?? null;
  }

  protected override *findRun(on: SqlConnection, query: RunQuery): Steps<RunRow<unknown> | null> {
    return (yield* super.findRun(on, query)) ?? (yield* this.legacy.rowOfRun(on, query));
  }

  override *listRuns(on: SqlConnection, query: RunListQuery): Steps<PageOf<Run, RunPosition>> {
    if (query.sessionId === null) {
      return yield* super.listRuns(on, query);
    }
    const session = yield* this.reads.session(on, query.sessionId);
    if (session === null || (query.userId !== null && session.userId !== query.userId)) {
      return { items: [], next: null, previous: null, unreadable: [] };
    }
    const legacy = yield* this.legacy.runsOf(on, session);
    if (legacy.length === 0 && this.#hasRows) {
      return yield* super.listRuns(on, query);
    }
    return pageOfRuns(legacy, this.#hasRows ? yield* this.#listedRows(on, session.sessionId) : [], query);
  }

  /** The rows of a session, including unreadable ones. */
  *#listedRows(on: SqlConnection, sessionId: string): Steps<ListedRun[]> {
    const listed: ListedRun[] = [];
    for (const row of yield* this.reads.allRuns(on, sessionId)) {
      try {
        listed.push(parseRun(row, this.names.runs));
      } catch (error) {
        if (!(error instanceof CorruptDataError)) {
          throw error;
        }
        const columns = yield* this.reads.runRow(on, row.runId);
        listed.push({ columns: columns ?? { ...row, agentId: null, teamId: null, workflowId: null }, error });
      }
    }
    return listed;
  }

  override *requireRows(on: SqlConnection, what: string): Steps<void> {
    if (!(this.#hasRows && (yield* this.legacy.isEmpty(on)))) {
      const wanted = "runs copied into their own table";
      throw new SchemaMismatchError(
        [{ table: this.names.sessions, column: "runs", wanted, found: "runs of Agno 2" }],
        `To ${what}, call migrateLegacyRuns() first.`,
      );
    }
  }

  /** A run without a row may be in the column of any session. */
  protected override *sessionsOf(on: SqlConnection, { runIds, userId }: RunSelection): Steps<ReadonlySet<string>> {
    const rows = yield* this.reads.namedRuns(on, runIds);
    const sessionIds = new Set(rows.map(({ sessionId }) => sessionId));
    const withRow = new Set(rows.map(({ runId }) => runId));
    for (const runId of runIds.filter((id) => !withRow.has(id))) {
      const legacy = yield* this.legacy.sessionOfRun(on, { runId, userId });
      if (legacy !== null) {
        sessionIds.add(legacy.session.sessionId);
      }
    }
    return sessionIds;
  }
}
