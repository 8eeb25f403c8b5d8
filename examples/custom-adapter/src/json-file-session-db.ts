import {
  admitOwner,
  admitType,
  BaseSessionDb,
  compareRuns,
  compareSessions,
  decodeRun,
  decodeSession,
  firstPage,
  isHistoryRun,
  isVisible,
  meetsConditions,
  meetsRunConditions,
  parseJson,
  parseSessionRow,
  replacedColumns,
  RunConflictError,
  sessionPosition,
  touchedAt,
  withColumns,
  type PageOf,
  type Run,
  type RunListQuery,
  type RunPosition,
  type RunQuery,
  type RunRow,
  type RunSelection,
  type RunsWanted,
  type RunWrite,
  type ScopeQuery,
  type Session,
  type SessionChangeFunction,
  type SessionConditions,
  type SessionListQuery,
  type SessionPosition,
  type SessionQuery,
  type SessionRow,
  type SessionSelection,
  type SessionWrite,
} from "@sessiondb/core";
import { JsonFile } from "./json-file.ts";

export interface JsonFileSessionDbOptions {
  /** The largest JSON document, in bytes of UTF-8. Default 16 MiB. */
  maxPayloadBytes?: number;
}

/** A session and its runs as the file holds them. The place of a run in the list is its index. */
interface StoredSession {
  row: SessionRow;
  readonly runs: RunRow[];
}

/**
 * A session store in one JSON file. Every write rewrites the file, so it is for hundreds of sessions, not for thousands;
 * what it shows is the whole contract in little code. The file is a list of sessions, each with its runs in order.
 */
export class JsonFileSessionDb extends BaseSessionDb {
  readonly #file: JsonFile<StoredSession[]>;

  constructor(path: string, { maxPayloadBytes = 16 * 1024 * 1024 }: JsonFileSessionDbOptions = {}) {
    super({ idLength: 255, payloadBytes: maxPayloadBytes });
    this.#file = new JsonFile(path, []);
  }

  protected override async readSession(query: SessionQuery): Promise<Session | null> {
    const stored = find(await this.#file.read(), query.sessionId);
    return stored !== undefined && isVisible(stored.row, query) ? decode(stored, query.runs) : null;
  }

  protected override async listSessions(
    query: SessionListQuery,
  ): Promise<PageOf<Session, SessionPosition> & { total: number | null }> {
    const positionOf = ({ row }: StoredSession): SessionPosition => sessionPosition(row, query.sortBy);
    const compare = compareSessions(query);
    const { after } = query;
    const matching = (await this.#file.read()).filter((stored) => meets(stored, query));
    const rest = matching
      .filter((stored) => after === null || compare(positionOf(stored), after) > 0)
      .toSorted((a, b) => compare(positionOf(a), positionOf(b)))
      .slice(query.offset);
    const { items, next } = firstPage(rest, query.limit, positionOf);
    return {
      items: items.map((stored) => decode(stored, query.runs)),
      next,
      total: query.includeTotal ? matching.length : null,
    };
  }

  protected override writeSessions(writes: readonly SessionWrite[]): Promise<Session[]> {
    return this.#file.update((content) =>
      writes.map(({ session, runs }) => {
        const existing = admitted(content, session);
        if (existing !== undefined) update(existing, session.userId, replacedColumns(session));
        const stored = existing ?? add(content, parseSessionRow(session));
        for (const run of runs) putRun(content, stored, run);
        return decode(stored, "none");
      }),
    );
  }

  protected override changeSession(scope: ScopeQuery, change: SessionChangeFunction): Promise<Session | null> {
    const { sessionId, sessionType, userId } = scope;
    return this.#file.update((content) => {
      const stored = find(content, sessionId);
      if (stored === undefined) return null;
      if (userId !== null) admitOwner(stored.row, userId);
      if (sessionType !== null) admitType(stored.row, sessionType);
      update(stored, userId, change(stored.row));
      return decode(stored, "none");
    });
  }

  protected override removeSessions(selection: SessionSelection): Promise<number> {
    return this.#file.update((content) => {
      const removed = content.filter((stored) =>
        "conditions" in selection
          ? meets(stored, selection.conditions)
          : selection.sessionIds.includes(stored.row.sessionId) && mayDelete(stored, selection.userId),
      );
      replaceItems(
        content,
        content.filter((stored) => !removed.includes(stored)),
      );
      return removed.length;
    });
  }

  protected override writeRun({ session, run, change, onlyIfStatus }: RunWrite): Promise<void> {
    return this.#file.update((content) => {
      const existing = admitted(content, session);
      checkRun(content, run);
      const status = existing?.runs.find(({ runId }) => runId === run.runId)?.status ?? null;
      if (onlyIfStatus !== null && status !== onlyIfStatus) return;
      const row = existing?.row ?? parseSessionRow(session);
      const columns = change?.(row) ?? {};
      if (existing !== undefined) update(existing, session.userId, columns);
      putRun(content, existing ?? add(content, withColumns(row, columns)), run);
    });
  }

  protected override async readRun({ runId, userId }: RunQuery): Promise<Run | null> {
    const stored = sessionOfRun(await this.#file.read(), runId);
    if (stored === undefined || (userId !== null && stored.row.userId !== userId)) return null;
    const run = stored.runs.find((each) => each.runId === runId);
    return run === undefined ? null : decodeRun(run);
  }

  protected override async listRuns(query: RunListQuery): Promise<PageOf<Run, RunPosition>> {
    const sessions = (await this.#file.read()).filter(
      ({ row }) =>
        (query.sessionId === null || row.sessionId === query.sessionId) &&
        (query.userId === null || row.userId === query.userId),
    );
    const runs = sessions.flatMap((stored) => stored.runs.map((run, runIndex) => ({ ...run, runIndex })));
    const compare = compareRuns(query);
    // Deleting runs moves the others: a cursor goes on after its run's place of now.
    const after = query.after && (runs.find(({ runId }) => runId === query.after?.runId) ?? query.after);
    const rest = runs
      .filter((run) => meetsRunConditions(run, query) && (after === null || compare(run, after) > 0))
      .toSorted(compare);
    const { items, next } = firstPage(rest, query.limit, (run) => run);
    return { items: items.map((run) => decodeRun(run)), next };
  }

  protected override removeRuns({ runIds, userId }: RunSelection): Promise<number> {
    return this.#file.update((content) => {
      let removed = 0;
      for (const stored of content) {
        const kept = stored.runs.filter(({ runId }) => !runIds.includes(runId));
        if (kept.length < stored.runs.length && mayDelete(stored, userId)) {
          removed += stored.runs.length - kept.length;
          replaceItems(stored.runs, kept);
        }
      }
      return removed;
    });
  }

  protected override async release(): Promise<void> {
    // No file stays open between two calls.
  }
}

