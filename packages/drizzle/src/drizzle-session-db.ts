import {
  admitOwner,
  admitType,
  BaseSessionDb,
  decodeSession,
  replacedColumns,
  RunConflictError,
  SchemaMismatchError,
  parseSessionRow,
  touchedAt,
  withColumns,
  type LegacyRunsProgress,
  type MigrateLegacyRunsOptions,
  type PageOf,
  type Run,
  type RunListQuery,
  type RunPosition,
  type RunQuery,
  type RunRow,
  type RunSelection,
  type RunsWanted,
  type RunWrite,
  type SchemaProblem,
  type ScopeQuery,
  type Session,
  type SessionChangeFunction,
  type SessionConditions,
  type SessionDbLimits,
  type SessionListQuery,
  type SessionPosition,
  type SessionQuery,
  type SessionRow,
  type SessionSelection,
  type SessionWrite,
} from "@sessiondb/core";
import { LegacyRuns, mergedRuns, pageOfRuns, type CopiedBatch, type LegacySessionRuns } from "./legacy-runs.ts";
import type { TableNames } from "./names.ts";
import { callOut, withRetry } from "./retry.ts";
import { SchemaManager, type Layout } from "./schema-manager.ts";
import { SessionReads } from "./session-reads.ts";
import { SessionWrites, type AppendOutcome } from "./session-writes.ts";
import type { SqlConnection, SqlDialect, SqlDriver } from "./sql-dialect.ts";
import { parseRun, type StoredRun } from "./sql-parts.ts";
import type { Steps } from "./steps.ts";

export interface DrizzleSessionDbOptions {
  readonly driver: SqlDriver;
  readonly dialect: SqlDialect;
  readonly limits: SessionDbLimits;
  /** Whether the first operation creates missing tables. */
  readonly autoMigrate: boolean;
  readonly reads?: SessionReads;
  readonly writes?: SessionWrites;
}

/** How many sessions a delete by filter locks at a time. */
const deleteBatch = 500;

/**
 * The contract over two tables of an SQL database. The rules are here, once; statements are in `SessionReads` and
 * `SessionWrites`, and a dialect adds what it spells differently and how its driver runs them.
 */
export class DrizzleSessionDb extends BaseSessionDb {
  readonly #driver: SqlDriver;
  readonly #schema: SchemaManager;
  readonly #reads: SessionReads;
  readonly #writes: SessionWrites;
  readonly #legacy: LegacyRuns;
  readonly #names: TableNames;

  constructor({ driver, dialect, limits, autoMigrate, reads, writes }: DrizzleSessionDbOptions) {
    super(limits);
    this.#driver = driver;
    this.#reads = reads ?? new SessionReads(dialect);
    this.#writes = writes ?? new SessionWrites(dialect);
    this.#legacy = new LegacyRuns(dialect, { reads: this.#reads, writes: this.#writes });
    this.#schema = new SchemaManager({ driver, dialect, legacy: this.#legacy, autoMigrate });
    this.#names = dialect.names;
  }

  protected override readSession(query: SessionQuery): Promise<Session | null> {
    return this.#read((on, layout) => this.#readSession(on, layout, query));
  }

