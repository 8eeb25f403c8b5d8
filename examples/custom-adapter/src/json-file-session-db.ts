import { type Run, type Session, type SessionHeader, type UpsertRunResult } from "@sessiondb/core";
import {
  admitOwner,
  admitted,
  admitType,
  BaseSessionDb,
  checkRun,
  compareRuns,
  compareSessions,
  decodeHeader,
  decodeRows,
  decodeRun,
  decodeSession,
  filledColumns,
  goneCursor,
  isHistoryRun,
  isVisible,
  keptColumns,
  mayDelete,
  meetsConditions,
  meetsRunConditions,
  pageOfAll,
  parseRunRow,
  parseSessionRow,
  replacedColumns,
  runsToDelete,
  sessionNameOf,
  sessionPosition,
  touched,
  unmetCondition,
  withColumns,
  withRunCount,
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
  type ScopeQuery,
  type SessionChangeFunction,
  type SessionConditions,
  type SessionListQuery,
  type SessionPageOf,
  type SessionQuery,
  type SessionRow,
  type DeletedBatch,
  type MatchingSelection,
  type SessionSelection,
  type SessionWrite,
  type Signal,
} from "@sessiondb/core/adapter";
import { JsonFile } from "./json-file.ts";

export interface JsonFileSessionDbOptions {
  /** The largest JSON document, in bytes of UTF-8. Default 16 MiB. */
  maxPayloadBytes?: number;
}

/** A session and its runs as the file holds them. The place of a run in the list is its index. */
interface StoredSession {
  row: SessionRow;
  runs: RunRow[];
}

/**
 * A session store in one JSON file. Every write rewrites the file, so it is for hundreds of sessions, not for thousands;
 * what it shows is the whole contract in little code. The file is a list of sessions, each with its runs in order. A
 * write that throws leaves the file as it was, so no method has to undo anything.
 */
export class JsonFileSessionDb extends BaseSessionDb {
  readonly #file: JsonFile<StoredSession[]>;

  constructor(path: string, { maxPayloadBytes = 16 * 1024 * 1024 }: JsonFileSessionDbOptions = {}) {
    super({ maxIdLength: 255, maxPayloadBytes }, "json-file");
    this.#file = new JsonFile(path, []);
  }

  protected override async readSession(query: SessionQuery): Promise<Session | SessionHeader | null> {
    const stored = find(await this.#file.read(), query.sessionId);
    return stored !== null && isVisible(stored.row, query) ? decode(stored, query.runs) : null;
  }

  protected override async listSessions(query: SessionListQuery): Promise<SessionPageOf<Session | SessionHeader>> {
    const matching = (await this.#file.read()).filter((stored) => meets(stored, query));
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

  protected override writeSessions(writes: readonly SessionWrite[], signal: Signal): Promise<SessionHeader[]> {
    return this.#file.update(signal, (content) =>
      writes.map(({ session, runs, keptTimes }) => {
        const existing = findAdmitted(content, session);
        const stored = existing ?? add(content, session);
        if (existing !== null) {
          update(existing, session.userId, { ...replacedColumns(session), ...keptColumns(keptTimes) });
        }
        for (const run of runs) {
          putRun(content, { stored, run, keptTimes });
        }
        return decodeHeader(stored.row);
      }),
    );
  }

  protected override changeSession(
    { sessionId, sessionType, userId }: ScopeQuery,
    change: SessionChangeFunction,
    signal: Signal,
  ): Promise<SessionHeader | null> {
    return this.#file.update(signal, (content) => {
      const stored = find(content, sessionId);
      if (stored === null) {
        return null;
      }
      if (userId !== null) {
        admitOwner(stored.row, userId);
      }
      if (sessionType !== null) {
        admitType(stored.row, sessionType);
      }
      update(stored, userId, change(stored.row));
      return decodeHeader(stored.row);
    });
  }

