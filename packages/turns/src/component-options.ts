import { InvalidArgumentError, type JsonObject } from "@sessiondb/core";
import {
  flag,
  identifier,
  nonEmptyText,
  oneOf,
  optional,
  seconds,
  type OptionReaders,
  type OptionsRead,
} from "@sessiondb/core/adapter";
import type { SessionAccess } from "./admission.ts";
import type { DbSource } from "./component-db.ts";
import { dependenciesOf, type Dependencies } from "./dependencies.ts";
import { freeMetadata } from "./free-metadata.ts";
import { pricesOf, type Prices } from "./prices.ts";
import { stateReaders, type StateOptions } from "./state-schema.ts";

/** The common options of agents, teams and workflows: their identity and the storage of their sessions. */
export interface ComponentOptions<State extends object = JsonObject> extends StateOptions<State> {
  /**
   * Stored with every session. Default: the name in lowercase with dashes, or else `agent`, `team` or `workflow`.
   * Components of one kind and id share sessions: give each of several an id or a name.
   */
  id?: string | undefined;
  name?: string | undefined;
  /** The store of the sessions. Without one, nothing is stored. Passing `undefined` or `""` is an error. */
  db?: DbSource;
  /** Whether sessions are stored and read. `false` ignores `db`. Default true. */
  sessionStorage?: boolean | undefined;
  /**
   * Whether this component gets its own schema (Postgres), database (MySQL, MariaDB) or file (SQLite), next to the one
   * in the connection string given as `db`. Otherwise components share tables, and each sees only the sessions with its
   * own id. Default false.
   */
  ownStorage?: boolean | undefined;
  /** The session for runs that name none. Default: a new session for each run. */
  sessionId?: string | undefined;
  /** The user for calls that name none. Default: no user. Passing `undefined` or `""` is an error. */
  userId?: string;
  /** The metadata of new sessions. Keys that begin with `sessiondb_` are reserved: passing one is an error. */
  metadata?: JsonObject | undefined;
  /**
   * `owner` (the default) refuses runs by any user other than the session's owner. `shared` admits every user who has
   * the session's id; each run is stored under its own user. Passing `undefined` is an error.
   */
  access?: SessionAccess;
  /**
   * `throw` (the default) rejects a run whose session cannot be read or written. `continue` answers anyway, without the
   * history if that could not be read, and reports the error as `storageError` of the result; it never overwrites
   * stored data that it could not read. Refusals (another user's session, invalid arguments) always reject. A state or
   * an answer that the store cannot hold does not count as a refusal.
   */
  onStorageError?: "throw" | "continue" | undefined;
  /**
   * Seconds without a sign of life after which a run that is still RUNNING counts as left by a dead process. A run shows
   * one with each write, and at least every 20 seconds, or three times in this time if that is less. Default 70; 900 for
   * the runs of earlier releases, which show none in between.
   */
  staleAfter?: number | undefined;
  /**
   * Values for tools, functions of instructions and functions of steps, which find them in the context of the run. Those
   * of a run are merged over them, key by key; inside a team or a workflow, so are those of the team or workflow.
   */
  dependencies?: Dependencies | undefined;
  /**
   * The prices of models by their ids, for a million tokens: then the metrics of runs and of sessions have a cost. Inside a
   * team or a workflow, those of the team or workflow are merged over them.
   */
  prices?: Prices | undefined;
}

export const componentReaders = {
  ...stateReaders,
  id: optional(identifier),
  name: optional(nonEmptyText),
  db: optional(dbSource),
  sessionStorage: flag(true),
  ownStorage: flag(false),
  sessionId: optional(identifier),
  userId: optional(identifier),
  metadata: optional(freeMetadata),
  access: oneOf("owner", "shared"),
  onStorageError: oneOf("throw", "continue"),
  staleAfter: optional(seconds(0)),
  dependencies: dependenciesOf,
  prices: pricesOf,
} satisfies OptionReaders<ComponentOptions>;

/** The options of a component, checked and with their defaults. */
export type ComponentSettings = OptionsRead<typeof componentReaders>;

function dbSource(value: unknown, argument: string): DbSource {
  const isStore = typeof value === "object" && value !== null && "getSession" in value;
  if (!isStore && (typeof value !== "string" || value === "") && typeof value !== "function") {
    throw new InvalidArgumentError(argument, "a store, a connection string, or a function that returns either");
  }
  return value as DbSource;
}
