import {
  CorruptDataError,
  RunConflictError,
  SchemaMismatchError,
  type Run,
  type SessionDbError,
} from "@sessiondb/core";
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
  type GivenTimes,
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
import type { LegacyRuns, LegacySession, LegacySessionRuns } from "./legacy-runs.ts";
import { mergedRuns, pageOfRuns, type ListedRun } from "./merged-runs.ts";
import type { TableNames } from "./names.ts";
import { notWritten } from "./not-written.ts";
import { namingArguments } from "./refused-document.ts";
import type { Layout } from "./schema-manager.ts";
import type { RunOfSession, SessionReads, TurnRun } from "./session-reads.ts";
import type { SessionWrites } from "./session-writes.ts";
import type { SqlConnection } from "./sql-driver.ts";
import { parseRun, parseRunData, positionOf, type StoredRun } from "./sql-parts.ts";
import { callOut } from "./retry.ts";
import { readable } from "./statement.ts";
import type { Steps } from "./steps.ts";

/** The statements that flows are made of. */
export interface StatementSets {
  readonly reads: SessionReads;
  readonly writes: SessionWrites;
  readonly legacy: LegacyRuns;
  readonly names: TableNames;
}

/** The contract's operations on runs, as steps in a transaction. */
export class RunFlows {
  readonly #reads: SessionReads;
  readonly #writes: SessionWrites;
  readonly #legacy: LegacyRuns;
  readonly #names: TableNames;

  constructor({ reads, writes, legacy, names }: StatementSets) {
    this.#reads = reads;
    this.#writes = writes;
    this.#legacy = legacy;
    this.#names = names;
  }

