import {
  InvalidArgumentError,
  SessionStorageDisabledError,
  type JsonObject,
  type Message,
  type MessageOptions,
  type Metrics,
  type Session,
  type SessionDb,
  type SessionHeader,
  type SessionKey,
  type SessionPage,
  type SessionSummary,
  type SessionType,
  type TurnSession,
  type UserScope,
} from "@sessiondb/core";
import { checkLeftOut, present } from "@sessiondb/core/adapter";
import type { SessionAccess } from "./admission.ts";
import { ComponentDb } from "./component-db.ts";
import type { ComponentSettings } from "./component-options.ts";
import { forkOf } from "./fork.ts";
import { ownRuns } from "./own-runs.ts";
import { cancelRun, runningRuns } from "./run-control.ts";
import { readScope, type RunSettings } from "./run-options.ts";
import { changed, type StateChange } from "./run-state.ts";
import { withMetrics } from "./session-metrics.ts";
import { mergeState } from "./merge-state.ts";
import type { RunScope } from "./run-scope.ts";
import { checkStateOptions, stateShape } from "./state-schema.ts";
import {
  cancelReaders,
  changeReaders,
  listReaders,
  messageReaders,
  readReaders,
  readSession,
  renameReaders,
  sessionReaders,
  timeReaders,
  type CancelRunOptions,
  type RunningRun,
  type SessionOptions,
  type SessionScope,
  type UserSessionsOptions,
  type UserSessionTimes,
} from "./session-options.ts";
import { Turn } from "./turn.ts";

/** Base class of agents, teams and workflows. It has a store, takes turns, and manages its own sessions only. */
export abstract class Component<State extends object = JsonObject> {
  abstract readonly sessionType: SessionType;
  readonly id: string;
  readonly name: string | null;
  readonly access: SessionAccess;
  protected readonly settings: ComponentSettings;
  readonly #db: ComponentDb | null;

  protected constructor(settings: ComponentSettings, kind: SessionType) {
    const { id, name, access, db, ownStorage, sessionStorage } = settings;
    if (ownStorage && typeof db !== "string" && typeof db !== "function") {
      throw new InvalidArgumentError(
        "ownStorage",
        "left out unless db is a connection string, or a function that returns one",
      );
    }
    checkStateOptions(settings);
    this.settings = settings;
    this.name = name ?? null;
    this.id = id ?? idOf(name) ?? kind;
    this.access = access;
    this.#db = db === undefined || !sessionStorage ? null : new ComponentDb(db, ownStorage ? this.id : null);
  }

  /** Whether this component stores its runs. */
  get keepsSessions(): boolean {
    return this.#db !== null;
  }

  /**
   * Returns the store of this component. The first call finds or opens it; later calls return the same one.
   *
   * @throws SessionStorageDisabledError without a `db`, or with `sessionStorage: false`.
   * @throws ConnectionStringError when the connection string is missing or invalid, or when the `db` function throws.
   * @throws AdapterNotInstalledError when the database's package is not installed.
   */
  async getDb(): Promise<SessionDb> {
    if (this.#db === null) {
      throw new SessionStorageDisabledError(this.id);
    }
    return this.#db.get();
  }

