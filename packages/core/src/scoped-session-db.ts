import { checkObject } from "./arguments.ts";
import { InvalidArgumentError } from "./errors.ts";
import type { UserMemoryDb } from "./memory-db.ts";
import type { Run } from "./models/runs.ts";
import type { Session, SessionHeader, SessionInit } from "./models/sessions.ts";
import type {
  AlsoChange,
  CallOptions,
  DeleteSessionsOptions,
  GetRunsOptions,
  GetSessionsOptions,
  ListHeaders,
  ListRuns,
  ReadRuns,
  RunChange,
  RunPage,
  SessionChange,
  SessionKey,
  SessionPage,
  SkipRuns,
  TurnSession,
  UpdateRunOptions,
  UpsertRunOptions,
  UpsertRunResult,
} from "./options.ts";
import { pagesOf } from "./pages.ts";
import { ScopedMemoryDb } from "./scoped-memory-db.ts";
import type { SearchPage, SearchSessionsOptions } from "./search-options.ts";
import type { SessionDb, UserSessionDb } from "./session-db.ts";

/**
 * Returns the store of a handle, or the store itself, and the user that it is confined to, null for none. It is for
 * packages that are trusted to confine their work to that user. Request code has no use for it.
 */
export function storeOf(db: SessionDb | UserSessionDb): { readonly db: SessionDb; readonly userId: string | null } {
  return ScopedSessionDb.storeOf(db) ?? { db: db as SessionDb, userId: null };
}

/** The handle that `forUser` returns. Its store is private, so code with the handle cannot reach other users. */
export class ScopedSessionDb implements UserSessionDb {
  readonly userId: string;
  readonly memories: UserMemoryDb | null;
  readonly #db: SessionDb;

  constructor(db: SessionDb, userId: string) {
    this.#db = db;
    this.userId = userId;
    this.memories = db.memories === null ? null : new ScopedMemoryDb(db.memories, userId);
    // Otherwise untyped callers could assign another user to the handle.
    Object.freeze(this);
  }

  /** Returns the store and the user of a handle, or null if it is not a handle. */
  static storeOf(handle: object): { readonly db: SessionDb; readonly userId: string } | null {
    return #db in handle ? { db: handle.#db, userId: handle.userId } : null;
  }

  getSession(options: SessionKey & ReadRuns): Promise<Session | null>;
  getSession(options: SessionKey & SkipRuns): Promise<SessionHeader | null>;
  getSession(options: SessionKey & (ReadRuns | SkipRuns)): Promise<Session | SessionHeader | null>;
  async getSession(options: SessionKey & (ReadRuns | SkipRuns)): Promise<Session | SessionHeader | null> {
    return this.#db.getSession(this.#scoped(options));
  }

  getSessions(options?: GetSessionsOptions & ListHeaders): Promise<SessionPage>;
  getSessions(options: GetSessionsOptions & ListRuns): Promise<SessionPage<Session>>;
  getSessions(options: GetSessionsOptions & (ListHeaders | ListRuns)): Promise<SessionPage<Session | SessionHeader>>;
  async getSessions(
    options: GetSessionsOptions & (ListHeaders | ListRuns) = {},
  ): Promise<SessionPage<Session | SessionHeader>> {
    return this.#db.getSessions(this.#scoped(options));
  }

  sessionPages(options?: GetSessionsOptions & ListHeaders): AsyncIterableIterator<SessionPage>;
  sessionPages(options: GetSessionsOptions & ListRuns): AsyncIterableIterator<SessionPage<Session>>;
  sessionPages(
    options: GetSessionsOptions & (ListHeaders | ListRuns),
  ): AsyncIterableIterator<SessionPage<Session | SessionHeader>>;
  sessionPages(
    options: GetSessionsOptions & (ListHeaders | ListRuns) = {},
  ): AsyncIterableIterator<SessionPage<Session | SessionHeader>> {
    return pagesOf(options, (page) => this.getSessions(page));
  }

  async searchSessions(options: SearchSessionsOptions): Promise<SearchPage> {
    return this.#db.searchSessions(this.#scoped(options));
  }

  async upsertSession(session: SessionInit, options: CallOptions = {}): Promise<SessionHeader> {
    return this.#db.upsertSession(this.#owned(session, "session"), this.#untrusted(options));
  }

