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

/**
 * The contract of a session store. docs/concepts.md explains the words, `@sessiondb/conformance` checks every promise.
 *
 * Rules that hold for every method:
 * - Ids are 1 to `limits.maxIdLength` characters, compared byte for byte: case, accents and trailing spaces count.
 * - A `userId` argument confines the call to sessions that user owns. Leaving it out means "any user" and is for trusted
 *   code alone; giving it as `undefined`, `null` or `""` MUST be an `InvalidArgumentError`, since a missing scope is never
 *   "everyone". The same goes for every other condition of a list or a filter. Request code gets `forUser(userId)`.
 * - `null` means absent. Misuse and refusals reject with a `SessionDbError`; nothing is half-written.
 * - A change of a document leaves what it does not touch, at any depth: a store that keeps the JSON text of documents MUST
 *   keep numbers there that JavaScript does not hold, such as 2^53 + 1 and `1.0`.
 * - Every write is atomic and safe to repeat. Timestamps are whole Unix seconds.
 * - Every write to a session sets its `updatedAt` to now, if that is not earlier than it was; so does `updateRun`, also when
 *   it deletes the run. A write whose condition does not hold leaves it as it is, and so does `deleteRuns`.
 * - NUL and lone surrogates become U+FFFD inside stored text and in the text of conditions; in an id they are an error.
 * - A call whose `signal` aborts rejects with `signal.reason`; a write that rejects so MUST have stored nothing.
 *   A delete by filter that has deleted some sessions by then rejects with `PartialDeleteError`, whose cause is the reason.
 */
export interface SessionDb extends SessionCalls<UserScope, ImportOptions>, AsyncDisposable {
  readonly limits: SessionDbLimits;

  /** A handle confined to the sessions of one user, with no way out: the one to give to request code. */
  forUser(userId: string): UserSessionDb;

  /**
   * Waits for what is under way, then closes what this store opened; a client that was passed in stays open. Later calls
   * reject with `ClosedError`; closing twice is harmless.
   */
  close(): Promise<void>;
}

/**
 * `SessionDb` for one user: the same methods and promises, with `userId` fixed. What is written is this user's: another
 * user's id on a session or a run is an `InvalidArgumentError`.
 */
export interface UserSessionDb extends SessionCalls<unknown, unknown> {
  readonly userId: string;
}

/** The methods that a store and the handle of one user share. `Scope` and `Import` are the options of trusted code. */
export interface SessionCalls<Scope, Import> {
  /**
   * One session with its runs in order, or null when it does not exist, is of another `sessionType`, or belongs to
   * another user than `userId`. Session and runs MUST be of one moment. `runsLimit: n` reads the newest n runs that history
   * uses (no member runs, none that is paused, cancelled, failed or regenerated) at a cost that MUST NOT grow with the runs
   * before them. `includeRuns: false` MUST NOT read any run, and returns a `SessionHeader`.
   *
   * @throws CorruptDataError when the session or one of the runs asked for cannot be read: a conversation has no gaps.
   */
  getSession(options: SessionKey & Scope & ReadRuns): Promise<Session | null>;
  getSession(options: SessionKey & Scope & SkipRuns): Promise<SessionHeader | null>;
  getSession(options: SessionKey & Scope & (ReadRuns | SkipRuns)): Promise<Session | SessionHeader | null>;

  /**
   * One page of the sessions that meet every given condition, newest first by default, without runs by default. Pages
   * that follow a cursor MUST NOT repeat or skip a session because of equal timestamps or concurrent inserts. With
   * `includeRuns` a page costs one round trip more than without, however many sessions it has, and each session and its
   * runs are of one moment; a session of which a run cannot be read is `unreadable` as a whole.
   *
   * @throws SchemaMismatchError for `participantId`, `runStatus` and `includeRunCount` while runs of Agno 2 are not copied
   * yet (see `ManagedSchema.migrateLegacyRuns`).
   */
  getSessions(options?: GetSessionsOptions & Scope & ListHeaders): Promise<SessionPage>;
  getSessions(options: GetSessionsOptions & Scope & ListRuns): Promise<SessionPage<Session>>;
  getSessions(
    options: GetSessionsOptions & Scope & (ListHeaders | ListRuns),
  ): Promise<SessionPage<Session | SessionHeader>>;

  /** The pages of `getSessions`, one after the other, each read when the loop asks for it: `for await (const page of …)`. */
  sessionPages(options?: GetSessionsOptions & Scope & ListHeaders): AsyncIterableIterator<SessionPage>;
  sessionPages(options: GetSessionsOptions & Scope & ListRuns): AsyncIterableIterator<SessionPage<Session>>;
  sessionPages(
    options: GetSessionsOptions & Scope & (ListHeaders | ListRuns),
  ): AsyncIterableIterator<SessionPage<Session | SessionHeader>>;

  /**
   * Writes a whole session: an import, or a first write. The fields given replace the stored ones; the runs given are
   * added or replaced by run id, in their order; no stored run is ever removed. Resolves with the session as stored,
   * without its runs. Of an existing session the type, the owner, `createdAt` and whatever is null or left out stay (clear
   * a field with `updateSession`).
   *
   * @throws SessionOwnershipError when the stored session has an owner and `session.userId` is not that owner. A stored
   * session without owner is adopted by `session.userId`.
   * @throws SessionTypeMismatchError when the stored session has another type.
   * @throws RunConflictError when a run id is already stored under another session.
   */
  upsertSession(session: SessionInit, options?: CallOptions & Import): Promise<SessionHeader>;

