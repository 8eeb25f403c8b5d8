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
import {
  checkCount,
  checkLeftOut,
  checkText,
  checkTimestamp,
  flag,
  oneOf,
  optional,
  type OptionReaders,
  type OptionsRead,
} from "@sessiondb/core/adapter";
import { Component } from "./component.ts";
import { forkOf } from "./fork.ts";
import { ownRuns } from "./own-runs.ts";
import { atLeast, identifier, jsonObject, nonEmptyText, present, texts } from "./option-readers.ts";
import { readScope } from "./run-ids.ts";
import { changed, type StateChange } from "./run-state.ts";

/** Which session, and for whom. */
export interface SessionOptions {
  /** Default: the component's own `sessionId`. Giving it as `undefined` or `""` is an error. */
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

const sessionReaders = {
  sessionId: optional(identifier),
  userId: optional(identifier),
} satisfies OptionReaders<SessionOptions>;

type SessionScope = OptionsRead<typeof sessionReaders>;

const listReaders = {
  userId: optional(identifier),
  sessionName: optional(checkText),
  startTimestamp: optional(timestamp),
  endTimestamp: optional(timestamp),
  sortBy: oneOf("createdAt", "updatedAt"),
  sortOrder: oneOf("desc", "asc"),
  limit: listLength,
  cursor: optional(nonEmptyText),
} satisfies OptionReaders<UserSessionsOptions>;

type UserSessionTimes = Pick<UserSessionsOptions, "userId" | "startTimestamp" | "endTimestamp">;
const timeReaders = {
  userId: listReaders.userId,
  startTimestamp: listReaders.startTimestamp,
  endTimestamp: listReaders.endTimestamp,
} satisfies OptionReaders<UserSessionTimes>;

const readReaders = { ...sessionReaders, runsLimit: optional(atLeast(1)) };
const renameReaders = { ...sessionReaders, sessionName: optional(checkText), autogenerate: optional(isTrue) };
const changeReaders = { ...sessionReaders, change: changeOf };
const messageReaders = {
  ...sessionReaders,
  lastNRuns: optional(atLeast(0)),
  limit: optional(atLeast(0)),
  skipRoles: optional(texts),
  skipStatuses: optional(texts),
  skipHistoryMessages: flag(true),
} satisfies OptionReaders<SessionOptions & MessageOptions>;

/** The sessions of one component, as its users and operators see them. Sessions of other components are not there. */
export abstract class SessionComponent extends Component {
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

function readSession<Readers extends typeof sessionReaders>(options: unknown, readers: Readers): OptionsRead<Readers> {
  return readScope(options, readers, ["userId", "sessionId"]);
}

function timestamp(value: unknown, argument: string): number {
  // Null is refused like any other value that is no time.
  return checkTimestamp(value ?? Number.NaN, argument) ?? 0;
}

function listLength(value: unknown, argument: string): number {
  const limit = checkCount(value, argument, { from: 0, otherwise: mostListed });
  if (limit > mostListed) {
    throw new InvalidArgumentError(argument, `a whole number up to ${mostListed}`);
  }
  return limit;
}

function isTrue(value: unknown, argument: string): true {
  if (value !== true) {
    throw new InvalidArgumentError(argument, "true, or left out");
  }
  return value;
}

function changeOf(value: unknown, argument: string): StateChange | JsonObject {
  return typeof value === "function" ? (value as StateChange) : jsonObject(value, argument);
}
