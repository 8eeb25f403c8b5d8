import { BaseSessionDb } from "./base-session-db.ts";
import { count, readOptions, type OptionReaders } from "./option-readers.ts";
import {
  compareRuns,
  compareSessions,
  decodeRows,
  goneCursor,
  isVisible,
  meetsConditions,
  meetsRunConditions,
  pageOfAll,
  sessionPosition,
} from "./list-rules.ts";
import { InMemoryMemoryDb } from "./in-memory-memory-db.ts";
import type { MemoryDb } from "./memory-db.ts";
import { decodeRun } from "./models/run-codec.ts";
import type { Run } from "./models/runs.ts";
import { decodeHeader, decodeSession, withRunCount } from "./models/session-codec.ts";
import type { Session, SessionHeader } from "./models/sessions.ts";
import type { UpsertRunResult } from "./options.ts";
import type {
  DeletedBatch,
  GivenTimes,
  MatchingSelection,
  PageOf,
  RunChangeFunction,
  RunListQuery,
  RunPosition,
  RunQuery,
  RunScopeQuery,
  RunSelection,
  RunsWanted,
  RunWrite,
  ScopeQuery,
  SessionChangeFunction,
  SessionConditions,
  SessionListQuery,
  SessionPageOf,
  SessionQuery,
  SessionSelection,
  SessionWrite,
} from "./queries.ts";
import type { RunRow, SessionRow } from "./rows.ts";
import {
  admitOwner,
  admitType,
  admitted,
  checkRun,
  filledColumns,
  isHistoryRun,
  keptColumns,
  mayDelete,
  parseRunRow,
  parseSessionRow,
  replacedColumns,
  runsToDelete,
  sessionNameOf,
  touched,
  unmetCondition,
} from "./session-rules.ts";

export interface InMemorySessionDbOptions {
  /** The largest JSON document, in bytes of UTF-8. Default 64 MiB. */
  maxPayloadBytes?: number;
}

const optionReaders = {
  maxPayloadBytes: count({ from: 1, otherwise: 64 * 1024 * 1024 }),
} satisfies OptionReaders<InMemorySessionDbOptions>;

/** A session's row and its runs in order. The `runIndex` of a run is its place in the list. */
interface StoredSession {
  row: SessionRow<string>;
  runs: StoredRun[];
}

type StoredRun = RunRow<string> & { runIndex: number };

/**
 * The contract in its plainest form: for tests, for experiments, and to read before writing an adapter. Nothing
 * outlives the process. It keeps rows as the JSON text a database would hold, so it never shares objects with callers.
 * No method waits for anything, so calls never interleave and a signal has nothing to interrupt.
 */
export class InMemorySessionDb extends BaseSessionDb {
  readonly #sessions = new Map<string, StoredSession>();
  readonly #runs = new Map<string, StoredRun>();
  readonly #memories: InMemoryMemoryDb;