  protected override removeSessions({ sessionIds, userId }: SessionSelection, signal: Signal): Promise<number> {
    return this.#file.update(signal, (content) => {
      const named = sessionIds.flatMap((sessionId) => find(content, sessionId) ?? []);
      const removed = named.filter(({ row }) => mayDelete(row, userId));
      return remove(content, removed);
    });
  }

  protected override removeMatching({ conditions, limit }: MatchingSelection, signal: Signal): Promise<DeletedBatch> {
    return this.#file.update(signal, (content) => {
      const matching = content.filter((stored) => meets(stored, conditions));
      return { deleted: remove(content, matching.slice(0, limit)), next: matching.length > limit ? "the rest" : null };
    });
  }

  protected override writeRun(write: RunWrite, signal: Signal): Promise<UpsertRunResult> {
    const { session, run, keptTimes } = write;
    return this.#file.update(signal, (content): UpsertRunResult => {
      // Whatever may refuse the turn comes before the changes, which are the caller's code.
      const changes = [write, ...write.also].map((each) => ({
        ...each,
        existing: findAdmitted(content, each.session),
      }));
      const existing = find(content, session.sessionId);
      checkRun(findRun(content, run.runId), run);
      const state = { sessionExists: existing !== null, runs: existing?.runs ?? [] };
      const unmet = unmetCondition(write, state);
      if (unmet !== null) {
        return { stored: false, unmet };
      }
      const deleted = new Set(runsToDelete(write, state));
      for (const change of changes) {
        applyChange(content, change);
      }
      const stored = find(content, session.sessionId) ?? add(content, session);
      stored.row = { ...stored.row, ...keptColumns(keptTimes) };
      deleteRuns(stored, deleted);
      putRun(content, { stored, run, keptTimes });
      return { stored: true, deletedRuns: deleted.size };
    });
  }

  protected override changeRun(
    { runId, sessionId, userId }: RunScopeQuery,
    change: RunChangeFunction,
    signal: Signal,
  ): Promise<Run | null> {
    return this.#file.update(signal, (content) => {
      const stored = sessionOfRun(content, runId);
      const run = findRun(content, runId);
      if (stored === null || run === null || (sessionId !== null && stored.row.sessionId !== sessionId)) {
        return null;
      }
      if (userId !== null) {
        admitOwner(stored.row, userId, sessionId === null ? runId : null);
      }
      const changed = change(run);
      update(stored, userId, {});
      if (changed === null) {
        deleteRuns(stored, new Set([runId]));
        return null;
      }
      return decodeRun(putRun(content, { stored, run: changed, keptTimes: null }));
    });
  }

  protected override async readRun({ runId, userId }: RunQuery): Promise<Run | null> {
    const content = await this.#file.read();
    const run = findRun(content, runId);
    const owner = sessionOfRun(content, runId)?.row.userId ?? null;
    return run === null || (userId !== null && owner !== userId) ? null : decodeRun(run);
  }

  protected override async listRuns(query: RunListQuery): Promise<PageOf<Run, RunPosition>> {
    const sessions = (await this.#file.read()).filter(
      ({ row }) =>
        (query.sessionId === null || row.sessionId === query.sessionId) &&
        (query.userId === null || row.userId === query.userId),
    );
    const runs = sessions.flatMap((stored) => stored.runs.map((run, runIndex) => ({ ...run, runIndex })));
    const page = pageOfAll<RunRow & RunPosition, RunPosition>(
      runs.filter((run) => meetsRunConditions(run, query)),
      { ...query, start: currentStart(query, runs) },
      { compare: compareRuns(query), positionOf: (run) => run },
    );
    return decodeRows(page, query, { decode: decodeRun, idOf: ({ runId }) => runId });
  }

  protected override removeRuns({ runIds, userId }: RunSelection, signal: Signal): Promise<number> {
    return this.#file.update(signal, (content) => {
      const wanted = new Set(runIds);
      const concerned = new Set(runIds.flatMap((runId) => sessionOfRun(content, runId) ?? []));
      return [...concerned]
        .filter(({ row, runs }) => mayDelete(row, userId, runs.find(({ runId }) => wanted.has(runId))?.runId))
        .reduce((removed, stored) => removed + deleteRuns(stored, wanted), 0);
    });
  }

  protected override async release(): Promise<void> {
    // No file stays open between two calls.
  }
}

