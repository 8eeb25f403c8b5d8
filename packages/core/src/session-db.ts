import type { MemoryDb, UserMemoryDb } from "./memory-db.ts";
import type { Run } from "./models/runs.ts";
import type { Session, SessionHeader, SessionInit } from "./models/sessions.ts";
import type {
  CallOptions,
  DeleteSessionsOptions,
  GetRunsOptions,
  GetSessionsOptions,
  ImportOptions,
  ListHeaders,
  ListRuns,
  ReadRuns,
  RunChange,
  RunPage,
  SessionChange,
  SessionDbLimits,
  SessionKey,
  SessionPage,
  SkipRuns,
  UpdateRunOptions,
  UpsertRunOptions,
  UpsertRunResult,
  UserScope,
} from "./options.ts";
import type { SearchPage, SearchSessionsOptions } from "./search-options.ts";

/**
 * The contract of a session store. docs/concepts.md explains the terms, `@sessiondb/conformance` checks every promise.
 *
 * Rules that hold for every method:
 * - Ids are 1 to `limits.maxIdLength` characters, compared byte for byte: case, accents and trailing spaces count.
 * - A `userId` argument confines the call to that user's sessions. Leaving it out means "any user" and is for trusted
 *   code only; passing `undefined`, `null` or `""` MUST be an `InvalidArgumentError`, since a missing scope is never
 *   "everyone". The same goes for every other condition of a list or a filter. Request code gets `forUser(userId)`.
 * - `null` means absent. Misuse and refusals reject with a `SessionDbError`; nothing is half-written.
 * - A change to a document leaves its other parts alone, at any depth: a store that keeps documents as JSON text MUST
 *   keep numbers there that JavaScript cannot hold, such as 2^53 + 1 and `1.0`.
 * - Every write is atomic and safe to repeat. Timestamps are whole Unix seconds.
 * - The number of sessions or runs that a delete resolves with includes those whose deletion was committed although the
 *   connection was lost meanwhile.
 * - Every write to a session sets its `updatedAt` to now, unless that is earlier than it was; so does `updateRun`, even
 *   when it deletes the run. A write whose condition does not hold leaves it unchanged, and so does `deleteRuns`.
 * - NUL and lone surrogates become U+FFFD inside stored text and in the text of conditions; in an id they are an error.
 * - A call whose `signal` aborts rejects with `signal.reason`; a write that rejects this way MUST have stored nothing.
 *   A write that may have been committed when its connection was lost rejects with `DatabaseUnreachableError` instead.
 *   A delete by filter that has already deleted sessions rejects with `PartialDeleteError`, whose cause is the reason.
 */
export interface SessionDb extends SessionCalls<UserScope, ImportOptions>, AsyncDisposable {
  readonly limits: SessionDbLimits;

  /** The memories of users, kept beside sessions and apart from them; null in a store that keeps none. */
  readonly memories: MemoryDb | null;

  /** Returns a handle confined to the sessions of one user, with no way out. Give this to request code. */
  forUser(userId: string): UserSessionDb;

  /**
   * Waits for calls under way, then closes what this store opened; a client that was passed in stays open. Later calls
   * reject with `ClosedError`; closing twice is harmless.
   */
  close(): Promise<void>;
}

/**
 * `SessionDb` for one user: the same methods and promises, with `userId` fixed. Everything written belongs to this
 * user: another user's id on a session or a run is an `InvalidArgumentError`.
 */
export interface UserSessionDb extends SessionCalls<unknown, unknown> {
  readonly userId: string;

  /** The memories of this user; null in a store that keeps none. */
  readonly memories: UserMemoryDb | null;
}

/** The methods that a store and the handle of one user share. `Scope` and `Import` are the options of trusted code. */
export interface SessionCalls<Scope, Import> {
  /**
   * Returns one session with its runs in order, or null when it does not exist, has another `sessionType`, or does not
   * belong to `userId`. Session and runs MUST be of one moment. `runsLimit: n` reads the newest n runs that history
   * uses (no member runs, none that is paused, cancelled, failed or regenerated) at a cost that MUST NOT grow with the
   * runs before them; those that it leaves out between and after them are passed over. `includeRuns: false` MUST NOT
   * read any run, and returns a `SessionHeader`.
   *
   * @throws CorruptDataError when the session or one of the runs asked for cannot be read: a conversation has no gaps.
   */
  getSession(options: SessionKey & Scope & ReadRuns): Promise<Session | null>;
  getSession(options: SessionKey & Scope & SkipRuns): Promise<SessionHeader | null>;
  getSession(options: SessionKey & Scope & (ReadRuns | SkipRuns)): Promise<Session | SessionHeader | null>;

