import { RunConflictError, type Run, type SessionDbError } from "@sessiondb/core";
import {
  admitOwner,
  decodeRows,
  decodeRun,
  goneCursor,
  mayDelete,
  pageOfRows,
  parseRunRow,
  parseSource,
  touched,
  type PageOf,
  type RunChangeFunction,
  type RunListQuery,
  type RunPosition,
  type RunQuery,
  type RunRow,
  type RunScopeQuery,
  type RunSelection,
  type RunsWanted,
  type RunWrite,
} from "@sessiondb/core/adapter";
import type { TableNames } from "./names.ts";
import { notWritten } from "./not-written.ts";
import { namingArguments } from "./refused-document.ts";
import { callOut } from "./retry.ts";
import type { RunOfSession, SessionReads, TurnRun } from "./session-reads.ts";
import type { SessionWrites } from "./session-writes.ts";
import type { SqlConnection } from "./sql-driver.ts";
import { parseRun, parseRunData, positionOf, type ListedRow, type RawSession, type StoredRun } from "./sql-parts.ts";
import type { StatementSets } from "./statement-sets.ts";
import { readable } from "./statement.ts";
import type { Steps } from "./steps.ts";

/** A session with its runs, which are decoded only once the session may be seen. */
export interface WholeSession {
  readonly session: RawSession;
  readonly runs: () => Run[];
}

/** A run to write. */
export interface PutRun {
  readonly run: RunRow<string>;
  /** Whether a stored run takes over the given creation time. */
  readonly keepsTime?: boolean;
  /** The caller's name for the run. */
  readonly argument?: string;
}

/** The contract's operations on runs, as steps in a transaction. */
export class RunFlows {
  /** Whether the runs table holds all runs that exist. */
  readonly areAllRows: boolean = true;
  protected readonly reads: SessionReads;
  protected readonly writes: SessionWrites;
  protected readonly names: TableNames;

  constructor({ reads, writes, names }: StatementSets) {
    this.reads = reads;
    this.writes = writes;
    this.names = names;
  }

  *sessionWithRuns(on: SqlConnection, sessionId: string, wanted: RunsWanted): Steps<WholeSession | null> {
    const found = yield* this.reads.sessionWithRuns(on, sessionId, wanted);
    return found && { session: found.session, runs: () => this.decode(found.runs) };
  }

  /** The sessions of a page, by id, without those deleted since the page was read. */
  *withRuns(
    on: SqlConnection,
    page: readonly ListedRow[],
    wanted: Exclude<RunsWanted, "none">,
  ): Steps<ReadonlyMap<string, WholeSession>> {
    const found = page.length === 0 ? [] : yield* this.reads.withRuns(on, page, wanted);
    const whole = new Map<string, WholeSession>();
    for (const [sessionId, { session, runs }] of found) {
      whole.set(sessionId, { session, runs: () => this.decode(runs) });
    }
    return whole;
  }

  *putRun(on: SqlConnection, { run, keepsTime = false, argument = "run" }: PutRun): Steps<void> {
    if (!(yield* namingArguments(this.writes.putRun(on, run, keepsTime), () => argument))) {
      throw yield* this.refusal(on, run);
    }
  }

  /** Returns the reason why a run was not written. */
  *refusal(on: SqlConnection, { runId, sessionId }: RunRow<string>): Steps<SessionDbError> {
    const [stored] = yield* this.reads.runsById(on, [runId]);
    return stored !== undefined && stored.sessionId !== sessionId
      ? new RunConflictError(runId, sessionId)
      : notWritten(`Run ${JSON.stringify(runId)} was not written to ${this.names.runs}.`);
  }

  /** The runs that a turn's conditions and `deleteRunsAfter` examine. */
  *turnRuns(on: SqlConnection, { run, conditions, deleteAfter }: RunWrite): Steps<TurnRun[]> {
    const named = [conditions?.newest, deleteAfter].flatMap((each) => each?.runId ?? []);
    const from = deleteAfter?.runId === null ? "the first" : named;
    return yield* this.reads.turnRuns(on, run, { from, any: conditions?.newest?.runId === null });
  }

  /** Moves a run to the place freed by the deletion of runs before it. */
  moveRun(on: SqlConnection, { runId }: RunRow<string>, place: number): Steps<void> {
    return this.writes.setRunIndex(on, runId, place);
  }

  /** Moves the runs of a session up to the places of those deleted. */
  closeGaps(on: SqlConnection, sessionId: string, places: readonly (number | null)[]): Steps<void> {
    return this.writes.closeGaps(on, sessionId, places);
  }

  /** Deletes runs of a locked session. */
  *deleteRuns(on: SqlConnection, _sessionId: string, runIds: readonly string[]): Steps<void> {
    yield* this.#deleteRows(on, runIds);
  }

