import {
  InvalidArgumentError,
  SessionStorageDisabledError,
  type JsonObject,
  type Message,
  type MessageOptions,
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
import { readScope, type RunSettings } from "./run-options.ts";
import { changed, type StateChange } from "./run-state.ts";
import {
  changeReaders,
  listReaders,
  messageReaders,
  readReaders,
  readSession,
  renameReaders,
  sessionReaders,
  timeReaders,
  type SessionOptions,
  type SessionScope,
  type UserSessionsOptions,
  type UserSessionTimes,
} from "./session-options.ts";
import { Turn } from "./turn.ts";

/** Base of agents, teams and workflows: has a store, takes turns, and manages its sessions. It sees no other component's. */
export abstract class Component {
  abstract readonly sessionType: SessionType;
  readonly id: string;
  readonly name: string | null;
  readonly access: SessionAccess;
  protected readonly settings: ComponentSettings;
  readonly #db: ComponentDb | null;

  protected constructor(settings: ComponentSettings, kind: SessionType) {
    if (settings.ownStorage && settings.db === undefined) {
      throw new InvalidArgumentError("ownStorage", "left out without a db, of which it would be a part");
    }
    this.settings = settings;
    const { id, name, access, db, ownStorage, sessionStorage } = settings;
    this.name = name ?? null;
    this.id = id ?? idOf(name) ?? kind;
    this.access = access;
    this.#db = db === undefined || !sessionStorage ? null : new ComponentDb(db, ownStorage ? this.id : null);
  }

  /** Whether runs are kept. */
  get keepsSessions(): boolean {
    return this.#db !== null;
  }

  /**
   * Returns the store of this component, which is found at the first call and then kept.
   *
   * @throws SessionStorageDisabledError without a `db`, or with `sessionStorage: false`.
   * @throws ConnectionStringError when there is no connection string, or none that can be understood.
   * @throws AdapterNotInstalledError when the database's package is absent.
   */
  async getDb(): Promise<SessionDb> {
    if (this.#db === null) {
      throw new SessionStorageDisabledError(this.id);
    }
    return this.#db.get();
  }

  /** Closes the store if it was opened here, by connection string. */
  async close(): Promise<void> {
    await this.#db?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * The sessions of a user, without their runs; with `access: "shared"` those that the user took part in.
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

  /** A session with its runs, or the newest `runsLimit` of those that history uses; null when it is not there. */
  async getSession(options: SessionOptions & { runsLimit?: number } = {}): Promise<Session | null> {
    const { runsLimit, ...scope } = readSession(options, readReaders);
    return this.#session(await this.getDb(), scope, runsLimit);
  }

  /** False when it is not there. With a user, only the owner may. A run that is under way then is not stored. */
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

  /** Deletes a user's sessions, all or those created in a time (Unix seconds, inclusive). Resolves with their number. */
  async deleteUserSessions(options: UserSessionTimes = {}): Promise<number> {
    const { userId: _given, ...times } = readScope(options, timeReaders);
    const user = this.#userOf(options);
    const db = await this.getDb();
    const filter = { ...present(times), sessionType: this.sessionType, componentId: this.id };
    return db.deleteSessions({ filter, userId: user });
  }

  /** Gives a session a name: the one given, or with `autogenerate` one from its content. Null when it is not there. */
  async renameSession(
    options: SessionOptions & ({ sessionName: string } | { autogenerate: true }),
  ): Promise<SessionHeader | null> {
    const { sessionName, autogenerate, ...scope } = readSession(options, renameReaders);
    if (sessionName !== undefined) {
      checkLeftOut({ autogenerate }, ["autogenerate"], "sessionName");
    } else if (autogenerate === undefined) {
      throw new InvalidArgumentError("sessionName", "given, or else autogenerate: true");
    }
    const db = await this.getDb();
    if (sessionName === undefined) {
      const session = await this.#session(db, scope);
      if (session === null) {
        return null;
      }
      session.runs = await ownRuns(this, session.runs, { db, session });
      return db.renameSession({ ...this.#key(scope), sessionName: await this.nameFor(session) });
    }
    const session = await this.#header(db, scope);
    return session && db.renameSession({ ...this.#key(scope), sessionName });
  }

  /** Messages of a session's runs, by the rules of `Session.getMessages`; none when it is not there. */
  async getMessages(options: SessionOptions & MessageOptions = {}): Promise<Message[]> {
    const { sessionId, userId: user, ...rest } = readSession(options, messageReaders);
    const session = await this.#session(await this.getDb(), { sessionId, userId: user });
    return session === null || session.sessionType === "workflow" ? [] : session.getMessages(present(rest));
  }

  /** The summary of a session; null when it has none or is not there. */
  async getSessionSummary(options: SessionOptions = {}): Promise<SessionSummary | null> {
    const scope = readSession(options, sessionReaders);
    return (await this.#header(await this.getDb(), scope))?.getSummary() ?? null;
  }

  /** The state of a session; null when it is not there. */
  async getSessionState(options: SessionOptions = {}): Promise<JsonObject | null> {
    const scope = readSession(options, sessionReaders);
    const session = await this.#header(await this.getDb(), scope);
    return session === null ? null : { ...session.sessionState };
  }

  /**
   * Changes the state of a session under its lock, so two increments from any two processes add up: by a synchronous
   * function without side effects, or by an object whose keys replace those of the same name. Resolves with the state;
   * null when the session is not there.
   */
  async updateSessionState(options: SessionOptions & { change: StateChange | JsonObject }): Promise<JsonObject | null> {
    const { change, ...scope } = readSession(options, changeReaders);
    const db = await this.getDb();
    const session = await this.#header(db, scope);
    if (session === null) {
      return null;
    }
    const updated = await db.updateSession(this.#key(scope), ({ sessionState }) => {
      const state = structuredClone(sessionState) as JsonObject;
      return { sessionState: typeof change === "function" ? changed(state, change) : { ...state, ...change } };
    });
    return updated === null ? null : { ...updated.sessionState };
  }

  /**
   * Copies a session under a new id, its runs under new ids: both go on from here on their own. The copy is `userId`'s, or
   * the owner's. Null when the session is not there.
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

  /** A name made from the content of a session. */
  protected abstract nameFor(session: Session): Promise<string>;

  /** The session that a turn of this component creates. */
  newSession(sessionId: string, userId: string | null): TurnSession {
    const { sessionState, metadata } = this.settings;
    return {
      ...this.sessionIdentity(sessionId),
      userId,
      ...(sessionState !== undefined && { sessionData: { session_state: structuredClone(sessionState) } }),
      ...(metadata !== undefined && { metadata: structuredClone(metadata) }),
    };
  }

  /** Begins a turn: reads the session with its newest `runsLimit` runs. */
  protected openTurn(options: RunSettings, runsLimit: number): Promise<Turn> {
    return Turn.open({ component: this, settings: this.settings, options, runsLimit });
  }

  /** The ids and the component's own data of a session. */
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

  /** The user whose sessions are listed or deleted. */
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
