import { BaseSessionDb } from "./base-session-db.ts";
import { InvalidArgumentError, RunConflictError } from "./errors.ts";
import { parseJson } from "./json.ts";
import {
  compareRuns,
  compareSessions,
  firstPage,
  isVisible,
  meetsConditions,
  meetsRunConditions,
  sessionPosition,
} from "./list-rules.ts";
import { decodeRun } from "./models/run-codec.ts";
import type { Run } from "./models/runs.ts";
import { decodeSession } from "./models/session-codec.ts";
import type { Session } from "./models/sessions.ts";
import type {
  PageOf,
  RunListQuery,
  RunPosition,
  RunQuery,
  RunSelection,
  RunsWanted,
  RunWrite,
  ScopeQuery,
  SessionChangeFunction,
  SessionConditions,
  SessionListQuery,
  SessionPosition,
  SessionQuery,
  SessionSelection,
  SessionWrite,
} from "./queries.ts";
import type { RunRow, SessionRow } from "./rows.ts";
import { admitOwner, admitType, isHistoryRun, parseSessionRow, replacedColumns, touchedAt } from "./session-rules.ts";

export interface InMemorySessionDbOptions {
  /** The largest JSON document, in bytes of UTF-8. Default 64 MiB. */
  maxPayloadBytes?: number;
}

/** A session's row and its runs in order: the `runIndex` of a run is its place in the list. */
interface StoredSession {
  row: SessionRow<string>;
  runs: StoredRun[];
}

type StoredRun = RunRow<string> & { runIndex: number };

/**
 * The contract in its plainest form: for tests, for trying things out, and to read before writing an adapter. Nothing
 * outlives the process. Rows are kept as the JSON text a database would hold, so callers never share objects with it.
 * No method waits for anything, so no two of them interleave.
 */
export class InMemorySessionDb extends BaseSessionDb {
  readonly #sessions = new Map<string, StoredSession>();
  readonly #runs = new Map<string, StoredRun>();

  constructor({ maxPayloadBytes = 64 * 1024 * 1024 }: InMemorySessionDbOptions = {}) {
    super({ idLength: 255, payloadBytes: maxPayloadBytes });
  }

  protected override async readSession(query: SessionQuery): Promise<Session | null> {
    const stored = this.#sessions.get(query.sessionId);
    return stored !== undefined && isVisible(stored.row, query) ? decode(stored, query.runs) : null;
  }