  /** Closes the store if this component opened it from a connection string. */
  async close(): Promise<void> {
    await this.#db?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * Lists a user's sessions without their runs. With `access: "shared"`, lists those in which the user took part.
   *
   * @throws InvalidArgumentError without a user.
   */
  async getUserSessions(options: UserSessionsOptions = {}): Promise<SessionPage> {
    const { userId: _given, ...rest } = readScope(options, listReaders);
    const user = this.#userOf(options);
    const db = await this.getDb();
    return db.getSessions({
      ...present(rest),
      sessionType: this.sessionType,
      componentId: this.id,
      ...(this.access === "shared" ? { participantId: user } : { userId: user }),
    });
  }

  /** Returns a session with its runs, or with the newest `runsLimit` that history uses; null when it does not exist. */
  async getSession(options: SessionOptions & { runsLimit?: number | undefined } = {}): Promise<Session | null> {
    const { runsLimit, ...scope } = readSession(options, readReaders);
    return this.#session(await this.getDb(), scope, runsLimit);
  }

  /** Deletes a session; false if it does not exist. With a user, only the owner may. A run in progress is lost. */
  async deleteSession(options: SessionOptions = {}): Promise<boolean> {
    const scope = readSession(options, sessionReaders);
    const db = await this.getDb();
    const user = scope.userId ?? this.settings.userId;
    const session = await this.#header(db, scope);
    return (
      session !== null &&
      (await db.deleteSession({ sessionId: session.sessionId, ...(user !== undefined && { userId: user }) }))
    );
  }

  /** Deletes a user's sessions, all or those created in a time range (Unix seconds, inclusive). Returns how many. */
  async deleteUserSessions(options: UserSessionTimes = {}): Promise<number> {
    const { userId: _given, ...times } = readScope(options, timeReaders);
    const user = this.#userOf(options);
    const db = await this.getDb();
    const filter = { ...present(times), sessionType: this.sessionType, componentId: this.id };
    return db.deleteSessions({ filter, userId: user });
  }

  /**
   * Cancels a run that is in progress or waits for an approval, wherever its process is. Its row is CANCELLED at once,
   * with what it said and did so far, and stays so whatever the run ends with. A run of this process ends at once; that
   * of another process when it next writes, or after 20 seconds at the latest. Returns false if there is no such run
   * among those of this component, of the session and of the user, or if it has ended.
   */
  async cancelRun(options: CancelRunOptions): Promise<boolean> {
    const { runId, ...scope } = readSession(options, cancelReaders);
    const isConfined = this.access === "owner";
    return cancelRun(this, {
      runId,
      sessionId: scope.sessionId ?? null,
      userId: (isConfined ? (scope.userId ?? this.settings.userId) : null) ?? null,
      db: await this.getDb(),
      find: async (sessionId) => this.#header(await this.getDb(), { ...scope, sessionId }),
    });
  }

  /**
   * Lists the runs of this component that are in progress, in any process: those that showed a sign of life within the
   * time after which they count as left. With `access: "shared"` and a user, those of that user.
   *
   * @throws SchemaMismatchError without a session while runs of Agno 2 are in their old column, see `migrateLegacyRuns`.
   */
  async getRunningRuns(options: SessionOptions = {}): Promise<RunningRun[]> {
    const { sessionId = null, userId = this.settings.userId ?? null } = readSession(options, sessionReaders);
    const { staleAfter } = this.settings;
    return runningRuns(this, { db: await this.getDb(), sessionId, userId, staleAfter });
  }

  /** Renames a session to `sessionName`, or with `autogenerate` to a name made from it. Null when it does not exist. */
  async renameSession(
    options: SessionOptions &
      ({ sessionName: string; autogenerate?: undefined } | { autogenerate: true; sessionName?: undefined }),
  ): Promise<SessionHeader | null> {
    const { sessionName, autogenerate, ...scope } = readSession(options, renameReaders);
    if (sessionName !== undefined) {
      checkLeftOut({ autogenerate }, ["autogenerate"], "sessionName");
    } else if (autogenerate === undefined) {
      throw new InvalidArgumentError("sessionName", "given, unless autogenerate is true");
    }
    const db = await this.getDb();
    if (sessionName === undefined) {
      const session = await this.#session(db, scope);
      if (session === null) {
        return null;
      }
      session.runs = await ownRuns(this, session.runs, { db, session });
      const metrics: Metrics[] = [];
      const name = await this.nameFor(session, (used) => metrics.push(used));
      return db.updateSession(this.#key(scope), ({ sessionData }) => ({
        sessionData: withMetrics(sessionData, metrics),
        sessionName: name,
      }));
    }
    const session = await this.#header(db, scope);
    return session && db.renameSession({ ...this.#key(scope), sessionName });
  }

  /** Returns messages of a session's runs, by the rules of `Session.getMessages`; none if missing or a workflow's. */
  async getMessages(options: SessionOptions & MessageOptions = {}): Promise<Message[]> {
    const { sessionId, userId: user, ...rest } = readSession(options, messageReaders);
    const session = await this.#session(await this.getDb(), { sessionId, userId: user });
    return session === null || session.sessionType === "workflow" ? [] : session.getMessages(present(rest));
  }

  /** Returns the summary of a session; null when it has none or does not exist. */
  async getSessionSummary(options: SessionOptions = {}): Promise<SessionSummary | null> {
    const scope = readSession(options, sessionReaders);
    return (await this.#header(await this.getDb(), scope))?.getSummary() ?? null;
  }

  /**
   * Returns the state of a session; null when it does not exist.
   *
   * @throws SessionStateMismatchError when it does not fit the schema, unless `onInvalidSessionState` is `reset`.
   */
  async getSessionState(options: SessionOptions = {}): Promise<State | null> {
    const scope = readSession(options, sessionReaders);
    const session = await this.#header(await this.getDb(), scope);
    return session && (stateShape(this.settings, session.sessionId).read({ ...session.sessionState }) as State);
  }

  /**
   * Changes the state of a session under its lock, so increments from any two processes add up. `change` is a
   * synchronous function without side effects, or an object whose keys replace those of the same name. Returns the new
   * state; null when the session does not exist.
   *
   * @throws InvalidArgumentError when the new state does not fit the schema.
   * @throws SessionStateMismatchError when `change` is a function and the stored state does not fit, unless
   * `onInvalidSessionState` is `reset`.
   */
  async updateSessionState(
    options: SessionOptions & { change: StateChange<State> | Partial<State> },
  ): Promise<State | null> {
    const { change, ...scope } = readSession(options, changeReaders);
    const db = await this.getDb();
    const session = await this.#header(db, scope);
    if (session === null) {
      return null;
    }
    const shape = stateShape(this.settings, session.sessionId);
    const updated = await db.updateSession(this.#key(scope), ({ sessionState: stored }) => {
      if (typeof change === "function") {
        return { sessionState: shape.changed({ ...stored }, "change", (state) => changed(state, change)) };
      }
      const sessionState = { ...stored, ...change };
      shape.fit(sessionState, "change");
      return { sessionState };
    });
    return updated && (shape.read({ ...updated.sessionState }) as State);
  }

  /**
   * Copies a session and its runs under new ids; the original and the copy then continue independently. Runs that may
   * still continue are not copied. The copy belongs to `userId`, or else to the owner of the original. Null when the
   * session does not exist.
   */
  async forkSession(options: SessionOptions = {}): Promise<Session | null> {
    const scope = readSession(options, sessionReaders);
    const db = await this.getDb();
    const session = await this.#session(db, scope);
    if (session === null) {
      return null;
    }
    const fork = forkOf(session, scope.userId ?? this.settings.userId ?? session.userId);
    await db.upsertSession(fork);
    return db.getSession({ sessionId: fork.sessionId });
  }

  /**
   * Fits the state of a run around this component's to its schema, with what that fills in.
   *
   * @throws SessionStateMismatchError when it does not fit.
   */
  protected fitState({ sessionId, state }: RunScope): void {
    if (this.settings.sessionStateSchema !== undefined) {
      const shape = stateShape({ ...this.settings, onInvalidSessionState: "throw" }, sessionId);
      state.update((stored) => mergeState(stored, shape.read(stored)));
    }
  }

  /** Makes a name for a session. `count` takes the tokens that this costs. */
  protected abstract nameFor(session: Session, count: (metrics: Metrics) => void): Promise<string>;

  /** Returns the session that a turn of this component creates. */
  newSession(sessionId: string, userId: string | null): TurnSession {
    const { sessionState, metadata } = this.settings;
    return {
      ...this.sessionIdentity(sessionId),
      userId,
      ...(sessionState !== undefined && { sessionData: { session_state: structuredClone(sessionState) } }),
      ...(metadata !== undefined && { metadata: structuredClone(metadata) }),
    };
  }

  /** Opens a turn: reads the session with its newest `runsLimit` runs. */
  protected openTurn(options: RunSettings, runsLimit: number): Promise<Turn> {
    return Turn.open({ component: this, settings: this.settings, options, runsLimit });
  }

  /** Returns a session's ids and the component's data that is stored with it. */
  protected abstract sessionIdentity(sessionId: string): TurnSession;

  async #session(db: SessionDb, scope: SessionScope, runsLimit?: number): Promise<Session | null> {
    const limit = runsLimit === undefined ? {} : { runsLimit };
    return this.#own(await db.getSession({ ...this.#key(scope), ...limit }));
  }

