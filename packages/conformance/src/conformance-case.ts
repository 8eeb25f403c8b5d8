import type { JsonValue, SessionDb } from "@sessiondb/core";

/** One promise of the contract, as a test. */
export interface ConformanceCase {
  /** Unique and stable: deviations are declared by it. Starts with the group. */
  readonly name: string;
  readonly group: string;
  /** Resolves when the promise is kept, rejects with an `AssertionError` or the store's own error when it is not. */
  readonly run: () => Promise<void>;
}

type MaybePromise<Value> = Value | Promise<Value>;

/** Opens a fresh, empty store that shares nothing with any other. */
export type Open = () => MaybePromise<SessionDb>;

/** Prepares a fresh, empty database; each call of the resulting function opens one more handle on the same store. */
export type OpenShared = () => MaybePromise<() => MaybePromise<SessionDb>>;

/**
 * Prepares a fresh, empty database; each call of the resulting function opens the store in it whose session table has
 * that name. A name may be refused with a `SessionDbError`, here or at the first use.
 */
export type OpenNamed = () => MaybePromise<(sessionTable: string) => MaybePromise<SessionDb>>;

/** Opens a store on a fresh database that holds, before the store first sees it, an Agno 2 table with these rows. */
export type OpenLegacy = (rows: readonly LegacyRow[]) => MaybePromise<SessionDb>;

/** One row of Agno 2's `agno_sessions`. JSON columns are given as values; null is SQL NULL. */
export interface LegacyRow {
  session_id: string;
  session_type: string;
  agent_id: string | null;
  team_id: string | null;
  workflow_id: string | null;
  user_id: string | null;
  session_data: JsonValue;
  agent_data: JsonValue;
  team_data: JsonValue;
  workflow_data: JsonValue;
  metadata: JsonValue;
  /** A list of runs; the text of one where Agno encoded it twice. */
  runs: JsonValue;
  summary: JsonValue;
  created_at: number;
  updated_at: number | null;
}

/** The checks of one group, by the rest of the case's name. */
export type Cases<Subject = SessionDb> = Readonly<Record<string, (subject: Subject) => Promise<void>>>;