  /** Deletes the rows of runs that still exist. */
  *#deleteRows(on: SqlConnection, runIds: readonly string[]): Steps<void> {
    const deleted = yield* this.writes.deleteRuns(on, runIds);
    const left = deleted < runIds.length ? yield* this.reads.runsById(on, runIds) : [];
    if (left.length > 0) {
      throw notWritten(`${left.length} of ${runIds.length} runs were not deleted from ${this.names.runs}.`);
    }
  }

  *changeRun(on: SqlConnection, scope: RunScopeQuery, change: RunChangeFunction): Steps<Run | null> {
    const { runId, userId } = scope;
    const sessionId = scope.sessionId ?? (yield* this.findRun(on, scope))?.sessionId ?? null;
    const session = sessionId === null ? null : yield* this.reads.lockSession(on, sessionId);
    // Read under the lock: its previous holder may have changed or deleted the run.
    const found = session === null ? null : yield* this.findRun(on, scope);
    if (session === null || found === null || found.sessionId !== session.sessionId) {
      return null;
    }
    if (userId !== null) {
      admitOwner(session, userId, scope.sessionId === null ? runId : null);
    }
    const stored: RunRow = { ...found, runData: parseRunData(found, this.names.runs, parseSource) };
    const changed = callOut(() => change(stored));
    yield* this.writes.updateSession(on, session.sessionId, touched(session, userId));
    if (changed === null) {
      yield* this.deleteRuns(on, session.sessionId, [runId]);
      yield* this.writes.closeGaps(on, session.sessionId, [found.runIndex]);
      return null;
    }
    yield* this.putRun(on, { run: changed, argument: "change" });
    return decodeRun({ ...parseRunRow(changed), createdAt: stored.createdAt });
  }

  /** The row of a run, not parsed yet. */
  protected *findRun(on: SqlConnection, { runId }: RunQuery): Steps<RunRow<unknown> | null> {
    return yield* this.reads.runRow(on, runId);
  }

  *readRun(on: SqlConnection, { runId, userId }: RunQuery): Steps<Run | null> {
    const [row] = yield* this.reads.runsById(on, [runId]);
    return row === undefined ? null : this.visible(row, userId);
  }

  /** Returns a run to a user who may see it, else null. */
  protected visible(row: RunOfSession, userId: string | null): Run | null {
    return userId === null || row.ownerId === userId ? parseRun(row, this.names.runs) : null;
  }

  *listRuns(on: SqlConnection, query: RunListQuery): Steps<PageOf<Run, RunPosition>> {
    const { sessionId, start } = query;
    if (sessionId === null) {
      yield* this.requireRows(on, "list runs across sessions");
    }
    const resumed = start && { ...start, position: yield* this.#currentPlace(on, query, start.position) };
    const rows = yield* this.reads.runs(on, { ...query, start: resumed, limit: query.limit + 1 });
    const page = pageOfRows(rows, query, (row) => positionOf(readable(row)));
    return decodeRows(page, query, {
      decode: (row) => parseRun(readable(row), this.names.runs),
      idOf: ({ runId }) => runId,
    });
  }

  /** Refuses `what` unless all runs are in the runs table. */
  *requireRows(_on: SqlConnection, _what: string): Steps<void> {}

  /** Deletes runs and closes the gaps. Returns their ids. */
  *removeRuns(on: SqlConnection, selection: RunSelection): Steps<ReadonlySet<string>> {
    return (yield* this.removeRows(on, selection)).removed;
  }

  /** The ids of the sessions that have any of the runs. */
  protected *sessionsOf(on: SqlConnection, { runIds }: RunSelection): Steps<ReadonlySet<string>> {
    return new Set((yield* this.reads.namedRuns(on, runIds)).map(({ sessionId }) => sessionId));
  }

  /**
   * Locks the sessions of runs and deletes the rows of these runs. Returns the ids of the deleted runs, and of the
   * locked sessions whose runs may be deleted.
   */
  protected *removeRows(
    on: SqlConnection,
    selection: RunSelection,
  ): Steps<{ removed: Set<string>; sessionIds: ReadonlySet<string> }> {
    const { runIds, userId } = selection;
    const locked = yield* this.reads.lockIdentities(on, [...(yield* this.sessionsOf(on, selection))]);
    // Read anew under the locks: while this call waited for them, others may have deleted a run, copied it out of Agno
    // 2's column, or stored another of its id. One that is in no locked session by now was deleted by somebody else.
    const stored = locked.length === 0 ? [] : yield* this.reads.namedRuns(on, runIds);
    const deletable = locked.filter((session) => {
      const held = stored.find(({ sessionId }) => sessionId === session.sessionId);
      return (held !== undefined || !this.areAllRows) && mayDelete(session, userId, held?.runId ?? runIds[0]);
    });
    const sessionIds = new Set(deletable.map(({ sessionId }) => sessionId));
    const rows = stored.filter(({ sessionId }) => sessionIds.has(sessionId));
    const removed = new Set(rows.map(({ runId }) => runId));
    yield* this.#deleteRows(on, [...removed]);
    for (const sessionId of sessionIds) {
      const places = rows.filter((row) => row.sessionId === sessionId).map(({ runIndex }) => runIndex);
      yield* this.writes.closeGaps(on, sessionId, places);
    }
    return { removed, sessionIds };
  }

  /**
   * The start of the page. Deleting runs renumbers the others, so in a session the current place of the cursor's run is
   * looked up. A deleted run has none.
   */
  *#currentPlace(on: SqlConnection, { sessionId, userId }: RunListQuery, position: RunPosition): Steps<RunPosition> {
    if (sessionId === null) {
      return position;
    }
    const [run] = yield* this.reads.runsById(on, [position.runId]);
    // Do not reveal whether another user's session has that run.
    if (run === undefined || run.sessionId !== sessionId || (userId !== null && run.ownerId !== userId)) {
      throw goneCursor();
    }
    return positionOf(run);
  }

  decode(rows: readonly StoredRun[]): Run[] {
    return rows.map((row) => parseRun(row, this.names.runs));
  }
}