function find(content: readonly StoredSession[], sessionId: string): StoredSession | undefined {
  return content.find(({ row }) => row.sessionId === sessionId);
}

function sessionOfRun(content: readonly StoredSession[], runId: string): StoredSession | undefined {
  return content.find(({ runs }) => runs.some((run) => run.runId === runId));
}

/** The stored session, if there is one, once it is clear that it may be written. */
function admitted(content: readonly StoredSession[], session: SessionRow<string>): StoredSession | undefined {
  const stored = find(content, session.sessionId);
  if (stored !== undefined) {
    admitOwner(stored.row, session.userId);
    admitType(stored.row, session.sessionType);
  }
  return stored;
}

function add(content: StoredSession[], row: SessionRow): StoredSession {
  const created: StoredSession = { row, runs: [] };
  content.push(created);
  return created;
}

/** Every write to a stored session touches it, and gives it an owner if it had none. */
function update(stored: StoredSession, userId: string | null, columns: Partial<SessionRow<string>>): void {
  const updatedAt = touchedAt(stored.row);
  stored.row = { ...withColumns(stored.row, columns), userId: stored.row.userId ?? userId, updatedAt };
}

/** In the place of the run with that id, which keeps its time of creation, or at the end. */
/** A run is never moved to another session. */
function checkRun(content: readonly StoredSession[], { runId, sessionId }: RunRow<string>): void {
  if ((sessionOfRun(content, runId)?.row.sessionId ?? sessionId) !== sessionId) {
    throw new RunConflictError(runId, sessionId);
  }
}

function putRun(content: readonly StoredSession[], stored: StoredSession, written: RunRow<string>): void {
  const { runId } = written;
  checkRun(content, written);
  const run: RunRow = { ...written, runData: parseJson(written.runData, "runData", runId) };
  const place = stored.runs.findIndex((each) => each.runId === runId);
  const before = stored.runs[place];
  if (before === undefined) {
    stored.runs.push(run);
  } else {
    stored.runs[place] = { ...run, createdAt: before.createdAt };
  }
}

/** Deleting is not adopting: what nobody owns is not this user's to delete. */
function mayDelete({ row }: StoredSession, userId: string | null): boolean {
  return userId === null || !admitOwner(row, userId);
}

function meets({ row, runs }: StoredSession, conditions: SessionConditions): boolean {
  const { sessionName } = decodeSession(row, []);
  return meetsConditions({ row, sessionName, participantIds: runs.map(({ userId }) => userId) }, conditions);
}

function decode({ row, runs }: StoredSession, wanted: RunsWanted): Session {
  const chosen = wanted === "none" ? [] : wanted === "all" ? runs : runs.filter(isHistoryRun).slice(-wanted);
  return decodeSession(
    row,
    chosen.map((run) => decodeRun(run)),
  );
}

function replaceItems<Item>(list: Item[], items: readonly Item[]): void {
  list.splice(0, list.length, ...items);
}