  /**
   * Returns one page of the sessions that meet every given condition, by default newest first and without runs. Pages
   * that follow a cursor MUST NOT repeat or skip a session because of equal timestamps or concurrent inserts. With
   * `includeRuns` a page costs one round trip more than without, however many sessions it has, and each session and its
   * runs are of one moment; a session with an unreadable run is `unreadable` as a whole.
   *
   * @throws SchemaMismatchError for `participantId`, `runStatus` and `includeRunCount` until the runs of Agno 2 are
   * copied (see `ManagedSchema.migrateLegacyRuns`).
   */
  getSessions(options?: GetSessionsOptions & Scope & ListHeaders): Promise<SessionPage>;
  getSessions(options: GetSessionsOptions & Scope & ListRuns): Promise<SessionPage<Session>>;
  getSessions(
    options: GetSessionsOptions & Scope & (ListHeaders | ListRuns),
  ): Promise<SessionPage<Session | SessionHeader>>;

  /** Yields the pages of `getSessions` in order, each read when the loop asks for it: `for await (const page of …)`. */
  sessionPages(options?: GetSessionsOptions & Scope & ListHeaders): AsyncIterableIterator<SessionPage>;
  sessionPages(options: GetSessionsOptions & Scope & ListRuns): AsyncIterableIterator<SessionPage<Session>>;
  sessionPages(
    options: GetSessionsOptions & Scope & (ListHeaders | ListRuns),
  ): AsyncIterableIterator<SessionPage<Session | SessionHeader>>;

  /**
   * Finds what was said: `text`, in any case, in the input of the runs, their messages of user and assistant, and their
   * output. Tool calls, reasoning, member runs, replaced answers (REGENERATED), copies of earlier messages and the data of
   * images and files are left out. Sessions come in the order of `getSessions` by `updatedAt`, newest first, and the
   * runs of each newest first.
   *
   * Reads at most `maxRuns` runs and their sessions, at most 10 runs at once, and no further than `limit` hits: a
   * statement for 20 sessions, and at least one for each session. `runsSearched` says how many runs it looked at;
   * `nextCursor` goes on there. The cost MUST NOT grow with other users' sessions. What is written during the walk may be
   * left out, and a session that a write moves to the front is found by a search without cursor. After the run of a
   * cursor was deleted, its session is searched anew.
   *
   * @throws InvalidArgumentError for a `text` that is blank or longer than 200 characters, and for `maxRuns` above 10,000.
   */
  searchSessions(options: SearchSessionsOptions & Scope): Promise<SearchPage>;

  /**
   * Writes a whole session: an import, or a first write. Given fields replace the stored ones; given runs are added, or
   * replaced by run id, in their order; no stored run is ever removed. An existing session keeps its type, its owner,
   * its `createdAt` and every field that is null or left out (clear a field with `updateSession`). Resolves with the
   * session as stored, without its runs.
   *
   * @throws SessionOwnershipError when the stored session has an owner and `session.userId` is not that owner. A stored
   * session without an owner is adopted by `session.userId`.
   * @throws SessionTypeMismatchError when the stored session has another type.
   * @throws RunConflictError when a run id is already stored under another session.
   */
  upsertSession(session: SessionInit, options?: CallOptions & Import): Promise<SessionHeader>;

  /** `upsertSession` for many, in order, all or nothing. An empty list is a no-op. */
  upsertSessions(sessions: readonly SessionInit[], options?: CallOptions & Import): Promise<void>;

  /**
   * Changes the state, name, metadata, summary or component data of one session under its lock: two increments from any
   * two processes MUST add up. Resolves with the session as now stored, or null when it does not exist.
   *
   * @throws SessionOwnershipError when `userId` is given and the session belongs to another user. A session without an
   * owner is adopted.
   * @throws SessionTypeMismatchError when `sessionType` is given and the session has another type.
   */
  updateSession(options: SessionKey & Scope, change: SessionChange): Promise<SessionHeader | null>;

  /** `updateSession` of the session's name. */
  renameSession(options: SessionKey & Scope & { sessionName: string }): Promise<SessionHeader | null>;

  /**
   * Deletes one session with all its runs, and with what Agno keeps about it in other tables of the same database.
   * Resolves with false when it does not exist, or has no owner while `userId` is given (deleting is not adopting).
   *
   * @throws SessionOwnershipError when `userId` is given and the session belongs to another user.
   * @throws PermissionDeniedError when access to one of the tables is denied; it names the table. Nothing is deleted.
   * @throws InUseError when rows of another table refer to the session or one of its runs by a foreign key.
   */
  deleteSession(options: CallOptions & Scope & { sessionId: string }): Promise<boolean>;

