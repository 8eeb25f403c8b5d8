import type { SchemaProblem } from "./errors.ts";
import type { JsonObject } from "./json.ts";
import type { Run, RunStatus } from "./models/runs.ts";
import type { Session, SessionInit, SessionType } from "./models/sessions.ts";
import type { SessionSummary } from "./models/summary.ts";

/**
 * The contract of a session store. docs/concepts.md explains the words, `@sessiondb/conformance` checks every promise.
 *
 * Rules that hold for every method:
 * - Ids are 1 to `limits.idLength` characters, compared byte for byte: case, accents and trailing spaces count.
 * - A `userId` argument confines the call to sessions that user owns. Leaving it out means "any user" and is for trusted
 *   code alone; giving it as `undefined`, `null` or `""` MUST be an `InvalidArgumentError`, since a missing scope is never
 *   "everyone". The same goes for every other condition of a list or a filter. Request code gets `forUser(userId)`.
 * - `null` means absent. Misuse and refusals reject with a `SessionDbError`; nothing is half-written.
 * - Every write is atomic and safe to repeat. Timestamps are integer Unix seconds.
 * - NUL and lone surrogates inside stored text become U+FFFD; in an id they are an error.
 */
export interface SessionDb extends AsyncDisposable {
  readonly limits: SessionDbLimits;

  /**
   * One session with its runs in order, or null when it does not exist, is of another `sessionType`, or belongs to
   * another user than `userId`. `runsLimit: n` reads the newest n runs that history uses (no member runs, none that is
   * paused, cancelled, failed or regenerated) at a cost that MUST NOT grow with the runs before them. `includeRuns: false` MUST
   * NOT read any run.
   */
  getSession(options: GetSessionOptions): Promise<Session | null>;

  /**
   * One page of the sessions that meet every given condition, newest first by default, without runs by default. Pages
   * that follow `nextCursor` MUST NOT repeat or skip a session because of equal timestamps or concurrent inserts.
   *
   * @throws SchemaMismatchError for `participantId` while runs of Agno 2 are not copied yet (see `migrateLegacyRuns`).
   */
  getSessions(options?: GetSessionsOptions): Promise<SessionPage>;

  /**
   * Writes a whole session: an import, or a first write. The fields given replace the stored ones; the runs given are
   * added or replaced by run id, in their order; no stored run is ever removed. Resolves with the session as stored,
   * its `runs` left empty. Of an existing session the type, the owner, `createdAt` and whatever is null or left out
   * stay (clear a field with `updateSession`), and `updatedAt` becomes now, if that is not earlier than it was.
   *
   * @throws SessionOwnershipError when the stored session has an owner and `session.userId` is not that owner. A stored
   * session without owner is adopted by `session.userId`.
   * @throws SessionTypeMismatchError when the stored session has another type.
   * @throws RunConflictError when a run id is already stored under another session.
   */
  upsertSession(session: SessionInit): Promise<Session>;

  /** `upsertSession` for many, in order, all or nothing. An empty list is a no-op. */
  upsertSessions(sessions: readonly SessionInit[]): Promise<void>;

  /**
   * Changes state, name, metadata, summary or component data of one session. A function gets the session as stored
   * (without runs) and returns what to change; it runs under the session's lock, so two increments from any two
   * processes MUST add up. It must be synchronous and free of side effects: a retry calls it again.
   * Resolves with the session as stored now, without runs, or null when it does not exist.
   *
   * @throws SessionOwnershipError when `userId` is given and the session belongs to another user. A session without
   * owner is adopted.
   * @throws SessionTypeMismatchError when `sessionType` is given and the session has another type.
   */
  updateSession(scope: SessionScope, change: SessionChange): Promise<Session | null>;

  /** `updateSession` of the session's name. */
  renameSession(options: SessionScope & { sessionName: string }): Promise<Session | null>;

  /**
   * Deletes one session with all of its runs. False when it does not exist, or has no owner and `userId` is given
   * (deleting is not adopting).
   *
   * @throws SessionOwnershipError when `userId` is given and the session belongs to another user.
   */
  deleteSession(options: { sessionId: string; userId?: string }): Promise<boolean>;

  /**
   * Deletes the sessions named, or all that meet a filter, with their runs; all or nothing. Resolves with how many there
   * were. Named sessions follow the rules of `deleteSession`; a filter with `userId` sees only that user's sessions. A
   * filter without any condition is an `InvalidArgumentError` unless `userId` is given.
   */
  deleteSessions(options: DeleteSessionsOptions): Promise<number>;

