import {
  InvalidArgumentError,
  type JsonObject,
  type Message,
  type MessageOptions,
  type Session,
  type SessionDb,
  type SessionHeader,
  type SessionKey,
  type SessionPage,
  type SessionSummary,
  type UserScope,
} from "@sessiondb/core";
import { Component } from "./component.ts";
import { forkOf } from "./fork.ts";
import { changed, type StateChange } from "./run-state.ts";

/** Which session, and for whom. */
export interface SessionOptions {
  /** Default: the component's own `sessionId`. */
  sessionId?: string;
  /** Confines the call to this user's sessions. Default: the component's own `userId`; without any, every user's. */
  userId?: string;
}

export interface UserSessionsOptions {
  /** Default: the component's own `userId`. One of the two is needed. */
  userId?: string;
  /** A part of the session's name, in any case. */
  sessionName?: string;
  /** Created at or after, in Unix seconds. */
  startTimestamp?: number;
  /** Created at or before, in Unix seconds. */
  endTimestamp?: number;
  /** Default `createdAt`. */
  sortBy?: "createdAt" | "updatedAt";
  /** Default `desc`, newest first. */
  sortOrder?: "asc" | "desc";
  /** At most 50, which is the default. */
  limit?: number;
  /** `nextCursor` or `previousCursor` of another page. */
  cursor?: string;
}

/** How many sessions one call lists. */
const mostListed = 50;

/** The sessions of one component, as its users and operators see them. Sessions of other components are not there. */
export abstract class SessionComponent extends Component {
  /**
   * The sessions of a user, without their runs; with `access: "shared"` those that the user took part in.
   *
   * @throws InvalidArgumentError without a user.
   */
  async getUserSessions(options: UserSessionsOptions = {}): Promise<SessionPage> {
    const { userId: _given, limit = mostListed, ...rest } = options;
    const userId = this.#userOf(options);
    if (userId === null) {
      throw new InvalidArgumentError("userId", "given, here or as an option of the component");
    }
    if (!(Number.isSafeInteger(limit) && limit >= 0 && limit <= mostListed)) {
      throw new InvalidArgumentError("limit", `a whole number up to ${mostListed}`);
    }
    const db = await this.getDb();
    return db.getSessions({
      ...rest,
      limit,
      sessionType: this.sessionType,
      componentId: this.id,
      ...(this.access === "shared" ? { participantId: userId } : { userId }),
    });
  }

  /** A session with its runs, or the newest `runsLimit` of those that history uses; null when it is not there. */
  async getSession(options: SessionOptions & { runsLimit?: number } = {}): Promise<Session | null> {
    const { runsLimit } = options;
    return this.#session(await this.getDb(), options, runsLimit);
  }

  /** False when it is not there. With a user, only the owner may. A run that is under way then is not stored. */
  async deleteSession(options: SessionOptions = {}): Promise<boolean> {
    const db = await this.getDb();
    const userId = this.#userOf(options);
    const session = await this.#header(db, options);
    return (
      session !== null && (await db.deleteSession({ sessionId: session.sessionId, ...(userId !== null && { userId }) }))
    );
  }

  /** Deletes a user's sessions, all or those created in a time (Unix seconds, inclusive). Resolves with their number. */
  async deleteUserSessions(
    options: Pick<UserSessionsOptions, "userId" | "startTimestamp" | "endTimestamp">,
  ): Promise<number> {
    const { userId: _given, ...times } = options;
    const userId = this.#userOf(options);
    if (userId === null) {
      throw new InvalidArgumentError("userId", "given, here or as an option of the component");
    }
    const db = await this.getDb();
    return db.deleteSessions({ filter: { ...times, sessionType: this.sessionType, componentId: this.id }, userId });
  }

  /** Gives a session a name: the one given, or with `autogenerate` one from its content. Null when it is not there. */
  async renameSession(
    options: SessionOptions & ({ sessionName: string } | { autogenerate: true }),
  ): Promise<SessionHeader | null> {
    const db = await this.getDb();
    if ("autogenerate" in options) {
      const session = await this.#session(db, options);
      return session && db.renameSession({ ...this.#key(options), sessionName: await this.nameFor(session) });
    }
    const session = await this.#header(db, options);
    return session && db.renameSession({ ...this.#key(options), sessionName: options.sessionName });
  }

  /** Messages of a session's runs, by the rules of `Session.getMessages`; none when it is not there. */
  async getMessages(options: SessionOptions & MessageOptions = {}): Promise<Message[]> {
    const { sessionId: _id, userId: _user, ...rest } = options;
    const session = await this.#session(await this.getDb(), options);
    return session === null || session.sessionType === "workflow" ? [] : session.getMessages(rest);
  }

  /** The summary of a session; null when it has none or is not there. */
  async getSessionSummary(options: SessionOptions = {}): Promise<SessionSummary | null> {
    return (await this.#header(await this.getDb(), options))?.getSummary() ?? null;
  }

  /** The state of a session; null when it is not there. */
  async getSessionState(options: SessionOptions = {}): Promise<JsonObject | null> {
    const session = await this.#header(await this.getDb(), options);
    return session === null ? null : { ...session.sessionState };
  }

  /**
   * Changes the state of a session under its lock, so two increments from any two processes add up: by a synchronous
   * function without side effects, or by an object whose keys replace those of the same name. Resolves with the state;
   * null when the session is not there.
   */
  async updateSessionState(options: SessionOptions & { change: StateChange | JsonObject }): Promise<JsonObject | null> {
    const db = await this.getDb();
    const session = await this.#header(db, options);
    if (session === null) {
      return null;
    }
    const { change } = options;
    const updated = await db.updateSession(this.#key(options), ({ sessionState }) => {
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
    const db = await this.getDb();
    const session = await this.#session(db, options);
    if (session === null) {
      return null;
    }
    const fork = forkOf(session, this.#userOf(options) ?? session.userId);
    await db.upsertSession(fork);
    return db.getSession({ sessionId: fork.sessionId });
  }

  /** A name made from the content of a session. */
  protected abstract nameFor(session: Session): Promise<string>;

  async #session(db: SessionDb, options: SessionOptions, runsLimit?: number): Promise<Session | null> {
    const limit = runsLimit === undefined ? {} : { runsLimit };
    return this.#own(await db.getSession({ ...this.#key(options), ...limit }));
  }

  async #header(db: SessionDb, options: SessionOptions): Promise<SessionHeader | null> {
    return this.#own(await db.getSession({ ...this.#key(options), includeRuns: false }));
  }

  #own<Found extends Session | SessionHeader>(session: Found | null): Found | null {
    return session !== null && (session.componentId === null || session.componentId === this.id) ? session : null;
  }

  #key(options: SessionOptions): SessionKey & UserScope {
    const userId = this.#userOf(options);
    const sessionId = options.sessionId ?? this.componentOptions.sessionId;
    if (sessionId === undefined) {
      throw new InvalidArgumentError("sessionId", "given, here or as an option of the component");
    }
    const isConfined = this.access === "owner" && userId !== null;
    return { sessionId, sessionType: this.sessionType, ...(isConfined && { userId }) };
  }

  /** A user that is given as nothing is never "everyone". */
  #userOf(options: SessionOptions): string | null {
    if ("userId" in options && (typeof options.userId !== "string" || options.userId === "")) {
      throw new InvalidArgumentError("userId", "a user id, or left out");
    }
    return options.userId ?? this.componentOptions.userId ?? null;
  }
}
