import {
  InvalidArgumentError,
  SessionStorageDisabledError,
  type JsonObject,
  type SessionDb,
  type SessionType,
  type TurnSession,
} from "@sessiondb/core";
import { flag, oneOf, optional, type OptionReaders, type OptionsRead } from "@sessiondb/core/adapter";
import { ComponentDb, type DbSource } from "./component-db.ts";
import { identifier, jsonObject, nonEmptyText, seconds } from "./option-readers.ts";

/** Who may take part in a session. */
export type SessionAccess = "owner" | "shared";

/** What agents, teams and workflows have in common: an identity, and where their sessions are. */
export interface ComponentOptions {
  /** Stored with every session. Default: the name in small letters with dashes, or the kind of component. */
  id?: string;
  name?: string;
  /** Where sessions are kept. Without one nothing is kept. */
  db?: DbSource;
  /** Default true. `false` keeps nothing and reads nothing, though there is a `db`. */
  sessionStorage?: boolean;
  /**
   * Default false. `true` gives this component a schema (Postgres), database (MySQL, MariaDB) or file (SQLite) of its own
   * beside the one that the connection string given as `db` names. Otherwise components share tables, and each sees
   * the sessions of its own id alone.
   */
  ownStorage?: boolean;
  /** The session of a run that names none. Default: each such run begins a new one. */
  sessionId?: string;
  /** The user of a call that names none. Default: nobody. Giving it as `undefined` or `""` is an error. */
  userId?: string;
  /** The state that a new session begins with. */
  sessionState?: JsonObject;
  /** Metadata of new sessions. */
  metadata?: JsonObject;
  /**
   * `owner` (the default) refuses a run of any user but the one whose session it is. `shared` lets every user who has the
   * session's id take part; each run is stored under its user.
   */
  access?: SessionAccess;
  /**
   * What becomes of a run whose session cannot be read or written. `throw` (the default) rejects. `continue` answers all
   * the same, without history if that could not be read, and reports the error as `storageError` of the result. Nothing
   * stored is ever overwritten for want of reading it. Refusals (another user's session, bad arguments) always reject; a
   * state or an answer that the store cannot hold is none of them.
   */
  onStorageError?: "throw" | "continue";
  /** Seconds after which a run that is still RUNNING is taken for that of a dead process. Default 900. */
  staleAfter?: number;
}

export const componentReaders = {
  id: optional(identifier),
  name: optional(nonEmptyText),
  db: optional(dbSource),
  sessionStorage: flag(true),
  ownStorage: flag(false),
  sessionId: optional(identifier),
  userId: optional(identifier),
  sessionState: optional(jsonObject),
  metadata: optional(jsonObject),
  access: oneOf("owner", "shared"),
  onStorageError: oneOf("throw", "continue"),
  staleAfter: seconds(900),
} satisfies OptionReaders<ComponentOptions>;

/** The options of a component as they were read. */
export type ComponentSettings = OptionsRead<typeof componentReaders>;

/** Base of `Agent`, `Team` and `Workflow`. */
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
   * The store of this component, found at the first call and then kept.
   *
   * @throws SessionStorageDisabledError without a `db`, or with `sessionStorage: false`.
   * @throws ConnectionStringError when the connection string cannot be had or understood.
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

  /** @internal What a new session of this component begins with. */
  newSession(sessionId: string, userId: string | null): TurnSession {
    const { sessionState, metadata } = this.settings;
    return {
      ...this.sessionIdentity(sessionId),
      userId,
      ...(sessionState !== undefined && { sessionData: { session_state: structuredClone(sessionState) } }),
      ...(metadata !== undefined && { metadata: structuredClone(metadata) }),
    };
  }

  /** The ids and the component's own data of a session. */
  protected abstract sessionIdentity(sessionId: string): TurnSession;
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

function dbSource(value: unknown, argument: string): DbSource {
  const isStore = typeof value === "object" && value !== null && "getSession" in value;
  if (!isStore && typeof value !== "string" && typeof value !== "function") {
    throw new InvalidArgumentError(argument, "a store, a connection string, or a function that finds one of them");
  }
  return value as DbSource;
}