  /**
   * Stores one turn: creates the session row from `session` if it is missing, then adds the run, or replaces the stored
   * run of that `runId`, which keeps its place and its `createdAt`. Of an existing session only `updatedAt` changes, plus an absent owner and what
   * `change` says (see `updateSession`; applied in the same transaction). A sequential append MUST sort after every run
   * committed before it; concurrent appends from any number of processes MUST all survive. The cost MUST NOT grow with
   * the session, and no other run is read or rewritten.
   *
   * A run without `userId` is stored under `session.userId`; one with another user's id is that participant's turn.
   *
   * With `onlyIfStatus` it replaces a stored run of that status or does nothing at all, which MUST be decided under the
   * session's lock: whoever closes a run that was left behind never overwrites what its process wrote meanwhile.
   *
   * @throws SessionOwnershipError when the stored session has an owner and `session.userId` is not that owner.
   * @throws SessionTypeMismatchError when the stored session has another type.
   * @throws RunConflictError when the run id is already stored under another session.
   */
  upsertRun(options: UpsertRunOptions): Promise<void>;

  /** One run, or null when it does not exist or its session belongs to another user than `userId`. */
  getRun(options: { runId: string; userId?: string }): Promise<Run | null>;

  /**
   * One page of runs: of one session in the session's order, or across sessions by `createdAt` and run id. Member runs
   * and every status are included unless filtered out.
   *
   * @throws SchemaMismatchError without `sessionId` while runs of Agno 2 are not copied yet (see `migrateLegacyRuns`).
   */
  getRuns(options?: GetRunsOptions): Promise<RunPage>;

  /**
   * Deletes the runs named, and only those; the others keep their order. Resolves with how many there were. Runs of
   * sessions without owner are not deleted for a `userId`.
   *
   * @throws SessionOwnershipError when `userId` is given and one of the runs is in another user's session; then none is
   * deleted.
   */
  deleteRuns(options: { runIds: readonly string[]; userId?: string }): Promise<number>;

  /** Creates what is missing of the tables. Safe to call from any number of processes at once. */
  migrate(): Promise<void>;

  /** The SQL statements that `migrate` would run, in order; empty when there is nothing to do. Changes nothing. */
  planMigration(): Promise<readonly string[]>;

  /** How the tables found differ from the tables needed; empty when they are right. Issues no DDL. */
  verifySchema(): Promise<readonly SchemaProblem[]>;

  /**
   * Copies the runs of a database written by Agno 2, where they are one JSON column of the session, into rows of their
   * own. Idempotent, resumable, in batches; the old column stays as a backup and is no longer read once all is copied.
   */
  migrateLegacyRuns(options?: MigrateLegacyRunsOptions): Promise<LegacyRunsProgress>;

  /** A handle confined to the sessions of one user, with no way out: the one to give to request code. */
  forUser(userId: string): UserSessionDb;

  /**
   * Waits for what is under way, then closes what this store opened; a client that was passed in stays open. Later calls
   * reject with `ClosedError`; closing twice is harmless.
   */
  close(): Promise<void>;
}

/** `SessionDb` for one user: the same methods and promises, with `userId` fixed. */
export interface UserSessionDb {
  readonly userId: string;
  getSession(options: Omit<GetSessionOptions, "userId">): Promise<Session | null>;
  getSessions(options?: Omit<GetSessionsOptions, "userId">): Promise<SessionPage>;
  /** `session.userId`, and that of its runs, is set to this user; another user's id is an `InvalidArgumentError`. */
  upsertSession(session: SessionInit): Promise<Session>;
  upsertSessions(sessions: readonly SessionInit[]): Promise<void>;
  updateSession(scope: Omit<SessionScope, "userId">, change: SessionChange): Promise<Session | null>;
  renameSession(options: Omit<SessionScope, "userId"> & { sessionName: string }): Promise<Session | null>;
  deleteSession(options: { sessionId: string }): Promise<boolean>;
  deleteSessions(options: { sessionIds: readonly string[] } | { filter: SessionFilter }): Promise<number>;
  /** `session.userId` is set to this user, and so is the run's. */
  upsertRun(options: UpsertRunOptions): Promise<void>;
  getRun(options: { runId: string }): Promise<Run | null>;
  getRuns(options?: Omit<GetRunsOptions, "userId">): Promise<RunPage>;
  deleteRuns(options: { runIds: readonly string[] }): Promise<number>;
}

