import type { CorruptDataError } from "./errors.ts";
import type { JsonObject } from "./json.ts";
import type { Run, RunStatus } from "./models/runs.ts";
import type { Session, SessionHeader, SessionInit, SessionType } from "./models/sessions.ts";
import type { SessionSummary } from "./models/summary.ts";

// The arguments and results of the contract in session-db.ts. Every timestamp is in whole Unix seconds.

/** A status to compare with: a known one in any case, or a word of the application's own. */
export type StatusCondition = RunStatus | (string & {});

/** What every call takes. */
export interface CallOptions {
  /**
   * Aborts the call, which then rejects with `signal.reason`. A write that rejects so has stored nothing: one whose commit
   * is already on its way runs to its end instead.
   */
  signal?: AbortSignal;
}

/** Confines a call to the sessions that one user owns. */
export interface UserScope {
  userId?: string;
}

/** What only trusted code may ask for. */
export interface ImportOptions {
  /**
   * Stores the times given also where the session or the run exists, as an import or a restore needs. A time that is not
   * given follows the ordinary rules. Default false.
   */
  keepTimes?: boolean;
}

/** What a store can hold. Larger values are refused before anything is written. */
export interface SessionDbLimits {
  /** The longest id, in Unicode characters. */
  readonly maxIdLength: number;
  /** The largest JSON document (a run, a session state …), in bytes of UTF-8. */
  readonly maxPayloadBytes: number;
  /** What can be done about a larger one, where another option than `maxPayloadBytes` sets the limit: "or raise …". */
  readonly payloadAdvice?: string | undefined;
}

/** Names one session. */
export interface SessionKey extends CallOptions {
  sessionId: string;
  sessionType?: SessionType;
}

/** Asks `getSession` for the runs, as it does by default. */
export interface ReadRuns {
  includeRuns?: true;
  /** The newest n runs that history uses, n being 1 or more. Default: all runs. */
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
  /** The newest n runs that history uses, n being 1 or more, of each session. Default: all runs. */
  runsLimit?: number;
}

/** Leaves the runs out of a list of sessions, as happens by default. */
export interface ListHeaders {
  includeRuns?: false;
  runsLimit?: never;
}

/** Conditions on sessions; those given must all hold. */
export interface SessionFilter {
  sessionType?: SessionType;
  /** A user with at least one run in the session. */
  participantId?: string;
  /** At least one run of the session has this status, or one of these. */
  runStatus?: StatusCondition | readonly StatusCondition[];
  /** The id of the agent, team or workflow. With `sessionType` of that kind alone, otherwise of any of the three. */
  componentId?: string;
  /** A part of the session's name, in any case; `%` and `_` are ordinary characters, and `""` is part of every name. */
  sessionName?: string;
  /** Created at or after, in Unix seconds. */
  startTimestamp?: number;
  /** Created at or before, in Unix seconds. */
  endTimestamp?: number;
}

/** How much of a list a page holds, and where it starts. */
export interface PageOptions extends CallOptions {
  /** The largest number of items on a page. Default 50. */
  limit?: number;
  /** `nextCursor` or `previousCursor` of another page of the same list, asked for with the same conditions and order. */
  cursor?: string;
  /**
   * What becomes of a row that cannot be read (`CorruptDataError`): the page reports it in `unreadable` beside the other
   * items, or the call rejects with its error. Default `report`.
   */
  onUnreadable?: "report" | "throw";
}

/** The order of a list. */
export type SortOrder = "asc" | "desc";

/** A list of sessions: its conditions and its order. `page` and `cursor` exclude each other. */
export type GetSessionsOptions = SessionFilter & {
  /** Default `createdAt`. A session without `updatedAt` sorts by `createdAt`. Ties go by session id, in the same direction. */
  sortBy?: "createdAt" | "updatedAt";
  /** Default `desc`. */
  sortOrder?: SortOrder;
  /** Counts all sessions that meet the conditions, as `total` of the page, a moment after the page is read. Default false. */
  includeTotal?: boolean;
  /**
   * Counts the runs of each session, as its `runCount`: all of them, member runs and every status included. It reads no
   * run. Default false.
   */
  includeRunCount?: boolean;
} & PageOptions &
  ({ /** 1-based; costs the pages before it. Prefer `cursor`. */ page?: number; cursor?: never } | { page?: never });

