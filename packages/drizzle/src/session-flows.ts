import { SessionDbError, type Session, type SessionHeader } from "@sessiondb/core";
import {
  admitOwner,
  admitType,
  bySessionId,
  decodeHeader,
  decodeRows,
  decodeSession,
  isVisible,
  keptColumns,
  mayDelete,
  pageOfRows,
  parseSource,
  replacedColumns,
  sessionPosition,
  touched,
  withColumns,
  withRunCount,
  type MatchingSelection,
  type ScopeQuery,
  type SessionChangeFunction,
  type SessionConditions,
  type SessionListQuery,
  type SessionPageOf,
  type SessionQuery,
  type SessionRow,
  type SessionSelection,
  type SessionWrite,
} from "@sessiondb/core/adapter";
import { Claims } from "./claims.ts";
import type { Deletion } from "./cleared-tables.ts";
import { notWritten } from "./not-written.ts";
import { namingArguments } from "./refused-document.ts";
import { callOut } from "./retry.ts";
import type { RunFlows } from "./run-flows.ts";
import type { SessionIdentity, SessionReads } from "./session-reads.ts";
import type { FoundBatch } from "./session-walk.ts";
import type { SessionWrites } from "./session-writes.ts";
import type { SqlConnection } from "./sql-driver.ts";
import { parseSession, type ListedRow, type RawSession } from "./sql-parts.ts";
import { isReadable, readable } from "./statement.ts";
import type { StatementSets } from "./statement-sets.ts";
import type { Steps } from "./steps.ts";

/** The contract's operations on sessions, as steps in a transaction. */
export class SessionFlows {
  readonly #reads: SessionReads;
  readonly #writes: SessionWrites;
  readonly #runs: RunFlows;
  readonly #sets: StatementSets;
  readonly #claims: Claims;

  constructor(sets: StatementSets, runs: RunFlows) {
    this.#reads = sets.reads;
    this.#writes = sets.writes;
    this.#sets = sets;
    this.#claims = new Claims(sets);
    this.#runs = runs;
  }

  *readSession(on: SqlConnection, query: SessionQuery): Steps<Session | SessionHeader | null> {
    const found = yield* this.#runs.sessionWithRuns(on, query.sessionId, query.runs);
    if (found === null || !isVisible(found.session, query)) {
      return null;
    }
    const row = this.#parse(found.session);
    return query.runs === "none" ? decodeHeader(row) : decodeSession(row, found.runs());
  }