  /** The runs wanted of a session, from the rows and, if there is one, the column of Agno 2. */
  *runsOf(
    on: SqlConnection,
    layout: Layout,
    { row, wanted }: { row: LegacySession; wanted: RunsWanted },
  ): Steps<Run[]> {
    if (wanted === "none") {
      return [];
    }
    const legacy = layout.mergeLegacy ? yield* this.#legacy.runsOf(on, row) : [];
    if (legacy.length > 0 || !layout.runsTable) {
      const rows = layout.runsTable ? yield* this.#reads.allRuns(on, row.sessionId) : [];
      return mergedRuns(legacy, this.decode(rows), wanted);
    }
    return this.decode(yield* this.#reads.runsOf(on, row.sessionId, wanted));
  }

  /** `runsOf`, whose fault, if a run cannot be read, comes when the runs are asked for. */
  *runsOrFault(
    on: SqlConnection,
    layout: Layout,
    wanted: { row: LegacySession; wanted: RunsWanted },
  ): Steps<() => Run[]> {
    try {
      const runs = yield* this.runsOf(on, layout, wanted);
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

  *putRun(
    on: SqlConnection,
    layout: Layout,
    { run, keptTimes, argument = "run" }: { run: RunRow<string>; keptTimes: GivenTimes | null; argument?: string },
  ): Steps<void> {
    const keepsTime = keptTimes?.runs.has(run) ?? false;
    const placed = layout.mergeLegacy ? yield* this.#legacy.place(on, run) : run;
    const row = keepsTime ? { ...placed, createdAt: run.createdAt } : placed;
    if (!(yield* namingArguments(this.#writes.putRun(on, row, keepsTime), () => argument))) {
      throw yield* this.refusal(on, run);
    }
  }

  /** Why a run was not written. */
  *refusal(on: SqlConnection, { runId, sessionId }: RunRow<string>): Steps<SessionDbError> {
    const [stored] = yield* this.#reads.runsById(on, [runId]);
    return stored !== undefined && stored.sessionId !== sessionId
      ? new RunConflictError(runId, sessionId)
      : notWritten(`Run ${JSON.stringify(runId)} was not written to ${this.#names.runs}.`);
  }

  /** What a turn's conditions and `deleteRunsAfter` look at. */
  *turnRuns(on: SqlConnection, layout: Layout, write: RunWrite): Steps<TurnRun[]> {
    const { run, conditions, deleteAfter } = write;
    const named = [conditions?.newest, deleteAfter].flatMap((each) => each?.runId ?? []);
    const from = layout.mergeLegacy || deleteAfter?.runId === null ? "the first" : named;
    const rows = yield* this.#reads.turnRuns(on, run, { from, any: conditions?.newest?.runId === null });
    const legacy = layout.mergeLegacy ? yield* this.#legacy.sessionWithRuns(on, run.sessionId) : null;
    if (legacy === null) {
      return rows;
    }
    // In the merged order: that of the column, each replaced by its row, then the other rows.
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

  /** Deletes runs of a session that is locked, from the rows and from the column of Agno 2. */
  *deleteRuns(
    on: SqlConnection,
    layout: Layout,
    { sessionId, runIds }: { sessionId: string; runIds: readonly string[] },
  ): Steps<void> {
    if (runIds.length === 0) {
      return;
    }
    yield* this.#deleteRows(on, runIds);
    const legacy = layout.legacyColumn ? yield* this.#legacy.sessionWithRuns(on, sessionId) : null;
    if (legacy !== null) {
      yield* this.#legacy.remove(on, legacy.session, new Set(runIds));
    }
  }

  /** Deletes the rows of runs, as far as they are still there. */
  *#deleteRows(on: SqlConnection, runIds: readonly string[]): Steps<void> {
    const deleted = yield* this.#writes.deleteRuns(on, runIds);
    const left = deleted < runIds.length ? yield* this.#reads.runsById(on, runIds) : [];
    if (left.length > 0) {
      throw notWritten(`${left.length} of ${runIds.length} runs were not deleted from ${this.#names.runs}.`);
    }
  }

  *changeRun(
    on: SqlConnection,
    layout: Layout,
    { scope, change }: { scope: RunScopeQuery; change: RunChangeFunction },
  ): Steps<Run | null> {
    const { runId, userId } = scope;
    const sessionId = scope.sessionId ?? (yield* this.#findRun(on, layout, scope))?.sessionId ?? null;
    const session = sessionId === null ? null : yield* this.#reads.lockSession(on, sessionId);
    // Read under the lock: the one that held it may have changed or deleted the run.
    const found = session === null ? null : yield* this.#findRun(on, layout, scope);
    if (session === null || found === null || found.sessionId !== session.sessionId) {
      return null;
    }
    if (userId !== null) {
      admitOwner(session, userId, scope.sessionId === null ? runId : null);
    }
    const stored: RunRow = { ...found, runData: parseRunData(found, this.#names.runs, parseSource) };
    const changed = callOut(() => change(stored));
    yield* this.#writes.updateSession(on, session.sessionId, touched(session, userId));
    if (changed === null) {
      yield* this.deleteRuns(on, layout, { sessionId: session.sessionId, runIds: [runId] });
      yield* this.#writes.renumberRuns(on, session.sessionId);
      return null;
    }
    yield* this.putRun(on, layout, { run: changed, keptTimes: null, argument: "change" });
    return decodeRun({ ...parseRunRow(changed), createdAt: stored.createdAt });
  }

  /** The row of a run, not parsed yet; made from the column of Agno 2 where the run is only there. */
  *#findRun(on: SqlConnection, layout: Layout, query: RunQuery): Steps<RunRow<unknown> | null> {
    const row = layout.runsTable ? yield* this.#reads.runRow(on, query.runId) : null;
    return row === null && layout.mergeLegacy ? yield* this.#legacy.rowOfRun(on, query) : row;
  }

  *readRun(on: SqlConnection, layout: Layout, { runId, userId }: RunQuery): Steps<Run | null> {
    const [row] = layout.runsTable ? yield* this.#reads.runsById(on, [runId]) : [];
    if (row !== undefined) {
      return userId === null || row.ownerId === userId ? parseRun(row, this.#names.runs) : null;
    }
    const legacy = layout.mergeLegacy ? yield* this.#legacy.sessionOfRun(on, { runId, userId }) : null;
    if (legacy === null || (userId !== null && legacy.session.userId !== userId)) {
      return null;
    }
    return legacy.runs.find((run) => run.runId === runId) ?? null;
  }

  *listRuns(on: SqlConnection, layout: Layout, query: RunListQuery): Steps<PageOf<Run, RunPosition>> {
    if (query.sessionId === null) {
      yield* this.requireCopiedRuns(on, layout, "Runs can be listed across sessions");
    } else if (layout.mergeLegacy) {
      const row = yield* this.#reads.session(on, query.sessionId);
      if (row === null || (query.userId !== null && row.userId !== query.userId)) {
        return { items: [], next: null, previous: null, unreadable: [] };
      }
      const legacy = yield* this.#legacy.runsOf(on, row);
      if (!layout.runsTable || legacy.length > 0) {
        return pageOfRuns(legacy, layout.runsTable ? yield* this.#listedRows(on, row.sessionId) : [], query);
      }
    }
    const { start } = query;
    const resumed = start && { ...start, position: yield* this.#currentPlace(on, query, start.position) };
    const rows = yield* this.#reads.runs(on, { ...query, start: resumed, limit: query.limit + 1 });
    const page = pageOfRows(rows, query, (row) => positionOf(readable(row)));
    return decodeRows(page, query, {
      decode: (row) => parseRun(readable(row), this.#names.runs),
      idOf: ({ runId }) => runId,
    });
  }

  /** The rows of a session, those that cannot be read among them. */
  *#listedRows(on: SqlConnection, sessionId: string): Steps<ListedRun[]> {
    const listed: ListedRun[] = [];
    for (const row of yield* this.#reads.allRuns(on, sessionId)) {
      try {
        listed.push(parseRun(row, this.#names.runs));
      } catch (error) {
        if (!(error instanceof CorruptDataError)) {
          throw error;
        }
        const columns = yield* this.#reads.runRow(on, row.runId);
        listed.push({ columns: columns ?? { ...row, agentId: null, teamId: null, workflowId: null }, error });
      }
    }
    return listed;
  }

  /** Refuses what needs all runs in the runs table while some are in the column of Agno 2 alone. */
  *requireCopiedRuns(on: SqlConnection, layout: Layout, what: string): Steps<void> {
    if (layout.mergeLegacy && !(layout.runsTable && (yield* this.#legacy.isEmpty(on)))) {
      throw new SchemaMismatchError(
        [
          {
            table: this.#names.sessions,
            column: "runs",
            wanted: "runs copied into their own table",
            found: "runs of Agno 2",
          },
        ],
        `${what} once migrateLegacyRuns() has copied them.`,
      );
    }
  }

  *removeRuns(on: SqlConnection, layout: Layout, { runIds, userId }: RunSelection): Steps<number> {
    const rows = yield* this.#reads.runsById(on, runIds);
    const legacy = layout.legacyColumn ? yield* this.#legacySessionsOf(on, layout, { runIds, userId, rows }) : [];
    const sessionIds = new Set([
      ...rows.map(({ sessionId }) => sessionId),
      ...legacy.map(({ session }) => session.sessionId),
    ]);
    const locked = yield* this.#reads.lockIdentities(on, [...sessionIds]);
    const namedIn = (sessionId: string): string | undefined =>
      rows.find((row) => row.sessionId === sessionId)?.runId ?? runIds[0];
    const deletable = locked.filter((stored) => mayDelete(stored, userId, namedIn(stored.sessionId)));
    const removable = new Set(deletable.map(({ sessionId }) => sessionId));
    const removed = new Set(rows.filter(({ sessionId }) => removable.has(sessionId)).map(({ runId }) => runId));
    yield* this.#deleteRows(on, [...removed]);
    for (const sessionId of removable) {
      yield* this.#writes.renumberRuns(on, sessionId);
    }
    const wanted = new Set(runIds);
    for (const found of legacy) {
      if (removable.has(found.session.sessionId)) {
        for (const { runId } of found.runs) {
          if (wanted.has(runId)) {
            removed.add(runId);
          }
        }
        yield* this.#legacy.remove(on, found.session, wanted);
      }
    }
    return removed.size;
  }

  /**
   * The sessions whose column holds any of the runs. Once all is copied, a run of the column has a row too, so just the
   * sessions of the rows found are looked at; those of other users are refused without being read.
   */
  *#legacySessionsOf(
    on: SqlConnection,
    layout: Layout,
    { runIds, userId, rows }: RunSelection & { readonly rows: readonly RunOfSession[] },
  ): Steps<LegacySessionRuns[]> {
    const found = new Map<string, LegacySessionRuns>();
    const owned = rows.filter(({ ownerId }) => userId === null || ownerId === userId);
    for (const sessionId of new Set(owned.map((row) => row.sessionId))) {
      const legacy = yield* this.#legacy.sessionWithRuns(on, sessionId);
      if (legacy !== null) {
        found.set(sessionId, legacy);
      }
    }
    const withRow = new Set(rows.map(({ runId }) => runId));
    for (const runId of layout.mergeLegacy ? runIds.filter((id) => !withRow.has(id)) : []) {
      const legacy = yield* this.#legacy.sessionOfRun(on, { runId, userId });
      if (legacy !== null) {
        found.set(legacy.session.sessionId, legacy);
      }
    }
    return [...found.values()];
  }

  /**
   * Where the page starts. Deleting runs renumbers the others, so in a session the place of the cursor's run is looked up;
   * a run that was deleted itself has none.
   */
  *#currentPlace(on: SqlConnection, { sessionId, userId }: RunListQuery, position: RunPosition): Steps<RunPosition> {
    if (sessionId === null) {
      return position;
    }
    const [run] = yield* this.#reads.runsById(on, [position.runId]);
    // Of another user's session it is not told whether it has that run.
    if (run === undefined || run.sessionId !== sessionId || (userId !== null && run.ownerId !== userId)) {
      throw goneCursor();
    }
    return positionOf(run);
  }

  decode(rows: readonly StoredRun[]): Run[] {
    return rows.map((row) => parseRun(row, this.#names.runs));
  }
}