  constructor(options: InMemorySessionDbOptions = {}) {
    const { maxPayloadBytes } = readOptions(options, optionReaders);
    super({ maxIdLength: 255, maxPayloadBytes }, "memory");
    this.#memories = new InMemoryMemoryDb({
      limits: this.limits,
      perform: (method, call, operation) => this.perform(method, call, operation),
    });
  }

  override get memories(): MemoryDb {
    return this.#memories;
  }

  protected override async readSession(query: SessionQuery): Promise<Session | SessionHeader | null> {
    const stored = this.#sessions.get(query.sessionId);
    return stored !== undefined && isVisible(stored.row, query) ? decode(stored, query.runs) : null;
  }

  protected override async listSessions(query: SessionListQuery): Promise<SessionPageOf<Session | SessionHeader>> {
    const matching = this.#matching(query);
    const page = pageOfAll(matching, query, {
      compare: compareSessions(query),
      positionOf: ({ row }) => sessionPosition(row, query.sortBy),
    });
    const listed = decodeRows(page, query, {
      decode: (stored) => withRunCount(decode(stored, query.runs), query.includeRunCount ? stored.runs.length : null),
      idOf: ({ row }) => row.sessionId,
    });
    return { ...listed, total: query.includeTotal ? matching.length : null };
  }

  protected override async writeSessions(writes: readonly SessionWrite[]): Promise<SessionHeader[]> {
    // A later write may use a session that an earlier one creates, so all are tried on a copy of the stored sessions.
    const draft = new InMemorySessionDb();
    for (const stored of this.#concernedBy(writes)) {
      draft.#put({ row: stored.row, runs: [...stored.runs] });
    }
    const written = writes.map(({ session, runs, keptTimes }) => {
      const existing = draft.#admitted(session);
      const stored = existing ?? draft.#put({ row: session, runs: [] });
      if (existing !== null) {
        update(existing, session.userId, { ...replacedColumns(session), ...keptColumns(keptTimes) });
      }
      for (const run of runs) {
        draft.#putRun(stored, run, keptTimes);
      }
      return decodeHeader(parseSessionRow(stored.row));
    });
    for (const stored of draft.#sessions.values()) {
      this.#put(stored);
    }
    return written;
  }

  protected override async changeSession(
    { sessionId, sessionType, userId }: ScopeQuery,
    change: SessionChangeFunction,
  ): Promise<SessionHeader | null> {
    const stored = this.#sessions.get(sessionId);
    if (stored === undefined) {
      return null;
    }
    if (userId !== null) {
      admitOwner(stored.row, userId);
    }
    if (sessionType !== null) {
      admitType(stored.row, sessionType);
    }
    update(stored, userId, change(parseSessionRow(stored.row)));
    return decodeHeader(parseSessionRow(stored.row));
  }

  protected override async removeSessions({ sessionIds, userId }: SessionSelection): Promise<number> {
    const named = sessionIds.flatMap((sessionId) => this.#sessions.get(sessionId) ?? []);
    return this.#remove(named.filter(({ row }) => mayDelete(row, userId)));
  }

  protected override async removeMatching({ conditions, limit }: MatchingSelection): Promise<DeletedBatch> {
    const matching = this.#matching(conditions);
    // Each batch finds what those before it have left.
    return { deleted: this.#remove(matching.slice(0, limit)), next: matching.length > limit ? "the rest" : null };
  }

  protected override async writeRun(write: RunWrite): Promise<UpsertRunResult> {
    const { session, run, keptTimes } = write;
    // Everything that may be refused comes first; nothing can fail after it.
    const sessions = [{ session, change: write.change }, ...write.also];
    const existing = sessions.map((each) => this.#admitted(each.session));
    const [stored = null] = existing;
    checkRun(this.#runs.get(run.runId) ?? null, run);
    const state = { sessionExists: stored !== null, runs: stored?.runs ?? [] };
    const unmet = unmetCondition(write, state);
    if (unmet !== null) {
      return { stored: false, unmet };
    }
    const deleted = runsToDelete(write, state);
    const changes = sessions.map(({ session: given, change }, index) => {
      const before = existing[index]?.row ?? null;
      const filled = before === null ? {} : filledColumns(before, given);
      return { ...filled, ...change?.(parseSessionRow({ ...(before ?? given), ...filled })) };
    });
    for (const [index, { session: given }] of sessions.entries()) {
      const columns = { ...changes[index], ...(index === 0 && keptColumns(keptTimes)) };
      const before = existing[index] ?? null;
      if (before === null) {
        this.#put({ row: { ...given, ...columns }, runs: [] });
      } else {
        update(before, given.userId, columns);
      }
    }
    const current = this.#sessions.get(session.sessionId) as StoredSession;
    if (deleted.length > 0) {
      this.#deleteRuns(current, new Set(deleted));
    }
    this.#putRun(current, run, keptTimes);
    return { stored: true, deletedRuns: deleted.length };
  }

  protected override async changeRun(
    { runId, sessionId, userId }: RunScopeQuery,
    change: RunChangeFunction,
  ): Promise<Run | null> {
    const run = this.#runs.get(runId);
    const stored = run && this.#sessions.get(run.sessionId);
    if (run === undefined || stored === undefined || (sessionId !== null && run.sessionId !== sessionId)) {
      return null;
    }
    if (userId !== null) {
      admitOwner(stored.row, userId, sessionId === null ? runId : null);
    }
    const changed = change(parseRunRow(run));
    update(stored, userId, {});
    if (changed === null) {
      this.#deleteRuns(stored, new Set([runId]));
      return null;
    }
    return decodeStored(this.#putRun(stored, changed, null));
  }

  protected override async readRun({ runId, userId }: RunQuery): Promise<Run | null> {
    const run = this.#runs.get(runId);
    const owner = run && this.#sessions.get(run.sessionId)?.row.userId;
    return run === undefined || (userId !== null && owner !== userId) ? null : decodeStored(run);
  }

  protected override async listRuns(query: RunListQuery): Promise<PageOf<Run, RunPosition>> {
    const matching = [...this.#sessions.values()]
      .filter(({ row }) => query.sessionId === null || row.sessionId === query.sessionId)
      .filter(({ row }) => query.userId === null || row.userId === query.userId)
      .flatMap(({ runs }) => runs)
      .filter((run) => meetsRunConditions(run, query));
    const { start } = query;
    const page = pageOfAll<StoredRun, RunPosition>(
      matching,
      { ...query, start: start && { ...start, position: this.#currentPlace(query, start.position) } },
      { compare: compareRuns(query), positionOf: (run) => run },
    );
    return decodeRows(page, query, { decode: decodeStored, idOf: ({ runId }) => runId });
  }

  protected override async removeRuns({ runIds, userId }: RunSelection): Promise<number> {
    const found = runIds.flatMap((runId) => this.#runs.get(runId) ?? []);
    const sessionIds = new Set(found.map(({ sessionId }) => sessionId));
    const concerned = [...sessionIds].flatMap((sessionId) => this.#sessions.get(sessionId) ?? []);
    const wanted = new Set(runIds);
    return concerned
      .filter(({ row, runs }) => mayDelete(row, userId, runs.find(({ runId }) => wanted.has(runId))?.runId))
      .reduce((removed, stored) => removed + this.#deleteRuns(stored, wanted), 0);
  }

  protected override async release(): Promise<void> {
    this.#sessions.clear();
    this.#runs.clear();
    this.#memories.release();
  }

  /** Returns the place where a cursor resumes: deleting runs renumbers the rest, so in a session that is its run's. */
  #currentPlace({ sessionId, userId }: RunListQuery, position: RunPosition): RunPosition {
    if (sessionId === null) {
      return position;
    }
    const run = this.#runs.get(position.runId);
    const isVisibleRun = userId === null || this.#sessions.get(sessionId)?.row.userId === userId;
    if (run === undefined || run.sessionId !== sessionId || !isVisibleRun) {
      throw goneCursor();
    }
    return run;
  }

  #remove(sessions: readonly StoredSession[]): number {
    for (const { row, runs } of sessions) {
      this.#sessions.delete(row.sessionId);
      for (const { runId } of runs) {
        this.#runs.delete(runId);
      }
    }
    return sessions.length;
  }

  /** Returns the stored session, or null without one, after checking that it may be written. */
  #admitted(session: SessionRow<string>): StoredSession | null {
    const stored = this.#sessions.get(session.sessionId) ?? null;
    admitted(stored?.row ?? null, session);
    return stored;
  }

  /** Replaces the run with the same id, keeping its place and creation time, or appends the run. */
  #putRun(stored: StoredSession, run: RunRow<string>, keptTimes: GivenTimes | null): StoredRun {
    const before = this.#runs.get(run.runId);
    checkRun(before ?? null, run);
    const runIndex = before?.runIndex ?? stored.runs.length;
    const createdAt = keptTimes?.runs.has(run) === true ? run.createdAt : (before?.createdAt ?? run.createdAt);
    const placed = { ...run, runIndex, createdAt };
    stored.runs[runIndex] = placed;
    this.#runs.set(run.runId, placed);
    return placed;
  }

  /** Deletes the wanted runs of a session and closes the gaps. Returns the number deleted. */
  #deleteRuns(stored: StoredSession, wanted: ReadonlySet<string>): number {
    const kept = stored.runs.filter(({ runId }) => !wanted.has(runId));
    const removed = stored.runs.length - kept.length;
    for (const { runId } of stored.runs) {
      this.#runs.delete(runId);
    }
    stored.runs = kept.map((run, runIndex) => ({ ...run, runIndex }));
    this.#put(stored);
    return removed;
  }

  #put(stored: StoredSession): StoredSession {
    this.#sessions.set(stored.row.sessionId, stored);
    for (const run of stored.runs) {
      this.#runs.set(run.runId, run);
    }
    return stored;
  }

  /** Returns the stored sessions that the writes name, directly or by a run. */
  #concernedBy(writes: readonly SessionWrite[]): StoredSession[] {
    const sessionIds = writes.flatMap(({ session, runs }) => [
      session.sessionId,
      ...runs.flatMap(({ runId }) => this.#runs.get(runId)?.sessionId ?? []),
    ]);
    return [...new Set(sessionIds)].flatMap((sessionId) => this.#sessions.get(sessionId) ?? []);
  }

  #matching(conditions: SessionConditions): StoredSession[] {
    return [...this.#sessions.values()].filter(({ row, runs }) => {
      const sessionName = conditions.sessionName === null ? null : sessionNameOf(parseSessionRow(row));
      return meetsConditions({ row, sessionName, runs }, conditions);
    });
  }
}

/** Every write to a stored session touches it, and gives it an owner if it had none. */
function update(stored: StoredSession, userId: string | null, columns: Partial<SessionRow<string>>): void {
  stored.row = { ...stored.row, ...touched(stored.row, userId), ...columns };
}

function decode({ row, runs }: StoredSession, wanted: RunsWanted): Session | SessionHeader {
  return wanted === "none"
    ? decodeHeader(parseSessionRow(row))
    : decodeSession(parseSessionRow(row), chosen(runs, wanted).map(decodeStored));
}

function chosen(runs: readonly StoredRun[], wanted: Exclude<RunsWanted, "none">): readonly StoredRun[] {
  if (wanted === "all") {
    return runs;
  }
  const newest: StoredRun[] = [];
  for (let place = runs.length - 1; place >= 0 && newest.length < wanted; place -= 1) {
    const run = runs[place];
    if (run !== undefined && isHistoryRun(run)) {
      newest.push(run);
    }
  }
  return newest.toReversed();
}

function decodeStored(run: StoredRun): Run {
  return decodeRun(parseRunRow(run));
}
