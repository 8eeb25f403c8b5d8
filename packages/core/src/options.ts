import type { CorruptDataError } from "./errors.ts";
import type { JsonObject } from "./json.ts";
import type { Run, RunStatus } from "./models/runs.ts";
import type { Session, SessionHeader, SessionInit, SessionType } from "./models/sessions.ts";
import type { SessionSummary } from "./models/summary.ts";

// The arguments and results of the contract in session-db.ts. Every timestamp is in whole Unix seconds.

/** A status to compare with: a known one in any case, or the application's own word. */
export type StatusCondition = RunStatus | (string & {});

/** The options of every call. */
export interface CallOptions {
  /**
   * Aborts the call, which then rejects with `signal.reason`. A write that rejects this way has stored nothing: if its
   * commit is already under way, it runs to its end instead.
   */
  signal?: AbortSignal;
}

/** Confines a call to the sessions that one user owns. */
export interface UserScope {
  userId?: string;
}

/** Options for trusted code only. */
export interface ImportOptions {
  /**
   * Stores the given times even if the session or the run exists, as an import or a restore needs. A time that is not
   * given follows the ordinary rules. Default false.
   */
  keepTimes?: boolean;
}

/** The limits of a store. Larger values are refused before anything is written. */
export interface SessionDbLimits {
  /** The longest id, in Unicode characters. */
  readonly maxIdLength: number;
  /** The largest JSON document (a run, a session state …), in bytes of UTF-8. */
  readonly maxPayloadBytes: number;
  /** Advice for larger ones, when something other than `maxPayloadBytes` sets the limit: "or raise …". */
  readonly payloadAdvice?: string | undefined;
}

/** Names one session. */
export interface SessionKey extends CallOptions {
  sessionId: string;
  sessionType?: SessionType;
}

/** Asks `getSession` for the runs, which is the default. */
export interface ReadRuns {
  includeRuns?: true;
  /** The newest n runs that history uses; n is 1 or more. Default: all runs. */
  runsLimit?: number;
}

/** Asks for the session's row alone. */
export interface SkipRuns {
  includeRuns: false;
  runsLimit?: never;
}

/** Asks a list of sessions for their runs. */
export interface ListRuns {
  includeRuns: true;
  /** The newest n runs of each session that history uses; n is 1 or more. Default: all runs. */
  runsLimit?: number;
}

/** Leaves the runs out of a list of sessions, which is the default. */
export interface ListHeaders {
  includeRuns?: false;
  runsLimit?: never;
}

/** Conditions on sessions. All that are given must hold. */
export interface SessionFilter {
  sessionType?: SessionType;
  /** A user with at least one run in the session. */
  participantId?: string;
  /** At least one run of the session has this status, or one of these. */
  runStatus?: StatusCondition | readonly StatusCondition[];
  /** The id of an agent, team or workflow: of the kind of `sessionType` if that is given, otherwise of any kind. */
  componentId?: string;
  /** A part of the session's name, in any case; `%` and `_` are ordinary characters, and `""` is part of every name. */
  sessionName?: string;
  /** Created at or after, in Unix seconds. */
  startTimestamp?: number;
  /** Created at or before, in Unix seconds. */
  endTimestamp?: number;
}

/** The size and start of a page. */
export interface PageOptions extends CallOptions {
  /** The largest number of items on a page. Default 50. */
  limit?: number;
  /** `nextCursor` or `previousCursor` of another page of this list, requested with the same conditions and order. */
  cursor?: string;
  /**
   * The handling of a row that cannot be read (`CorruptDataError`): the page reports it in `unreadable` beside the
   * other items, or the call rejects with its error. Default `report`.
   */
  onUnreadable?: "report" | "throw";
}

/** The order of a list. */
export type SortOrder = "asc" | "desc";

/** A list of sessions: its conditions and its order. `page` and `cursor` exclude each other. */
export type GetSessionsOptions = SessionFilter & {
  /** Default `createdAt`, also used for a session without `updatedAt`. Ties go by session id, in the same direction. */
  sortBy?: "createdAt" | "updatedAt";
  /** Default `desc`. */
  sortOrder?: SortOrder;
  /** Counts all sessions that meet the conditions, as the page's `total`, just after reading it. Default false. */
  includeTotal?: boolean;
  /**
   * Counts all runs of each session, as its `runCount`, including member runs and every status. Reads no run. Default
   * false.
   */
  includeRunCount?: boolean;
} & PageOptions &
  ({ /** 1-based; costs the pages before it. Prefer `cursor`. */ page?: number; cursor?: never } | { page?: never });

/** One page of sessions, with their runs if the list was asked for them. */
export interface SessionPage<Item extends Session | SessionHeader = SessionHeader> {
  readonly sessions: Item[];
  /** Asks for the page after this one. Null on the last page. */
  readonly nextCursor: string | null;
  /** Asks for the page before this one. Null on the first page, and on a page that holds no row. */
  readonly previousCursor: string | null;
  /** The sessions of this page that cannot be read. */
  readonly unreadable: readonly UnreadableRow[];
  /** Only with `includeTotal`. */
  readonly total?: number;
}

/** A row of a list that exists but cannot be read. It is left unchanged. */
export interface UnreadableRow {
  /** The id of the session or run that is missing from the page. */
  readonly id: string;
  readonly error: CorruptDataError;
}