  async #header(db: SessionDb, scope: SessionScope): Promise<SessionHeader | null> {
    return this.#own(await db.getSession({ ...this.#key(scope), includeRuns: false }));
  }

  #own<Found extends Session | SessionHeader>(session: Found | null): Found | null {
    return session !== null && (session.componentId === null || session.componentId === this.id) ? session : null;
  }

  #key(scope: SessionScope): SessionKey & UserScope {
    const user = scope.userId ?? this.settings.userId;
    const sessionId = scope.sessionId ?? this.settings.sessionId;
    if (sessionId === undefined) {
      throw new InvalidArgumentError("sessionId", "given, here or as an option of the component");
    }
    const isConfined = this.access === "owner" && user !== undefined;
    return { sessionId, sessionType: this.sessionType, ...(isConfined && { userId: user }) };
  }

  /** Returns the user whose sessions to list or delete. */
  #userOf(options: { readonly userId?: string }): string {
    const user = options.userId ?? this.settings.userId;
    if (user === undefined) {
      throw new InvalidArgumentError("userId", "given, here or as an option of the component");
    }
    return user;
  }
}

function idOf(name: string | undefined): string | null {
  const id = name
    ?.normalize("NFKD")
    .replaceAll(/\p{M}/gu, "")
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, "-")
    .replaceAll(/^-|-$/g, "");
  return id === undefined || id === "" ? null : id;
}