/** What a store can hold. Larger values are refused before anything is written. */
export interface SessionDbLimits {
  /** The longest id, in Unicode characters. */
  readonly idLength: number;
  /** The largest JSON document (a run, a session state …), in bytes of UTF-8. */
  readonly payloadBytes: number;
}

export interface SessionScope {
  sessionId: string;
  sessionType?: SessionType;
  userId?: string;
}

export interface GetSessionOptions extends SessionScope {
  /** The newest n runs that history uses. Default: all runs. 0 reads none. */
  runsLimit?: number;
  /** Default true. */
  includeRuns?: boolean;
}

/** Conditions on sessions; those given must all hold. */
export interface SessionFilter {
  sessionType?: SessionType;
  /** A user with at least one run in the session. */
  participantId?: string;
  /** The id of the agent, team or workflow. */
  componentId?: string;
  /** A part of the session's name, in any case; `%` and `_` are ordinary characters, and `""` is part of every name. */
  sessionName?: string;
  /** Created at or after, in Unix seconds. */
  startTimestamp?: number;
  /** Created at or before, in Unix seconds. */
  endTimestamp?: number;
}

export interface GetSessionsOptions extends SessionFilter {
  userId?: string;
  /** Default `createdAt`. A session without `updatedAt` sorts by `createdAt`. Ties go by session id, in the same direction. */
  sortBy?: "createdAt" | "updatedAt";
  /** Default `desc`. */
  sortOrder?: SortOrder;
  /** Default 50. */
  limit?: number;
  /** 1-based; costs the pages before it. Prefer `cursor`, with which it cannot be combined. */
  page?: number;
  /** `nextCursor` of the page before, asked with the same order. */
  cursor?: string;
  /** Default false. */
  includeRuns?: boolean;
  /** With `includeRuns`: the newest n runs that history uses, of each session. Default: all runs. */
  runsLimit?: number;
  /** Whether to count all sessions that meet the conditions. Default false. */
  includeTotal?: boolean;
}

export type SortOrder = "asc" | "desc";

export interface SessionPage {
  readonly sessions: Session[];
  /** Null on the last page. */
  readonly nextCursor: string | null;
  /** Only with `includeTotal`. */
  readonly total?: number;
}

/** What to change of a session; what is left out stays. */
export interface SessionPatch {
  sessionName?: string;
  /** Replaces the whole session state. */
  sessionState?: JsonObject;
  /** Replaces all session data; `sessionName` and `sessionState` are applied after it. */
  sessionData?: JsonObject;
  metadata?: JsonObject | null;
  summary?: SessionSummary | null;
  agentData?: JsonObject | null;
  teamData?: JsonObject | null;
  workflowData?: JsonObject | null;
}

export type SessionChange = SessionPatch | ((session: Session) => SessionPatch);

export interface UpsertRunOptions {
  /** Identity of the session, and its first content should it not exist yet. `runs` is ignored. */
  session: SessionInit;
  run: Run;
  change?: SessionChange;
  /** Writes only if the run is stored in the session with this status now; otherwise nothing is written. */
  onlyIfStatus?: RunStatus;
}

export type DeleteSessionsOptions =
  | { sessionIds: readonly string[]; userId?: string }
  | { filter: SessionFilter; userId?: string };

export interface GetRunsOptions {
  sessionId?: string;
  /** Runs in sessions that this user owns, whoever wrote the run. */
  userId?: string;
  /** The user who wrote the run. */
  participantId?: string;
  status?: RunStatus | readonly RunStatus[];
  /** Null: only runs that are no member runs. */
  parentRunId?: string | null;
  /** Created at or after, in Unix seconds. */
  startTimestamp?: number;
  /** Created at or before, in Unix seconds. */
  endTimestamp?: number;
  /** Default `asc`. */
  order?: SortOrder;
  /** Default 50. */
  limit?: number;
  /** `nextCursor` of the page before, asked with the same options. */
  cursor?: string;
}

export interface RunPage {
  readonly runs: Run[];
  /** Null on the last page. */
  readonly nextCursor: string | null;
}

export interface MigrateLegacyRunsOptions {
  /** Sessions per transaction. Default 100. */
  batchSize?: number;
  onProgress?: (progress: LegacyRunsProgress) => void;
  /** Stops between two batches; what is copied stays copied. */
  signal?: AbortSignal;
}

export interface LegacyRunsProgress {
  /** Sessions looked at so far. */
  readonly sessions: number;
  /** Runs copied so far. */
  readonly runs: number;
  /** Runs left in the column because another session has a run of the same id. */
  readonly skipped: number;
}
