import {
  admitOwner,
  firstPage,
  InvalidArgumentError,
  RunConflictError,
  SchemaMismatchError,
  type PageOf,
  type Run,
  type RunListQuery,
  type RunPosition,
  type RunQuery,
  type RunRow,
  type RunSelection,
  type RunsWanted,
  type SessionRow,
} from "@sessiondb/core";
import { mergedRuns, pageOfRuns, type LegacyRuns, type LegacySessionRuns } from "./legacy-runs.ts";
import type { Layout } from "./schema-manager.ts";
import type { SessionReads } from "./session-reads.ts";
import type { SessionWrites } from "./session-writes.ts";
import type { SqlConnection } from "./sql-dialect.ts";
import { beforeAll, parseRun, type StoredRun } from "./sql-parts.ts";
import type { Steps } from "./steps.ts";
import type { TableNames } from "./names.ts";

/** The statements that flows are made of. */
export interface StatementSets {
  readonly reads: SessionReads;
  readonly writes: SessionWrites;
  readonly legacy: LegacyRuns;
  readonly names: TableNames;
}

/** The contract's operations on runs, as steps inside of a transaction. */
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
  *runsOf(on: SqlConnection, layout: Layout, { row, wanted }: { row: SessionRow; wanted: RunsWanted }): Steps<Run[]> {
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

  *putRun(on: SqlConnection, layout: Layout, run: RunRow<string>): Steps<void> {
    const placed = layout.mergeLegacy ? yield* this.#legacy.place(on, run) : run;
    if (!(yield* this.#writes.putRun(on, placed))) {
      throw new RunConflictError(run.runId, run.sessionId);
    }
  }

  *readRun(on: SqlConnection, layout: Layout, { runId, userId }: RunQuery): Steps<Run | null> {
    const [row] = layout.runsTable ? yield* this.#reads.runsById(on, [runId]) : [];
    if (row !== undefined) {
      return userId === null || row.ownerId === userId ? parseRun(row, this.#names.runs) : null;
    }
    const legacy = layout.mergeLegacy ? yield* this.#legacy.sessionOfRun(on, runId) : null;
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
        return { items: [], next: null };
      }
      if (!layout.runsTable || (yield* this.#legacy.runsOf(on, row)).length > 0) {
        return pageOfRuns(yield* this.runsOf(on, layout, { row, wanted: "all" }), query);
      }
    }
    const after = query.after && (yield* this.#currentPlace(on, query, query.after));
    const rows = yield* this.#reads.runs(on, { ...query, after, limit: query.limit + 1 });
    const { items, next } = firstPage(rows, query.limit, (row) => ({ ...row, runIndex: row.runIndex ?? beforeAll }));
    return { items: this.decode(items), next };
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
    const legacy = layout.legacyColumn ? yield* this.#legacySessionsOf(on, layout, { runIds, rows }) : [];
    const sessionIds = new Set([
      ...rows.map(({ sessionId }) => sessionId),
      ...legacy.map(({ session }) => session.sessionId),
    ]);
    const removable = new Set<string>();
    for (const sessionId of [...sessionIds].toSorted()) {
      const stored = yield* this.#reads.lockIdentity(on, sessionId);
      if (stored !== null && (userId === null || !admitOwner(stored, userId))) {
        removable.add(sessionId);
      }
    }
    const removed = new Set(rows.filter(({ sessionId }) => removable.has(sessionId)).map(({ runId }) => runId));
    yield* this.#writes.deleteRuns(on, [...removed]);
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
   * sessions of the rows found are looked at.
   */
  *#legacySessionsOf(
    on: SqlConnection,
    layout: Layout,
    { runIds, rows }: { runIds: readonly string[]; rows: readonly StoredRun[] },
  ): Steps<LegacySessionRuns[]> {
    const found = new Map<string, LegacySessionRuns>();
    for (const sessionId of new Set(rows.map((row) => row.sessionId))) {
      const legacy = yield* this.#legacy.sessionWithRuns(on, sessionId);
      if (legacy !== null) {
        found.set(sessionId, legacy);
      }
    }
    const withRow = new Set(rows.map(({ runId }) => runId));
    for (const runId of layout.mergeLegacy ? runIds.filter((id) => !withRow.has(id)) : []) {
      const legacy = yield* this.#legacy.sessionOfRun(on, runId);
      if (legacy !== null) {
        found.set(legacy.session.sessionId, legacy);
      }
    }
    return [...found.values()];
  }

  /**
   * Where the list goes on. Deleting runs renumbers the others, so in a session the place of the cursor's run is looked up;
   * a run that was deleted itself has none.
   */
  *#currentPlace(on: SqlConnection, { sessionId }: RunListQuery, after: RunPosition): Steps<RunPosition> {
    if (sessionId === null) {
      return after;
    }
    const [run] = yield* this.#reads.runsById(on, [after.runId]);
    if (run === undefined || run.sessionId !== sessionId) {
      throw new InvalidArgumentError("cursor", "of a run that is still there; start again without a cursor");
    }
    return { ...after, runIndex: run.runIndex ?? beforeAll };
  }

  decode(rows: readonly StoredRun[]): Run[] {
    return rows.map((row) => parseRun(row, this.#names.runs));
  }
}
