import type { JsonValue, SessionDb } from "@sessiondb/core";

/** One promise of the contract, as a test. */
export interface ConformanceCase {
  /** Unique and stable, since deviations refer to it. Starts with the group. */
  readonly name: string;
  readonly group: string;
  /**
   * Resolves when the promise is kept, rejects with an `AssertionError` or the store's own error when it is not. A case
   * that could not check anything resolves too, and appears in `leftOut` from then on.
   */
  readonly run: () => Promise<void>;
}

/** The cases, and those that are left out. */
export interface ConformanceCases extends ReadonlyArray<ConformanceCase> {
  /**
   * The groups and cases that check nothing, each with the reason: groups whose option was not given, deviations, and
   * cases that found nothing to check when they ran. Complete once all cases have run.
   */
  readonly leftOut: readonly LeftOut[];
}

/** A group or a case that checks nothing. */
export interface LeftOut {
  /** The name of the group or the case. */
  readonly name: string;
  readonly reason: string;
}

type MaybePromise<Value> = Value | Promise<Value>;

/** Opens a fresh, empty store that shares nothing with any other. */
export type Open = () => MaybePromise<SessionDb>;

/** Prepares a fresh, empty database; each call of the resulting function opens one more handle on the same store. */
export type OpenShared = () => MaybePromise<() => MaybePromise<SessionDb>>;

/**
 * Prepares a fresh, empty database; each call of the resulting function opens a store in it whose session table has
 * that name. A name may be refused with a `SessionDbError`, here or at the first use.
 */
export type OpenNamed = () => MaybePromise<(sessionTable: string) => MaybePromise<SessionDb>>;

/** Opens a store on a fresh database that holds, before the store first sees it, an Agno 2 table with these rows. */
export type OpenLegacy = (rows: readonly LegacyRow[]) => MaybePromise<SessionDb>;

/** Opens a fresh, empty store that counts what it asks of its database. */
export type OpenCounted = () => MaybePromise<CountedStore>;

export interface CountedStore {
  readonly db: SessionDb;
  /** Returns the counts since the store was opened. Each number only grows. */
  readonly counts: () => DatabaseCounts;
}

export interface DatabaseCounts {
  /** The number of times the store waited for an answer: statements, requests, or packets sent. */
  readonly roundTrips: number;
  /** The amount that came back: rows, values or bytes, whatever is easy to count and grows with what is read. */
  readonly read: number;
  /** The amount that was sent, or written: rows, values or bytes. */
  readonly written: number;
}

/** Opens a fresh, empty store whose connection can be broken. It should retry for a second at most. */
export type OpenCut = () => MaybePromise<CutStore>;

/**
 * The moment a connection breaks: before the next request reaches the database, or after it was carried out but before
 * its answer arrives, or the latter for the next commit, which includes a statement that commits by itself.
 */
export type CutMoment = "before request" | "before answer" | "before answer to commit";

export interface CutStore {
  readonly db: SessionDb;
  /** Breaks the connection once, at that moment. The store can reconnect at once. */
  readonly cut: (moment: CutMoment) => MaybePromise<void>;
  /** Makes the database unreachable, or reachable again. */
  readonly setReachable: (reachable: boolean) => MaybePromise<void>;
}

/** Opens a fresh, empty store in which single rows can be made unreadable. */
export type OpenSpoilt = () => MaybePromise<SpoiltStore>;

export interface SpoiltStore {
  readonly db: SessionDb;
  /**
   * Overwrites the stored data of a session with text that is not JSON, or that of a run with such text or with JSON
   * that is not an object. Returns false when the database does not accept it.
   */
  readonly spoil: (row: { readonly sessionId: string } | { readonly runId: string }) => MaybePromise<boolean>;
}

/** Opens a fresh, empty store whose documents another program can write. */
export type OpenOutside = () => MaybePromise<OutsideStore>;

export interface OutsideStore {
  readonly db: SessionDb;
  /** Overwrites a stored document with this JSON text, as another program would. */
  readonly put: (document: OutsideDocument, json: string) => MaybePromise<void>;
  /** Returns the JSON text of a stored document. */
  readonly read: (document: OutsideDocument) => MaybePromise<string>;
}

/** A document of a stored session, or a whole stored run. */
export type OutsideDocument =
  | { readonly sessionId: string; readonly column: "sessionData" | "metadata" | "agentData" | "summary" }
  | { readonly runId: string };

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
  /** A list of runs, or its text if Agno encoded it twice. */
  runs: JsonValue;
  summary: JsonValue;
  created_at: number;
  updated_at: number | null;
}

/** The checks of one group, by case name without the group. */
export type Cases<Subject = SessionDb> = Readonly<Record<string, (subject: Subject) => Promise<void>>>;

/** The checks of two handles, which may be the same one. */
export type PairCases = Readonly<Record<string, (one: SessionDb, other: SessionDb) => Promise<void>>>;