  protected override async listSessions(
    query: SessionListQuery,
  ): Promise<PageOf<Session, SessionPosition> & { total: number | null }> {
    const positionOf = ({ row }: StoredSession): SessionPosition => sessionPosition(row, query.sortBy);
    const compare = compareSessions(query);
    const { after } = query;
    const matching = this.#matching(query);
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

  protected override async writeSessions(writes: readonly SessionWrite[]): Promise<Session[]> {
    // A later write may be of a session that an earlier one creates, so all are tried on a copy of what they concern.
    const draft = new InMemorySessionDb();
    for (const stored of this.#concernedBy(writes)) {
      draft.#put({ row: stored.row, runs: [...stored.runs] });
    }
    const written = writes.map(({ session, runs }) => {
      const existing = draft.#admitted(session);
      const stored = existing ?? draft.#put({ row: session, runs: [] });
      if (existing !== undefined) {
        update(existing, session.userId, replacedColumns(session));
      }
      for (const run of runs) {
        draft.#putRun(stored, run);
      }
      return decode(stored, "none");
    });
    for (const stored of draft.#sessions.values()) {
      this.#put(stored);
    }
    return written;
  }

  protected override async changeSession(
    { sessionId, sessionType, userId }: ScopeQuery,
    change: SessionChangeFunction,
  ): Promise<Session | null> {
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
    return decode(stored, "none");
  }

  protected override async removeSessions(selection: SessionSelection): Promise<number> {
    const removed =
      "conditions" in selection
        ? this.#matching(selection.conditions)
        : selection.sessionIds
            .flatMap((sessionId) => this.#sessions.get(sessionId) ?? [])
            .filter((stored) => mayDelete(stored, selection.userId));
    for (const { row, runs } of removed) {
      this.#sessions.delete(row.sessionId);
      for (const { runId } of runs) {
        this.#runs.delete(runId);
      }
    }
    return removed.length;
  }

  protected override async writeRun({ session, run, change, onlyIfStatus }: RunWrite): Promise<void> {
    const existing = this.#admitted(session);
    this.#checkRun(run);
    if (onlyIfStatus !== null && existing?.runs.find(({ runId }) => runId === run.runId)?.status !== onlyIfStatus) {
      return;
    }
    const columns = change?.(parseSessionRow(existing?.row ?? session)) ?? {};
    const stored = existing ?? this.#put({ row: { ...session, ...columns }, runs: [] });
    if (existing !== undefined) {
      update(existing, session.userId, columns);
    }
    this.#putRun(stored, run);
  }

  protected override async readRun({ runId, userId }: RunQuery): Promise<Run | null> {
    const run = this.#runs.get(runId);
    const owner = run && this.#sessions.get(run.sessionId)?.row.userId;
    return run === undefined || (userId !== null && owner !== userId) ? null : decodeStored(run);
  }

  protected override async listRuns(query: RunListQuery): Promise<PageOf<Run, RunPosition>> {
    const compare = compareRuns(query);
    const after = query.after && this.#currentPlace(query, query.after);
    const rest = [...this.#sessions.values()]
      .filter(({ row }) => query.sessionId === null || row.sessionId === query.sessionId)
      .filter(({ row }) => query.userId === null || row.userId === query.userId)
      .flatMap(({ runs }) => runs)
      .filter((run) => meetsRunConditions(run, query) && (after === null || compare(run, after) > 0))
      .toSorted(compare);
    const { items, next } = firstPage(rest, query.limit, (run) => run);
    return { items: items.map(decodeStored), next };
  }

  protected override async removeRuns({ runIds, userId }: RunSelection): Promise<number> {
    const found = runIds.flatMap((runId) => this.#runs.get(runId) ?? []);
    const sessionIds = new Set(found.map(({ sessionId }) => sessionId));
    const concerned = [...sessionIds].flatMap((sessionId) => this.#sessions.get(sessionId) ?? []);
    const wanted = new Set(runIds);
    let removed = 0;
    for (const stored of concerned.filter((each) => mayDelete(each, userId))) {
      const kept = stored.runs.filter(({ runId }) => !wanted.has(runId));
      removed += stored.runs.length - kept.length;
      for (const { runId } of stored.runs) {
        this.#runs.delete(runId);
      }
      this.#put({ row: stored.row, runs: kept.map((run, runIndex) => ({ ...run, runIndex })) });
    }
    return removed;
  }

  protected override async release(): Promise<void> {
    this.#sessions.clear();
    this.#runs.clear();
  }

  /** Deleting runs renumbers the others: in a session a cursor goes on after its run's place of now. */
  #currentPlace({ sessionId }: RunListQuery, after: RunPosition): RunPosition {
    const run = this.#runs.get(after.runId);
    if (sessionId === null) {
      return after;
    }
    if (run === undefined || run.sessionId !== sessionId) {
      throw new InvalidArgumentError("cursor", "of a run that is still there; start again without a cursor");
    }
    return run;
  }

  /** The stored session, if there is one, once it is clear that it may be written. */
  #admitted(session: SessionRow<string>): StoredSession | undefined {
    const stored = this.#sessions.get(session.sessionId);
    if (stored !== undefined) {
      admitOwner(stored.row, session.userId);
      admitType(stored.row, session.sessionType);
    }
    return stored;
  }

  #checkRun({ runId, sessionId }: RunRow<string>): void {
    if ((this.#runs.get(runId)?.sessionId ?? sessionId) !== sessionId) {
      throw new RunConflictError(runId, sessionId);
    }
  }

  /** Puts a run in the place of the one with its id, which keeps its time of creation, or at the end. */
  #putRun(stored: StoredSession, run: RunRow<string>): void {
    this.#checkRun(run);
    const { runIndex, createdAt } = this.#runs.get(run.runId) ?? { ...run, runIndex: stored.runs.length };
    const placed = { ...run, runIndex, createdAt };
    stored.runs[runIndex] = placed;
    this.#runs.set(run.runId, placed);
  }

  #put(stored: StoredSession): StoredSession {
    this.#sessions.set(stored.row.sessionId, stored);
    for (const run of stored.runs) {
      this.#runs.set(run.runId, run);
    }
    return stored;
  }

  /** The stored sessions that writes name, or whose runs they name. */
  #concernedBy(writes: readonly SessionWrite[]): StoredSession[] {
    const sessionIds = writes.flatMap(({ session, runs }) => [
      session.sessionId,
      ...runs.flatMap(({ runId }) => this.#runs.get(runId)?.sessionId ?? []),
    ]);
    return [...new Set(sessionIds)].flatMap((sessionId) => this.#sessions.get(sessionId) ?? []);
  }

  #matching(conditions: SessionConditions): StoredSession[] {
    return [...this.#sessions.values()].filter((stored) => {
      const sessionName = conditions.sessionName === null ? null : decode(stored, "none").sessionName;
      const participantIds = stored.runs.map(({ userId }) => userId);
      return meetsConditions({ row: stored.row, sessionName, participantIds }, conditions);
    });
  }
}

/** Every write to a stored session touches it, and gives it an owner if it had none. */
function update(stored: StoredSession, userId: string | null, columns: Partial<SessionRow<string>>): void {
  const { row } = stored;
  stored.row = { ...row, ...columns, userId: row.userId ?? userId, updatedAt: touchedAt(row) };
}

/** Deleting is not adopting: what nobody owns is not this user's to delete. */
function mayDelete({ row }: StoredSession, userId: string | null): boolean {
  return userId === null || !admitOwner(row, userId);
}

function decode({ row, runs }: StoredSession, wanted: RunsWanted): Session {
  return decodeSession(parseSessionRow(row), chosen(runs, wanted).map(decodeStored));
}

function chosen(runs: readonly StoredRun[], wanted: RunsWanted): readonly StoredRun[] {
  if (wanted === "none" || wanted === "all") {
    return wanted === "none" ? [] : runs;
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
  return decodeRun({ ...run, runData: parseJson(run.runData, "runData", run.runId) });
}