  *listSessions(on: SqlConnection, query: SessionListQuery): Steps<SessionPageOf<Session | SessionHeader>> {
    if (query.participantId !== null || query.runStatuses !== null || query.includeRunCount) {
      yield* this.#runs.requireRows(on, "list sessions by their runs, or to count runs");
    }
    // One extra row shows whether the list continues.
    const rows = yield* this.#reads.sessions(on, { ...query, limit: query.limit + 1 });
    // A list cannot continue after a row without a place, so that row is an error at the end of a page.
    const page = pageOfRows(rows, query, (row) => sessionPosition(readable(row), query.sortBy));
    const readableRows = page.items.filter(isReadable);
    const whole = query.runs === "none" ? null : yield* this.#runs.withRuns(on, readableRows, query.runs);
    // Leave out sessions that were deleted or changed owner since the page was read.
    const isThere = (row: ListedRow): boolean => {
      const found = whole?.get(row.sessionId);
      return whole === null || !isReadable(row) || (found !== undefined && isVisible(found.session, query));
    };
    const present = page.items.filter(isThere);
    const listed = decodeRows({ ...page, items: present }, query, {
      decode: (row): Session | SessionHeader => {
        const listedRow = readable(row);
        const found = whole?.get(listedRow.sessionId);
        const session =
          found === undefined
            ? decodeHeader(this.#parse(listedRow))
            : decodeSession(this.#parse(found.session), found.runs());
        const counts = query.includeRunCount && query.runs === "all" ? session.runs?.length : listedRow.runCount;
        return withRunCount(session, counts ?? null);
      },
      idOf: ({ sessionId }) => sessionId,
    });
    return { ...listed, total: query.includeTotal ? yield* this.#reads.countSessions(on, query) : null };
  }

  #parse(raw: RawSession): SessionRow {
    return parseSession(raw, this.#sets.names.sessions);
  }

  *writeSessions(on: SqlConnection, writes: readonly SessionWrite[]): Steps<SessionHeader[]> {
    const outcomes = new Map<SessionWrite, SessionHeader | SessionDbError>();
    // Go in the order of ids, so that two calls with the same sessions wait for each other instead of both failing.
    for (const write of writes.toSorted(bySessionId)) {
      outcomes.set(write, yield* this.#writeSession(on, write));
    }
    return writes.map((write) => {
      const outcome = outcomes.get(write) as SessionHeader | SessionDbError;
      // Report the first refusal in the caller's order. All is undone.
      if (SessionDbError.isInstance(outcome)) {
        throw outcome;
      }
      return outcome;
    });
  }

  *#writeSession(on: SqlConnection, { session, runs, keptTimes }: SessionWrite): Steps<SessionHeader | SessionDbError> {
    try {
      const row = yield* this.#claims.claim(on, {
        session,
        names: { session: "session", change: "session" },
        change: (_, stored) => (stored === null ? {} : { ...replacedColumns(session), ...keptColumns(keptTimes) }),
      });
      for (const run of runs) {
        yield* this.#runs.putRun(on, { run, keepsTime: keptTimes?.runs.has(run) ?? false });
      }
      return decodeHeader(row);
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
  ): Steps<SessionHeader | null> {
    const locked = yield* this.#reads.lockSession(on, sessionId);
    if (locked === null) {
      return null;
    }
    if (userId !== null) {
      admitOwner(locked, userId);
    }
    if (sessionType !== null) {
      admitType(locked, sessionType);
    }
    const stored = parseSession(locked, this.#sets.names.sessions, parseSource);
    const columns = { ...touched(stored, userId), ...callOut(() => change(stored)) };
    yield* namingArguments(this.#writes.updateSession(on, sessionId, columns), () => "change");
    return decodeHeader(withColumns(stored, columns));
  }

  /** Deletes named sessions and their rows in other tables. Returns their ids. */
  *removeSessions(on: SqlConnection, { sessionIds, userId }: SessionSelection, deletion: Deletion): Steps<Ids> {
    const found = yield* this.#reads.lockIdentities(on, sessionIds);
    return yield* this.#delete(
      on,
      found.filter((stored) => mayDelete(stored, userId)),
      deletion,
    );
  }

  /** Finds a batch of the sessions that meet conditions. Locks nothing. */
  *findMatching(on: SqlConnection, selection: MatchingSelection): Steps<FoundBatch> {
    const { participantId, runStatuses } = selection.conditions;
    if (participantId !== null || runStatuses !== null) {
      yield* this.#runs.requireRows(on, "delete sessions by their runs");
    }
    return yield* this.#sets.walk.batch(on, selection);
  }

  /** Deletes those of the sessions that still meet the conditions once they are locked. Returns their ids. */
  *removeMatching(
    on: SqlConnection,
    { sessionIds, conditions }: { readonly sessionIds: readonly string[]; readonly conditions: SessionConditions },
    deletion: Deletion,
  ): Steps<Ids> {
    const locked = yield* this.#reads.lockIdentities(on, sessionIds);
    const ids = locked.map(({ sessionId }) => sessionId);
    const found = yield* this.#reads.stillMatching(on, conditions, ids);
    return yield* this.#delete(on, found, deletion);
  }

  /** Deletes locked sessions and their rows in other tables. */
  *#delete(on: SqlConnection, sessions: readonly SessionIdentity[], deletion: Deletion): Steps<Ids> {
    deletion.clears = null;
    const sessionIds = sessions.map(({ sessionId }) => sessionId);
    const deleted = sessionIds.length === 0 ? 0 : yield* this.#writes.deleteSessions(on, sessionIds, deletion);
    if (deleted < sessionIds.length) {
      // They were locked, so nobody else can have deleted them. The rollback restores their runs.
      throw notWritten(
        `${sessionIds.length - deleted} of ${sessionIds.length} sessions were not deleted from ${this.#sets.names.sessions}.`,
      );
    }
    return new Set(sessionIds);
  }
}

type Ids = ReadonlySet<string>;