  *#readSession(on: SqlConnection, layout: Layout, query: SessionQuery): Steps<Session | null> {
    const merges = layout.mergeLegacy;
    const found = yield* this.#reads.sessionWithRuns(on, query.sessionId, merges ? "none" : query.runs);
    if (found === null || !isVisible(found.session, query)) {
      return null;
    }
    const { session: row, runs } = found;
    return decodeSession(
      row,
      merges ? yield* this.#runsOf(on, layout, { row, wanted: query.runs }) : this.#decode(runs),
    );
  }

  protected override listSessions(
    query: SessionListQuery,
  ): Promise<PageOf<Session, SessionPosition> & { total: number | null }> {
    return this.#read((on, layout) => this.#listSessions(on, layout, query));
  }

  *#listSessions(
    on: SqlConnection,
    layout: Layout,
    query: SessionListQuery,
  ): Steps<PageOf<Session, SessionPosition> & { total: number | null }> {
    if (query.participantId !== null) {
      yield* this.#requireCopiedRuns(on, layout, "Participants can be listed");
    }
    // One row more than asked for tells whether there is a next page.
    const rows = yield* this.#reads.sessions(on, { ...query, limit: query.limit + 1 });
    const page = rows.slice(0, query.limit);
    const items: Session[] = [];
    for (const row of page) {
      items.push(decodeSession(row, yield* this.#runsOf(on, layout, { row, wanted: query.runs })));
    }
    const last = page.at(-1);
    return {
      items,
      next: last !== undefined && rows.length > page.length ? sessionPosition(last, query.sortBy) : null,
      total: query.includeTotal ? yield* this.#reads.countSessions(on, query) : null,
    };
  }

  *#runsOf(on: SqlConnection, layout: Layout, { row, wanted }: { row: SessionRow; wanted: RunsWanted }): Steps<Run[]> {
    if (wanted === "none") {
      return [];
    }
    const legacy = layout.mergeLegacy ? yield* this.#legacy.runsOf(on, row) : [];
    if (legacy.length > 0 || !layout.runsTable) {
      const rows = layout.runsTable ? yield* this.#reads.allRuns(on, row.sessionId) : [];
      return mergedRuns(legacy, this.#decode(rows), wanted);
    }
    return this.#decode(yield* this.#reads.runsOf(on, row.sessionId, wanted));
  }

  protected override writeSessions(writes: readonly SessionWrite[]): Promise<Session[]> {
    return this.#write((on, layout) => this.#writeSessions(on, layout, writes));
  }

  *#writeSessions(on: SqlConnection, layout: Layout, writes: readonly SessionWrite[]): Steps<Session[]> {
    const written: Session[] = [];
    for (const { session, runs } of writes) {
      const stored = yield* this.#claim(on, session);
      const columns = stored === null ? {} : { ...replacedColumns(session), ...touch(stored, session.userId) };
      if (stored !== null) {
        yield* this.#writes.updateSession(on, session.sessionId, columns);
      }
      for (const run of runs) {
        yield* this.#putRun(on, layout, run);
      }
      written.push(decodeSession(stored === null ? parseSessionRow(session) : withColumns(stored, columns), []));
    }
    return written;
  }

  /** Inserts a session and gives null, or locks and gives the stored one once it is clear that it may be written. */
  *#claim(on: SqlConnection, session: SessionRow<string>): Steps<SessionRow | null> {
    // Between a refused insert and the lock another process may delete the row: then it is inserted after all.
    while (!(yield* this.#writes.insertSession(on, session))) {
      const stored = yield* this.#reads.lockSession(on, session.sessionId);
      if (stored !== null) {
        admitOwner(stored, session.userId);
        admitType(stored, session.sessionType);
        return stored;
      }
    }
    return null;
  }

  *#putRun(on: SqlConnection, layout: Layout, run: RunRow<string>): Steps<void> {
    const placed = layout.mergeLegacy ? yield* this.#legacy.place(on, run) : run;
    if (!(yield* this.#writes.putRun(on, placed))) {
      throw new RunConflictError(run.runId, run.sessionId);
    }
  }

  protected override changeSession(scope: ScopeQuery, change: SessionChangeFunction): Promise<Session | null> {
    return this.#write((on) => this.#changeSession(on, scope, change));
  }

  *#changeSession(
    on: SqlConnection,
    { sessionId, sessionType, userId }: ScopeQuery,
    change: SessionChangeFunction,
  ): Steps<Session | null> {
    const stored = yield* this.#reads.lockSession(on, sessionId);
    if (stored === null) {
      return null;
    }
    if (userId !== null) {
      admitOwner(stored, userId);
    }
    if (sessionType !== null) {
      admitType(stored, sessionType);
    }
    const columns = { ...callOut(() => change(stored)), ...touch(stored, userId) };
    yield* this.#writes.updateSession(on, sessionId, columns);
    return decodeSession(withColumns(stored, columns), []);
  }

  protected override async writeRun(write: RunWrite): Promise<void> {
    const layout = await this.#writable();
    const { session, run, change } = write;
    if (this.#writes.appendsInOneStatement && change === null && !layout.mergeLegacy) {
      const append = (): Promise<AppendOutcome> =>
        this.#driver.single((on) => this.#writes.appendRun(on, session, run));
      if ((await withRetry(append, this.#driver)) === "stored") {
        return;
      }
    }
    await this.#write((on) => this.#writeRun(on, layout, write));
  }

  *#writeRun(on: SqlConnection, layout: Layout, { session, run, change }: RunWrite): Steps<void> {
    if (change === null && !layout.mergeLegacy) {
      const outcome = yield* this.#writes.appendRun(on, session, run);
      if (outcome === "stored") {
        return;
      }
      if (outcome === "run refused") {
        throw new RunConflictError(run.runId, run.sessionId);
      }
    }
    const stored = yield* this.#claim(on, session);
    const columns = {
      ...callOut(() => change?.(stored ?? parseSessionRow(session))),
      ...(stored !== null && touch(stored, session.userId)),
    };
    if (Object.keys(columns).length > 0) {
      yield* this.#writes.updateSession(on, session.sessionId, columns);
    }
    yield* this.#putRun(on, layout, run);
  }

  protected override removeSessions(selection: SessionSelection): Promise<number> {
    return this.#write((on, layout) =>
      "conditions" in selection
        ? this.#removeMatching(on, layout, selection.conditions)
        : this.#removeNamed(on, selection),
    );
  }

  *#removeMatching(on: SqlConnection, layout: Layout, conditions: SessionConditions): Steps<number> {
    if (conditions.participantId !== null) {
      yield* this.#requireCopiedRuns(on, layout, "Sessions can be deleted by participant");
    }
    let removed = 0;
    for (;;) {
      const batch = yield* this.#reads.lockSessions(on, conditions, deleteBatch);
      removed += yield* this.#writes.deleteSessions(
        on,
        batch.map(({ sessionId }) => sessionId),
      );
      if (batch.length < deleteBatch) {
        return removed;
      }
    }
  }

  *#removeNamed(
    on: SqlConnection,
    { sessionIds, userId }: Extract<SessionSelection, { sessionIds: unknown }>,
  ): Steps<number> {
    const removable: string[] = [];
    // In the order of their ids, so that two deletes of the same sessions never wait for each other.
    for (const sessionId of [...sessionIds].toSorted()) {
      const stored = yield* this.#reads.lockIdentity(on, sessionId);
      if (stored !== null && (userId === null || !admitOwner(stored, userId))) {
        removable.push(sessionId);
      }
    }
    return yield* this.#writes.deleteSessions(on, removable);
  }

  protected override readRun(query: RunQuery): Promise<Run | null> {
    return this.#read((on, layout) => this.#readRun(on, layout, query));
  }

  *#readRun(on: SqlConnection, layout: Layout, { runId, userId }: RunQuery): Steps<Run | null> {
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

  protected override listRuns(query: RunListQuery): Promise<PageOf<Run, RunPosition>> {
    return this.#read((on, layout) => this.#listRuns(on, layout, query));
  }

  *#listRuns(on: SqlConnection, layout: Layout, query: RunListQuery): Steps<PageOf<Run, RunPosition>> {
    if (query.sessionId === null) {
      yield* this.#requireCopiedRuns(on, layout, "Runs can be listed across sessions");
    } else if (layout.mergeLegacy) {
      return yield* this.#listMergedRuns(on, layout, { ...query, sessionId: query.sessionId });
    }
    // Deleting runs renumbers the others: a cursor goes on after its run's place of now.
    const after = query.after && ((yield* this.#reads.position(on, query.after.runId)) ?? query.after);
    const rows = yield* this.#reads.runs(on, { ...query, after, limit: query.limit + 1 });
    const page = rows.slice(0, query.limit);
    const last = page.at(-1);
    return {
      items: this.#decode(page),
      next: last !== undefined && rows.length > page.length ? { ...last, runIndex: last.runIndex ?? 0 } : null,
    };
  }

  *#listMergedRuns(
    on: SqlConnection,
    layout: Layout,
    query: RunListQuery & { sessionId: string },
  ): Steps<PageOf<Run, RunPosition>> {
    const row = yield* this.#reads.session(on, query.sessionId);
    if (row === null || (query.userId !== null && row.userId !== query.userId)) {
      return { items: [], next: null };
    }
    return pageOfRuns(yield* this.#runsOf(on, layout, { row, wanted: "all" }), query);
  }

  /** Refuses what needs all runs in the runs table while some are in the column of Agno 2 alone. */
  *#requireCopiedRuns(on: SqlConnection, layout: Layout, what: string): Steps<void> {
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

  protected override removeRuns(selection: RunSelection): Promise<number> {
    return this.#write((on, layout) => this.#removeRuns(on, layout, selection));
  }

  *#removeRuns(on: SqlConnection, layout: Layout, { runIds, userId }: RunSelection): Steps<number> {
    const rows = yield* this.#reads.runsById(on, runIds);
    const legacy = layout.legacyColumn ? yield* this.#legacySessionsOf(on, runIds) : [];
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

  *#legacySessionsOf(on: SqlConnection, runIds: readonly string[]): Steps<LegacySessionRuns[]> {
    const found = new Map<string, LegacySessionRuns>();
    for (const runId of runIds) {
      const legacy = yield* this.#legacy.sessionOfRun(on, runId);
      if (legacy !== null) {
        found.set(legacy.session.sessionId, legacy);
      }
    }
    return [...found.values()];
  }

  protected override applyMigration(): Promise<void> {
    return this.#schema.migrate();
  }

  protected override pendingStatements(): Promise<readonly string[]> {
    return this.#schema.plan();
  }

  protected override schemaProblems(): Promise<readonly SchemaProblem[]> {
    return this.#schema.problems();
  }

  protected override async copyLegacyRuns({
    batchSize = 100,
    onProgress,
    signal,
  }: MigrateLegacyRunsOptions): Promise<LegacyRunsProgress> {
    const { legacyColumn } = await this.#schema.ready();
    let progress: LegacyRunsProgress = { sessions: 0, runs: 0, skipped: 0 };
    if (!legacyColumn) {
      return progress;
    }
    let after: string | null = null;
    do {
      signal?.throwIfAborted();
      const from: string | null = after;
      const batch: CopiedBatch = await this.#write((on) => this.#legacy.copyBatch(on, from, batchSize));
      progress = {
        sessions: progress.sessions + batch.sessions,
        runs: progress.runs + batch.runs,
        skipped: progress.skipped + batch.skipped,
      };
      onProgress?.(progress);
      after = batch.lastSessionId;
    } while (after !== null);
    // With a run left out the column must go on being read, or that run would be lost from sight.
    if (progress.skipped === 0) {
      await this.#write((on) => this.#legacy.markCopied(on));
      this.#schema.forget();
    }
    return progress;
  }

  protected override release(): Promise<void> {
    return this.#driver.close();
  }

  #decode(rows: readonly StoredRun[]): Run[] {
    return rows.map((row) => parseRun(row, this.#names.runs));
  }

  async #read<Result>(work: (on: SqlConnection, layout: Layout) => Steps<Result>): Promise<Result> {
    const layout = await this.#schema.ready();
    return withRetry(() => this.#driver.read((on) => work(on, layout)), this.#driver);
  }

  async #write<Result>(work: (on: SqlConnection, layout: Layout) => Steps<Result>): Promise<Result> {
    const layout = await this.#writable();
    return withRetry(() => this.#driver.write((on) => work(on, layout)), this.#driver);
  }

  async #writable(): Promise<Layout> {
    const layout = await this.#schema.ready();
    if (!layout.runsTable) {
      throw new SchemaMismatchError(
        [{ table: this.#names.runs, column: null, wanted: "a table", found: "nothing" }],
        "Nothing can be written before migrate() has created it.",
      );
    }
    return layout;
  }
}

function isVisible(row: SessionRow, { sessionType, userId }: Pick<ScopeQuery, "sessionType" | "userId">): boolean {
  return (sessionType === null || row.sessionType === sessionType) && (userId === null || row.userId === userId);
}

/** What every write changes of a stored session: when it was used last, and its owner if it had none. */
function touch(stored: SessionRow, userId: string | null): Partial<SessionRow<string>> {
  const adopted = stored.userId === null && userId !== null;
  return { updatedAt: touchedAt(stored), ...(adopted && { userId }) };
}

function sessionPosition(row: SessionRow, sortBy: SessionListQuery["sortBy"]): SessionPosition {
  const timestamp = sortBy === "createdAt" ? row.createdAt : (row.updatedAt ?? row.createdAt);
  return { timestamp, sessionId: row.sessionId };
}
