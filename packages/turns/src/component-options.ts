import { InvalidArgumentError, type JsonObject } from "@sessiondb/core";
import {
  flag,
  identifier,
  jsonObject,
  nonEmptyText,
  oneOf,
  optional,
  seconds,
  type OptionReaders,
  type OptionsRead,
} from "@sessiondb/core/adapter";
import type { SessionAccess } from "./admission.ts";
import type { DbSource } from "./component-db.ts";

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

function dbSource(value: unknown, argument: string): DbSource {
  const isStore = typeof value === "object" && value !== null && "getSession" in value;
  if (!isStore && typeof value !== "string" && typeof value !== "function") {
    throw new InvalidArgumentError(argument, "a store, a connection string, or a function that finds one of them");
  }
  return value as DbSource;
}
