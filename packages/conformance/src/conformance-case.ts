import type { JsonValue, SessionDb } from "@sessiondb/core";

/** One promise of the contract, as a test. */
export interface ConformanceCase {
  /** Unique and stable: deviations are declared by it. Starts with the group. */
  readonly name: string;
  readonly group: string;
  /**
   * Resolves when the promise is kept, rejects with an `AssertionError` or the store's own error when it is not. A case
   * that could not check anything resolves too, and is in `leftOut` from then on.
   */
  readonly run: () => Promise<void>;
}

/** The cases, and what is not among them. */
export interface ConformanceCases extends ReadonlyArray<ConformanceCase> {
  /**
   * The groups and cases that check nothing, each with the reason: what an option that was not given leaves out, the
   * deviations, and the cases that found nothing to check when they ran. Complete once all cases have run.
   */
  readonly leftOut: readonly LeftOut[];
}

/** A group or a case that checks nothing. */
export interface LeftOut {
  /** Of the group, or of the case. */
  readonly name: string;
  readonly reason: string;
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

/** Opens a fresh, empty store of which it is counted what it asks of its database. */
export type OpenCounted = () => MaybePromise<CountedStore>;

export interface CountedStore {
  readonly db: SessionDb;
  /** What was counted since the store was opened. Each number only grows. */
  readonly counts: () => DatabaseCounts;
}

export interface DatabaseCounts {
  /** How often the store waited for an answer: statements, requests, or packets sent. */
  readonly roundTrips: number;
  /** How much came back: rows, values or bytes, whatever is easy to count and grows with what is read. */
  readonly read: number;
  /** How much was sent, or written: rows, values or bytes. */
  readonly written: number;
}

/** Opens a fresh, empty store whose connection to its database can be broken. Open it so that it retries for a second at most. */
export type OpenCut = () => MaybePromise<CutStore>;

/**
 * When a connection breaks: before the next request reaches the database, after the database carried it out and before the
 * answer comes, or the same of the next request that commits. A statement that commits by itself is a commit.
 */
export type CutMoment = "before request" | "before answer" | "before answer to commit";

export interface CutStore {
  readonly db: SessionDb;
  /** Breaks the connection once, at that moment. The store can connect anew at once. */
  readonly cut: (moment: CutMoment) => MaybePromise<void>;
  /** Takes the database away until it is brought back. */
  readonly setReachable: (reachable: boolean) => MaybePromise<void>;
}

/** Opens a fresh, empty store of which single rows can be made unreadable. */
export type OpenSpoilt = () => MaybePromise<SpoiltStore>;

export interface SpoiltStore {
  readonly db: SessionDb;
  /**
   * Overwrites the stored data of a session with text that is not JSON, or of a run with that or with JSON that is no
   * object. False when the database does not take it.
   */
  readonly spoil: (row: { readonly sessionId: string } | { readonly runId: string }) => MaybePromise<boolean>;
}

/** Opens a fresh, empty store whose documents another program can write. */
export type OpenOutside = () => MaybePromise<OutsideStore>;

export interface OutsideStore {
  readonly db: SessionDb;
  /** Overwrites a stored document with this JSON text, as another program would. */
  readonly put: (document: OutsideDocument, json: string) => MaybePromise<void>;
  /** The JSON text of a stored document. */
  readonly read: (document: OutsideDocument) => MaybePromise<string>;
}

/** A document of a session that is stored, or the whole of a run. */
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
  /** A list of runs; the text of one where Agno encoded it twice. */
  runs: JsonValue;
  summary: JsonValue;
  created_at: number;
  updated_at: number | null;
}

/** The checks of one group, by the rest of the case's name. */
export type Cases<Subject = SessionDb> = Readonly<Record<string, (subject: Subject) => Promise<void>>>;

/** The checks of two handles, which may be one and the same. */
export type PairCases = Readonly<Record<string, (one: SessionDb, other: SessionDb) => Promise<void>>>;