  async upsertSessions(sessions: readonly SessionInit[], options: CallOptions = {}): Promise<void> {
    if (!Array.isArray(sessions)) {
      throw new InvalidArgumentError("sessions", "an array of sessions");
    }
    const owned = sessions.map((session: SessionInit, index) => this.#owned(session, `sessions[${index}]`));
    return this.#db.upsertSessions(owned, this.#untrusted(options));
  }

  async updateSession(options: SessionKey, change: SessionChange): Promise<SessionHeader | null> {
    return this.#db.updateSession(this.#scoped(options), change);
  }

  async renameSession(options: SessionKey & { sessionName: string }): Promise<SessionHeader | null> {
    return this.#db.renameSession(this.#scoped(options));
  }

  async deleteSession(options: CallOptions & { sessionId: string }): Promise<boolean> {
    return this.#db.deleteSession(this.#scoped(options));
  }

  async deleteSessions(options: DeleteSessionsOptions): Promise<number> {
    return this.#db.deleteSessions(this.#scoped(options));
  }

  async upsertRun(options: UpsertRunOptions): Promise<UpsertRunResult> {
    const { session, run, also } = this.#untrusted(options);
    return this.#db.upsertRun({
      ...options,
      session: this.#ownedTurn(session, "session"),
      run: this.#written(run, "run"),
      ...(Array.isArray(also) && {
        also: also.map((each: AlsoChange, index) => this.#ownedAlso(each, `also[${index}]`)),
      }),
    });
  }

  async updateRun(options: UpdateRunOptions, change: RunChange): Promise<Run | null> {
    return this.#db.updateRun(this.#scoped(options), typeof change === "function" ? this.#confined(change) : change);
  }

  async getRun(options: CallOptions & { runId: string }): Promise<Run | null> {
    return this.#db.getRun(this.#scoped(options));
  }

  async getRuns(options: GetRunsOptions = {}): Promise<RunPage> {
    return this.#db.getRuns(this.#scoped(options));
  }

  runPages(options: GetRunsOptions = {}): AsyncIterableIterator<RunPage> {
    return pagesOf(options, (page) => this.getRuns(page));
  }

  async deleteRuns(options: CallOptions & { runIds: readonly string[] }): Promise<number> {
    return this.#db.deleteRuns(this.#scoped(options));
  }

  #scoped<Options extends object>(options: Options): Options & { userId: string } {
    checkObject(options, "options");
    this.#refuseOther(options["userId"], "userId");
    return { ...options, userId: this.userId };
  }

  /** Refuses `keepTimes`: a user's own times could place a session before or after what others wrote. */
  #untrusted<Options extends object>(options: Options): Options {
    checkObject(options, "options");
    if ("keepTimes" in options) {
      throw new InvalidArgumentError("keepTimes", "left out on a user's handle: it is for imports by trusted code");
    }
    return options;
  }

  #owned(session: SessionInit, argument: string): SessionInit {
    checkObject(session, argument);
    this.#refuseOther(session.userId, `${argument}.userId`);
    const { runs } = session;
    const written = Array.isArray(runs)
      ? runs.map((run: Run, index) => this.#written(run, `${argument}.runs[${index}]`))
      : runs;
    return { ...session, userId: this.userId, ...(written !== undefined && { runs: written }) };
  }

  /** `#owned` keeps `runs` as given: null, absent, or a list for the store to refuse. */
  #ownedTurn(session: TurnSession, argument: string): TurnSession {
    return this.#owned(session, argument) as TurnSession;
  }

  #ownedAlso(also: AlsoChange, argument: string): AlsoChange {
    checkObject(also, argument);
    return { ...also, session: this.#ownedTurn(also.session, `${argument}.session`) };
  }

  #written(run: Run, argument: string): Run {
    checkObject(run, argument);
    this.#refuseOther(run.userId, `${argument}.userId`);
    return { ...run, userId: this.userId };
  }

  /** The user who wrote the run, perhaps a participant, stays its user. */
  #confined(change: RunChange): RunChange {
    return (run) => {
      const { userId } = run;
      const changed = change(run);
      if (changed !== null && typeof changed === "object" && changed.userId !== userId) {
        this.#refuseOther(changed.userId, "change.userId");
      }
      return changed;
    };
  }

  #refuseOther(userId: unknown, argument: string): void {
    if (userId !== undefined && userId !== null && userId !== this.userId) {
      throw new InvalidArgumentError(argument, "left out, or the handle's own user");
    }
  }
}
