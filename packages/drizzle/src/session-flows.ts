import {
  admitOwner,
  admitType,
  decodeSession,
  firstPage,
  isVisible,
  parseSessionRow,
  replacedColumns,
  sessionPosition,
  RunConflictError,
  SessionDbError,
  touchedAt,
  withColumns,
  type PageOf,
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
import { callOut } from "./retry.ts";
import type { RunFlows, StatementSets } from "./run-flows.ts";
import type { Layout } from "./schema-manager.ts";
import type { SessionReads } from "./session-reads.ts";
import type { SessionWrites } from "./session-writes.ts";
import type { SqlConnection } from "./sql-dialect.ts";
import type { Steps } from "./steps.ts";

/** How many sessions a delete by filter locks at a time. */
const deleteBatch = 500;

export type SessionPageItems = PageOf<Session, SessionPosition> & { readonly total: number | null };

/** The contract's operations on sessions, as steps inside of a transaction. */
export class SessionFlows {
  readonly #reads: SessionReads;
  readonly #writes: SessionWrites;
  readonly #runs: RunFlows;

  constructor({ reads, writes }: StatementSets, runs: RunFlows) {
    this.#reads = reads;
    this.#writes = writes;
    this.#runs = runs;
  }

  *readSession(on: SqlConnection, layout: Layout, query: SessionQuery): Steps<Session | null> {
    const merges = layout.mergeLegacy;
    const found = yield* this.#reads.sessionWithRuns(on, query.sessionId, merges ? "none" : query.runs);
    if (found === null || !isVisible(found.session, query)) {
      return null;
    }
    const { session: row, runs } = found;
    return decodeSession(
      row,
      merges ? yield* this.#runs.runsOf(on, layout, { row, wanted: query.runs }) : this.#runs.decode(runs),
    );
  }

  *listSessions(on: SqlConnection, layout: Layout, query: SessionListQuery): Steps<SessionPageItems> {
    if (query.participantId !== null) {
      yield* this.#runs.requireCopiedRuns(on, layout, "Participants can be listed");
    }
    // One row more than asked for tells whether there is a next page.
    const rows = yield* this.#reads.sessions(on, { ...query, limit: query.limit + 1 });
    const page = firstPage(rows, query.limit, (row) => sessionPosition(row, query.sortBy));
    const items: Session[] = [];
    for (const row of page.items) {
      items.push(decodeSession(row, yield* this.#runs.runsOf(on, layout, { row, wanted: query.runs })));
    }
    const total = query.includeTotal ? yield* this.#reads.countSessions(on, query) : null;
    return { items, next: page.next, total };
  }

  *writeSessions(on: SqlConnection, layout: Layout, writes: readonly SessionWrite[]): Steps<Session[]> {
    const outcomes = new Map<SessionWrite, Session | SessionDbError>();
    for (const write of inLockOrder(writes)) {
      outcomes.set(write, yield* this.#writeSession(on, layout, write));
    }
    return writes.map((write) => {
      const outcome = outcomes.get(write) as Session | SessionDbError;
      // Of several refusals the first in the caller's order is the one to tell. All is undone.
      if (SessionDbError.isInstance(outcome)) {
        throw outcome;
      }
      return outcome;
    });
  }

  *#writeSession(on: SqlConnection, layout: Layout, { session, runs }: SessionWrite): Steps<Session | SessionDbError> {
    try {
      const stored = yield* this.#claim(on, session);
      const columns = stored === null ? {} : { ...replacedColumns(session), ...touch(stored, session.userId) };
      if (stored !== null) {
        yield* this.#writes.updateSession(on, session.sessionId, columns);
      }
      for (const run of runs) {
        yield* this.#runs.putRun(on, layout, run);
      }
      return decodeSession(stored === null ? parseSessionRow(session) : withColumns(stored, columns), []);
    } catch (error) {
      if (SessionDbError.isInstance(error)) {
        return error;
      }
      throw error;
    }
  }

  *changeSession(
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

  /** The turn. */
  *writeRun(on: SqlConnection, layout: Layout, write: RunWrite): Steps<void> {
    const { session, run, change, onlyIfStatus } = write;
    if (onlyIfStatus !== null && !(yield* this.#hasStatus(on, layout, write))) {
      return;
    }
    if (onlyIfStatus === null && change === null && !layout.mergeLegacy) {
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
    yield* this.#runs.putRun(on, layout, run);
  }

  /** Whether the run is stored in the session with the status wanted, which it keeps until the transaction ends. */
  *#hasStatus(on: SqlConnection, layout: Layout, { session, run, onlyIfStatus }: RunWrite): Steps<boolean> {
    const stored = yield* this.#reads.lockSession(on, session.sessionId);
    if (stored === null) {
      return false;
    }
    admitOwner(stored, session.userId);
    admitType(stored, session.sessionType);
    const found = yield* this.#runs.readRun(on, layout, { runId: run.runId, userId: null });
    if (found !== null && found.sessionId !== session.sessionId) {
      throw new RunConflictError(run.runId, session.sessionId);
    }
    return found?.status === onlyIfStatus;
  }

  *removeSessions(on: SqlConnection, layout: Layout, selection: SessionSelection): Steps<number> {
    return yield* "conditions" in selection
      ? this.#removeMatching(on, layout, selection.conditions)
      : this.#removeNamed(on, selection);
  }

  *#removeMatching(on: SqlConnection, layout: Layout, conditions: SessionConditions): Steps<number> {
    if (conditions.participantId !== null) {
      yield* this.#runs.requireCopiedRuns(on, layout, "Sessions can be deleted by participant");
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
}

/** What every write changes of a stored session: when it was used last, and its owner if it had none. */
function touch(stored: SessionRow, userId: string | null): Partial<SessionRow<string>> {
  const adopted = stored.userId === null && userId !== null;
  return { updatedAt: touchedAt(stored), ...(adopted && { userId }) };
}

/** In the order of their ids, so that two calls with the same sessions wait for each other instead of both failing. */
function inLockOrder(writes: readonly SessionWrite[]): SessionWrite[] {
  return writes.toSorted(({ session: { sessionId: left } }, { session: { sessionId: right } }) =>
    left < right ? -1 : left > right ? 1 : 0,
  );
}