function find(content: readonly StoredSession[], sessionId: string): StoredSession | null {
  return content.find(({ row }) => row.sessionId === sessionId) ?? null;
}

/** Takes stored sessions out of the content. Returns their number. */
function remove(content: StoredSession[], removed: readonly StoredSession[]): number {
  const kept = content.filter((stored) => !removed.includes(stored));
  content.splice(0, content.length, ...kept);
  return removed.length;
}

/** The stored session, if there is one, once it is clear that it may be written. */
function findAdmitted(content: readonly StoredSession[], session: SessionRow<string>): StoredSession | null {
  const stored = find(content, session.sessionId);
  admitted(stored?.row ?? null, session);
  return stored;
}

function sessionOfRun(content: readonly StoredSession[], runId: string): StoredSession | null {
  return content.find(({ runs }) => runs.some((run) => run.runId === runId)) ?? null;
}

function findRun(content: readonly StoredSession[], runId: string): RunRow | null {
  return sessionOfRun(content, runId)?.runs.find((run) => run.runId === runId) ?? null;
}

function add(content: StoredSession[], session: SessionRow<string>): StoredSession {
  const created: StoredSession = { row: parseSessionRow(session), runs: [] };
  content.push(created);
  return created;
}

/** Every write to a stored session touches it, and gives it an owner if it had none. */
function update(stored: StoredSession, userId: string | null, columns: Partial<SessionRow<string>>): void {
  stored.row = withColumns(stored.row, { ...touched(stored.row, userId), ...columns });
}

/** What a turn changes of one session: it is created as given, or touched, and filled in where it lacks something. */
function applyChange(
  content: StoredSession[],
  { session, change, existing }: Pick<RunWrite, "session" | "change"> & { existing: StoredSession | null },
): void {
  const stored = existing ?? add(content, session);
  const filled = existing === null ? {} : filledColumns(stored.row, session);
  const columns = { ...filled, ...change?.(withColumns(stored.row, filled)) };
  if (existing === null) {
    stored.row = withColumns(stored.row, columns);
  } else {
    update(stored, session.userId, columns);
  }
}

interface PutRun {
  readonly stored: StoredSession;
  readonly run: RunRow<string>;
  readonly keptTimes: GivenTimes | null;
}

/** Puts a run in the place of the one with its id, which keeps its time of creation, or at the end. */
function putRun(content: readonly StoredSession[], { stored, run, keptTimes }: PutRun): RunRow {
  const before = findRun(content, run.runId);
  checkRun(before, run);
  const keepsGiven = before === null || keptTimes?.runs.has(run) === true;
  const written = { ...parseRunRow(run), createdAt: keepsGiven ? run.createdAt : before.createdAt };
  stored.runs = before === null ? [...stored.runs, written] : stored.runs.with(stored.runs.indexOf(before), written);
  return written;
}

function deleteRuns(stored: StoredSession, wanted: ReadonlySet<string>): number {
  const before = stored.runs.length;
  stored.runs = stored.runs.filter(({ runId }) => !wanted.has(runId));
  return before - stored.runs.length;
}

function meets({ row, runs }: StoredSession, conditions: SessionConditions): boolean {
  return meetsConditions({ row, sessionName: sessionNameOf(row), runs }, conditions);
}

/** Deleting runs renumbers the others: in a session a cursor resumes beside its run's current place. */
function currentStart(
  { sessionId, start }: RunListQuery,
  runs: readonly (RunRow & RunPosition)[],
): RunListQuery["start"] {
  if (sessionId === null || start === null) {
    return start;
  }
  const position = runs.find(({ runId }) => runId === start.position.runId);
  if (position === undefined) {
    throw goneCursor();
  }
  return { ...start, position };
}

function decode({ row, runs }: StoredSession, wanted: RunsWanted): Session | SessionHeader {
  if (wanted === "none") {
    return decodeHeader(row);
  }
  const chosen = wanted === "all" ? runs : runs.filter(isHistoryRun).slice(-wanted);
  return decodeSession(
    row,
    chosen.map((run) => decodeRun(run)),
  );
}