  /**
   * Deletes sessions with their runs. Resolves with the number of sessions deleted. Named sessions follow the rules of
   * `deleteSession`, all or nothing. A filter deletes in batches of at most 500 sessions and commits each: repeat a
   * call that failed. Each batch goes on from where the last one ended, at a cost that MUST NOT grow with those before
   * it, and deletes what still meets the conditions under its locks. A session that comes to meet them during the call
   * may be left. A filter with `userId` sees only that user's sessions; one without any condition is an
   * `InvalidArgumentError` unless `userId` is given.
   *
   * @throws PartialDeleteError when a delete by filter fails after some sessions are gone; it says how many.
   */
  deleteSessions(options: DeleteSessionsOptions & Scope): Promise<number>;

  /**
   * Stores one turn: creates the session row from `session` if it is missing, then adds the run, or replaces the stored
   * run with that `runId`, which keeps its place and its `createdAt`. Fills in the owner, component id and component
   * data that an existing session lacks, and applies `change`; the rest of `session` is only for a missing session. A
   * sequential append MUST sort after every run committed before it; concurrent appends from any number of processes
   * MUST all survive. Turns that overlap in time come in any order, which is the same for every reader and stays; one
   * that is stored later may come before one that is stored already. Without conditions and `deleteRunsAfter` the cost
   * MUST NOT grow with the session, and no other run is read or rewritten.
   *
   * A run without `userId` is stored under `session.userId`; one with another user's id is that participant's turn.
   *
   * Resolves with `{ stored: true }`, or with `{ stored: false }` and nothing written when a condition (`onlyIfExists`,
   * `onlyIfStatus`, `onlyIfNewest`) does not hold. Conditions MUST be decided under the session's lock, before
   * `deleteRunsAfter` is examined. The sessions of `also` are locked together with the turn's, or created where they
   * are missing, in the order of their ids, so that turns wait for each other without a deadlock, under the same rules
   * of ownership, and filled in alike. Until the commit, readers see the old session.
   *
   * @throws SessionOwnershipError when a stored session has an owner and its `session.userId` is not that owner.
   * @throws SessionTypeMismatchError when a stored session has another type.
   * @throws RunConflictError when the run id is already stored under another session.
   * @throws InvalidArgumentError when `deleteRunsAfter` names no run of the session.
   */
  upsertRun(options: UpsertRunOptions & Import): Promise<UpsertRunResult>;

  /**
   * Changes one run under its session's lock: when several callers each take something out of a run, no two get the
   * same. The run keeps its id, session, place and `createdAt`. Resolves with the run as now stored, or null when it
   * was deleted, does not exist, or is not in `sessionId`.
   *
   * @throws SessionOwnershipError when `userId` is given and the session belongs to another user. A session without an
   * owner is adopted.
   */
  updateRun(options: UpdateRunOptions & Scope, change: RunChange): Promise<Run | null>;

  /** Returns one run, or null when it does not exist or its session does not belong to `userId`. */
  getRun(options: CallOptions & Scope & { runId: string }): Promise<Run | null>;

  /**
   * Returns one page of runs: of one session in the session's order, or across sessions by `createdAt` and run id. It
   * includes member runs and every status unless filtered out. A page costs the same at every depth; where few runs of
   * a session meet a condition, it passes over the others and may read the whole session. With `userId`: runs in
   * sessions that this user owns, no matter who wrote them. Deleting runs renumbers the rest, so in a list of one
   * session the cursor of a deleted run is an `InvalidArgumentError`: start again without it.
   *
   * @throws SchemaMismatchError without `sessionId` until the runs of Agno 2 are copied.
   */
  getRuns(options?: GetRunsOptions & Scope): Promise<RunPage>;

  /** Yields the pages of `getRuns` in order, each read when the loop asks for it. */
  runPages(options?: GetRunsOptions & Scope): AsyncIterableIterator<RunPage>;

  /**
   * Deletes the named runs, at most 10,000, and only those; the others keep their order. Resolves with the number of
   * runs deleted. With `userId`, runs of sessions without an owner are not deleted.
   *
   * @throws SessionOwnershipError when `userId` is given and one of the runs is in another user's session; then none is
   * deleted, and the error does not reveal that session's id.
   * @throws InUseError when rows of another table refer to one of the runs by a foreign key; then none is deleted.
   */
  deleteRuns(options: CallOptions & Scope & { runIds: readonly string[] }): Promise<number>;
}