/** One page of sessions, with their runs where the list was asked for them. */
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

/** A row of a list that is there, and cannot be read. It is left as it is. */
export interface UnreadableRow {
  /** The id of the session or run that the page lacks. */
  readonly id: string;
  readonly error: CorruptDataError;
}

/** A list of runs: its conditions and its order. */
export interface GetRunsOptions extends PageOptions {
  /** Only runs of this session, in the session's order. Without it the list goes by `createdAt` and run id. */
  sessionId?: string;
  /** The user who wrote the run. */
  participantId?: string;
  /** Only runs of this status, or of one of these. */
  status?: StatusCondition | readonly StatusCondition[];
  /** The id of the agent, team or workflow that ran. */
  componentId?: string;
  /** Only member runs of this run. Null: only runs that are no member runs. */
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

/** What to change of a session; what is left out stays. */
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
 * A patch, or a function that makes one from the session as stored. The function runs under the session's lock. It must be
 * synchronous and free of side effects: a retry calls it again.
 */
export type SessionChange = SessionPatch | ((session: SessionHeader) => SessionPatch);

/**
 * Returns the run to store in place of the stored one, or null to delete it. It runs under the session's lock. It must be
 * synchronous and free of side effects: a retry calls it again, and the last call counts.
 */
export type RunChange = (run: Run) => Run | null;

/** Names the run to change. */
export interface UpdateRunOptions extends CallOptions {
  runId: string;
  /** The run is changed only if it is in this session. */
  sessionId?: string;
}

/** The session of a turn: what it is, and its first content should it not exist yet. Its runs are written one by one. */
export type TurnSession = SessionInit & { runs?: null };

/** A change of a further session in the transaction of a turn. The session is created if it is missing. */
export interface AlsoChange {
  session: TurnSession;
  change: SessionChange;
}

export interface UpsertRunOptions extends CallOptions {
  session: TurnSession;
  run: Run;
  /** Changes the session with the turn. */
  change?: SessionChange;
  /** Writes only if the session exists, or the run is stored in it. */
  onlyIfExists?: "session" | "run";
  /** Writes only if the run is stored in the session with this status, or one of these. */
  onlyIfStatus?: StatusCondition | readonly StatusCondition[];
  /**
   * Writes only if this run is in the session and nothing but member runs comes after it; null: only if the session has no
   * run. Of two tabs that go on from one answer the first is stored.
   */
  onlyIfNewest?: string | null;
  /**
   * Deletes the end of the conversation in the same transaction: every run that comes after this one in the session's
   * order, member runs included, other than the run that is written. It may be the run that is written, which is then
   * replaced in its place. Null deletes all other runs. To keep the member runs of the turn before, name the last of them.
   */
  deleteRunsAfter?: string | null;
  /** Further sessions that the turn changes: all of it is stored, or nothing. */
  also?: readonly AlsoChange[];
}

/** Whether a turn was stored, and if not, which condition did not hold. */
export type UpsertRunResult =
  | {
      readonly stored: true;
      /** How many runs `deleteRunsAfter` deleted. */
      readonly deletedRuns: number;
    }
  | {
      readonly stored: false;
      /** The first of the conditions given that did not hold. Nothing was written. */
      readonly unmet: "onlyIfExists" | "onlyIfStatus" | "onlyIfNewest";
    };

/** Sessions to delete: named, at most 10,000 in a call, or all that meet a filter. */
export type DeleteSessionsOptions = CallOptions &
  ({ sessionIds: readonly string[]; filter?: never } | { filter: SessionFilter; sessionIds?: never });

export interface MigrateLegacyRunsOptions extends CallOptions {
  /** Sessions in one transaction. Default 100. */
  batchSize?: number;
  onProgress?: (progress: LegacyRunsProgress) => void;
}

export interface LegacyRunsProgress {
  /** Sessions looked at so far. */
  readonly sessions: number;
  /** Runs copied so far. */
  readonly runs: number;
  /** Runs left in the column because another session has a run of the same id. */
  readonly skipped: number;
}