/** A list of runs: its conditions and its order. */
export interface GetRunsOptions extends PageOptions {
  /** Only runs of this session, in the session's order. Without it the list is ordered by `createdAt` and run id. */
  sessionId?: string;
  /** The user who wrote the run. */
  participantId?: string;
  /** Only runs with this status, or with one of these. */
  status?: StatusCondition | readonly StatusCondition[];
  /** The id of the agent, team or workflow that ran. */
  componentId?: string;
  /** Only member runs of this run. Null: only runs that are not member runs. */
  parentRunId?: string | null;
  /** Created at or after, in Unix seconds. */
  startTimestamp?: number;
  /** Created at or before, in Unix seconds. */
  endTimestamp?: number;
  /** Default `asc`. */
  sortOrder?: SortOrder;
}

/** One page of runs. */
export interface RunPage {
  readonly runs: Run[];
  /** Asks for the page after this one. Null on the last page. */
  readonly nextCursor: string | null;
  /** Asks for the page before this one. Null on the first page, and on a page that holds no row. */
  readonly previousCursor: string | null;
  /** The runs of this page that cannot be read. */
  readonly unreadable: readonly UnreadableRow[];
}

/** The fields of a session to change. Those left out stay. */
export interface SessionPatch {
  sessionName?: string;
  /** Replaces the whole session state. */
  sessionState?: JsonObject;
  /** Replaces all session data; `sessionName` and `sessionState` are applied after it. */
  sessionData?: JsonObject;
  metadata?: JsonObject | null;
  summary?: SessionSummary | null;
  agentData?: JsonObject | null;
  teamData?: JsonObject | null;
  workflowData?: JsonObject | null;
}

/**
 * A patch, or a function that returns one for the stored session. The function runs under the session's lock. It must
 * be synchronous and free of side effects: a retry calls it again.
 */
export type SessionChange = SessionPatch | ((session: SessionHeader) => SessionPatch);

/**
 * Returns the run to store in place of the stored one, or null to delete it. It runs under the session's lock. It must
 * be synchronous and free of side effects: a retry calls it again, and the last call counts.
 */
export type RunChange = (run: Run) => Run | null;

/** Names the run to change. */
export interface UpdateRunOptions extends CallOptions {
  runId: string;
  /** Changes the run only if it is in this session. */
  sessionId?: string;
}

/** The session of a turn: its identity, and its content if it does not exist yet. Its runs are written one by one. */
export type TurnSession = SessionInit & { runs?: null };

/** A change to a further session in the transaction of a turn. The session is created if it is missing. */
export interface AlsoChange {
  session: TurnSession;
  change: SessionChange;
}

export interface UpsertRunOptions extends CallOptions {
  session: TurnSession;
  run: Run;
  /** Changes the session together with the turn. */
  change?: SessionChange;
  /** Writes only if the session exists, or the run is stored in it. */
  onlyIfExists?: "session" | "run";
  /** Writes only if the run is stored in the session with this status, or one of these. */
  onlyIfStatus?: StatusCondition | readonly StatusCondition[];
  /**
   * Writes only if this run is in the session and only member runs come after it; null: only if the session has no run.
   * If two tabs continue from one answer, only the first turn is stored.
   */
  onlyIfNewest?: string | null;
  /**
   * Deletes the end of the conversation in the same transaction: every run after this one in the session's order,
   * member runs included, except the run being written. It may name the run being written, which is then replaced in
   * its place. Null deletes all other runs. To keep the member runs of the previous turn, name the last of them.
   */
  deleteRunsAfter?: string | null;
  /**
   * Narrows `deleteRunsAfter` to the runs before the one being written: those after it stay, as turns that began later. No
   * effect on a run that is not stored yet. Default false.
   */
  keepLaterRuns?: boolean;
  /** Further sessions that the turn changes. Everything is stored, or nothing. */
  also?: readonly AlsoChange[];
}

/** The outcome of a turn: stored, or not because a condition did not hold. */
export type UpsertRunResult =
  | {
      readonly stored: true;
      /** The number of runs that `deleteRunsAfter` deleted. */
      readonly deletedRuns: number;
    }
  | {
      readonly stored: false;
      /** The first given condition that did not hold. Nothing was written. */
      readonly unmet: "onlyIfExists" | "onlyIfStatus" | "onlyIfNewest";
    };

/** Sessions to delete: named, at most 10,000 in a call, or all that meet a filter. */
export type DeleteSessionsOptions = CallOptions &
  ({ sessionIds: readonly string[]; filter?: never } | { filter: SessionFilter; sessionIds?: never });

export interface MigrateLegacyRunsOptions extends CallOptions {
  /**
   * The most sessions in one transaction. Default 100. A transaction also copies at most 1,000 runs, and a megabyte
   * unless one run is larger, so a session of many runs takes several.
   */
  batchSize?: number;
  /** Called after each transaction. */
  onProgress?: (progress: LegacyRunsProgress) => void;
}

export interface LegacyRunsProgress {
  /** Sessions examined so far. */
  readonly sessions: number;
  /** Runs copied so far. */
  readonly runs: number;
  /** Runs left in the column because another session has a run with the same id. */
  readonly skipped: number;
}
