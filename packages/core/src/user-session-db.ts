import { checkObject } from "./arguments.ts";
import { InvalidArgumentError } from "./errors.ts";
import type { Run } from "./models/runs.ts";
import type { Session, SessionInit } from "./models/sessions.ts";
import type {
  GetRunsOptions,
  GetSessionOptions,
  GetSessionsOptions,
  RunPage,
  SessionChange,
  SessionDb,
  SessionFilter,
  SessionPage,
  SessionScope,
  UpsertRunOptions,
  UserSessionDb,
} from "./session-db.ts";

/** `forUser` of every store. It holds its store privately: whoever has the handle cannot reach beyond its user. */
export class ScopedSessionDb implements UserSessionDb {
  readonly userId: string;
  readonly #db: SessionDb;

  constructor(db: SessionDb, userId: string) {
    this.#db = db;
    this.userId = userId;
    // Callers without types could otherwise assign another user to the handle.
    Object.freeze(this);
  }

  async getSession(options: Omit<GetSessionOptions, "userId">): Promise<Session | null> {
    return this.#db.getSession(this.#scoped(options));
  }

  async getSessions(options: Omit<GetSessionsOptions, "userId"> = {}): Promise<SessionPage> {
    return this.#db.getSessions(this.#scoped(options));
  }

  async upsertSession(session: SessionInit): Promise<Session> {
    return this.#db.upsertSession(this.#owned(session));
  }

  async upsertSessions(sessions: readonly SessionInit[]): Promise<void> {
    if (!Array.isArray(sessions)) {
      throw new InvalidArgumentError("sessions", "an array of sessions");
    }
    return this.#db.upsertSessions(sessions.map((session: SessionInit) => this.#owned(session)));
  }

  async updateSession(scope: Omit<SessionScope, "userId">, change: SessionChange): Promise<Session | null> {
    return this.#db.updateSession(this.#scoped(scope), change);
  }

  async renameSession(options: Omit<SessionScope, "userId"> & { sessionName: string }): Promise<Session | null> {
    return this.#db.renameSession(this.#scoped(options));
  }

  async deleteSession(options: { sessionId: string }): Promise<boolean> {
    return this.#db.deleteSession(this.#scoped(options));
  }

  async deleteSessions(options: { sessionIds: readonly string[] } | { filter: SessionFilter }): Promise<number> {
    return this.#db.deleteSessions(this.#scoped(options));
  }

  async upsertRun(options: UpsertRunOptions): Promise<void> {
    checkObject(options, "options");
    return this.#db.upsertRun({
      ...options,
      session: this.#owned(options.session),
      run: this.#written(options.run, "run"),
    });
  }

  async getRun(options: { runId: string }): Promise<Run | null> {
    return this.#db.getRun(this.#scoped(options));
  }

  async getRuns(options: Omit<GetRunsOptions, "userId"> = {}): Promise<RunPage> {
    return this.#db.getRuns(this.#scoped(options));
  }

  async deleteRuns(options: { runIds: readonly string[] }): Promise<number> {
    return this.#db.deleteRuns(this.#scoped(options));
  }

  #scoped<Options extends object>(options: Options): Options & { userId: string } {
    checkObject(options, "options");
    this.#refuseOther(options["userId"], "userId");
    return { ...options, userId: this.userId };
  }

  #owned(session: SessionInit): SessionInit {
    checkObject(session, "session");
    this.#refuseOther(session.userId, "session.userId");
    const { runs } = session;
    const written = Array.isArray(runs)
      ? runs.map((run: Run, index) => this.#written(run, `session.runs[${index}]`))
      : runs;
    return { ...session, userId: this.userId, ...(written !== undefined && { runs: written }) };
  }

  #written(run: Run, argument: string): Run {
    checkObject(run, argument);
    this.#refuseOther(run.userId, `${argument}.userId`);
    return { ...run, userId: this.userId };
  }

  #refuseOther(userId: unknown, argument: string): void {
    if (userId !== undefined && userId !== null && userId !== this.userId) {
      throw new InvalidArgumentError(argument, "left out, or the user of this handle");
    }
  }
}