  /** `upsertSession` for many, in order, all or nothing. An empty list is a no-op. */
  upsertSessions(sessions: readonly SessionInit[], options?: CallOptions & Import): Promise<void>;

  /**
   * Changes state, name, metadata, summary or component data of one session, under its lock: two increments from any two
   * processes MUST add up. Resolves with the session as stored now, or null when it does not exist.
   *
   * @throws SessionOwnershipError when `userId` is given and the session belongs to another user. A session without
   * owner is adopted.
   * @throws SessionTypeMismatchError when `sessionType` is given and the session has another type.
   */
  updateSession(options: SessionKey & Scope, change: SessionChange): Promise<SessionHeader | null>;

  /** `updateSession` of the session's name. */
  renameSession(options: SessionKey & Scope & { sessionName: string }): Promise<SessionHeader | null>;

  /**
   * Deletes one session with all of its runs, and with what Agno keeps of it in other tables of the same database. False
   * when it does not exist, or has no owner and `userId` is given (deleting is not adopting).
   *
   * @throws SessionOwnershipError when `userId` is given and the session belongs to another user.
   * @throws PermissionDeniedError when one of the tables may not be touched; it names the table, and nothing is deleted.
   * @throws InUseError when rows of another table name the session or one of its runs, by a foreign key.
   */
  deleteSession(options: CallOptions & Scope & { sessionId: string }): Promise<boolean>;

  /**
   * Deletes sessions with their runs and resolves with how many there were. Named sessions follow the rules of
   * `deleteSession`, all or nothing. A filter deletes in batches, each of which is committed: repeat a call that failed. A
   * filter with `userId` sees only that user's sessions; one without any condition is an `InvalidArgumentError` unless
   * `userId` is given.
   *
   * @throws PartialDeleteError when a delete by filter fails after some sessions are gone; it says how many.
   */
  deleteSessions(options: DeleteSessionsOptions & Scope): Promise<number>;

  /**
   * Stores one turn: creates the session row from `session` if it is missing, then adds the run, or replaces the stored
   * run of that `runId`, which keeps its place and its `createdAt`. Of an existing session an absent owner, component id and
   * component data are filled in, and `change` is applied; all else that `session` says is for a session that is missing. A
   * sequential append MUST sort after every run committed before it; concurrent appends from any number of processes MUST
   * all survive. Without conditions and `deleteRunsAfter` the cost MUST NOT grow with the session, and no other run is read
   * or rewritten.
   *
   * A run without `userId` is stored under `session.userId`; one with another user's id is that participant's turn.
   *
   * Resolves with `{ stored: true }`, or with `{ stored: false }` and nothing written when a condition (`onlyIfExists`,
   * `onlyIfStatus`, `onlyIfNewest`) does not hold. Conditions MUST be decided under the session's lock, before
   * `deleteRunsAfter` is looked at. The sessions of `also` are locked together with the turn's, in the order of their ids,
   * each under the rules of ownership, and filled in like it. Until the commit, readers see the session as it was.
   *
   * @throws SessionOwnershipError when a stored session has an owner and its `session.userId` is not that owner.
   * @throws SessionTypeMismatchError when a stored session has another type.
   * @throws RunConflictError when the run id is already stored under another session.
   * @throws InvalidArgumentError when `deleteRunsAfter` names no run of the session.
   */
  upsertRun(options: UpsertRunOptions & Import): Promise<UpsertRunResult>;

  /**
   * Changes one run under its session's lock: of several callers that each take something out of a run, no two get the
   * same. The run keeps its id, session, place and `createdAt`. Resolves with the run as stored now, or null when it was
   * deleted, does not exist, or is not in `sessionId`.
   *
   * @throws SessionOwnershipError when `userId` is given and the session belongs to another user. A session without
   * owner is adopted.
   */
  updateRun(options: UpdateRunOptions & Scope, change: RunChange): Promise<Run | null>;

  /** One run, or null when it does not exist or its session belongs to another user than `userId`. */
  getRun(options: CallOptions & Scope & { runId: string }): Promise<Run | null>;

  /**
   * One page of runs: of one session in the session's order, or across sessions by `createdAt` and run id. Member runs
   * and every status are included unless filtered out. With `userId`: runs in sessions that this user owns, whoever wrote
   * them. Deleting runs renumbers the others, so the cursor of a run that was deleted since, in a list of one session, is
   * an `InvalidArgumentError`: start again without it.
   *
   * @throws SchemaMismatchError without `sessionId` while runs of Agno 2 are not copied yet.
   */
  getRuns(options?: GetRunsOptions & Scope): Promise<RunPage>;

  /** The pages of `getRuns`, one after the other, each read when the loop asks for it. */
  runPages(options?: GetRunsOptions & Scope): AsyncIterableIterator<RunPage>;

  /**
   * Deletes the runs named, at most 10,000, and only those; the others keep their order. Resolves with how many there
   * were. Runs of sessions without owner are not deleted for a `userId`.
   *
   * @throws SessionOwnershipError when `userId` is given and one of the runs is in another user's session; then none is
   * deleted, and the error does not tell that session's id.
   * @throws InUseError when rows of another table name one of the runs, by a foreign key; then none is deleted.
   */
  deleteRuns(options: CallOptions & Scope & { runIds: readonly string[] }): Promise<number>;
}
