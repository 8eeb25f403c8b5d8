import type { RunRow, SessionRow } from "./rows.ts";
import type { SessionType } from "./models/sessions.ts";
import type { PageOptions, SortOrder, UnreadableRow } from "./options.ts";

// The queries that `BaseSessionDb` passes to a store: the arguments of the contract after all checks, with every
// default filled in and `null` for what was not given. Rows are encoded, ready to be bound.

/** The runs to read with a session: none, all, or the newest n that history uses. */
export type RunsWanted = "none" | "all" | number;

export interface ScopeQuery {
  readonly sessionId: string;
  readonly sessionType: SessionType | null;
  readonly userId: string | null;
}

export interface SessionQuery extends ScopeQuery {
  readonly runs: RunsWanted;
}

export interface SessionConditions {
  readonly sessionType: SessionType | null;
  readonly userId: string | null;
  readonly participantId: string | null;
  /** Null: any status. */
  readonly runStatuses: readonly string[] | null;
  readonly componentId: string | null;
  /** Already folded with `foldName`. */
  readonly sessionName: string | null;
  readonly startTimestamp: number | null;
  readonly endTimestamp: number | null;
}

/** The start of a page: a position in the list's order, and the side of it. */
export interface PageStart<Position> {
  readonly position: Position;
  readonly side: "after" | "before";
}

/** The common part of queries for lists of sessions and of runs. */
export interface PageQuery<Position> {
  readonly sortOrder: SortOrder;
  readonly limit: number;
  /** Null: at the beginning of the list. */
  readonly start: PageStart<Position> | null;
  readonly onUnreadable: NonNullable<PageOptions["onUnreadable"]>;
}

/** The place of a session in a list. */
export interface SessionPosition {
  /** The time that the list is sorted by, in Unix seconds. */
  readonly timestamp: number;
  readonly sessionId: string;
}

export interface SessionListQuery extends SessionConditions, PageQuery<SessionPosition> {
  readonly sortBy: "createdAt" | "updatedAt";
  /** The number of sessions to skip. 0 with a `start`. */
  readonly offset: number;
  readonly runs: RunsWanted;
  readonly includeTotal: boolean;
  readonly includeRunCount: boolean;
}

/** Named sessions to delete, all or nothing. */
export interface SessionSelection {
  readonly sessionIds: readonly string[];
  readonly userId: string | null;
}

/** One batch of the sessions that meet conditions, to delete. */
export interface MatchingSelection {
  readonly conditions: SessionConditions;
  /** The largest number of sessions to delete. */
  readonly limit: number;
  /** The `next` of the batch before; null for the first batch. */
  readonly start: string | null;
}

/** What the delete of one batch did. */
export interface DeletedBatch {
  readonly deleted: number;
  /** Where the next batch goes on, in the store's own words; null after the last batch. */
  readonly next: string | null;
}

/** The JSON columns of a session to write, serialised; those left out stay. */
export type SessionColumns = Partial<
  Pick<SessionRow<string>, "sessionData" | "agentData" | "teamData" | "workflowData" | "metadata" | "summary">
>;

/** Returns the columns of a stored session to change. Called under its lock, possibly more than once. */
export type SessionChangeFunction = (stored: SessionRow) => SessionColumns;

/** The times that `keepTimes` stores even if the row exists; null for one that was not given. */
export interface GivenTimes {
  readonly createdAt: number | null;
  readonly updatedAt: number | null;
  /** The run rows of the write whose `createdAt` was given, which replaces that of a stored run. */
  readonly runs: ReadonlySet<RunRow<string>>;
}

export interface SessionWrite {
  readonly session: SessionRow<string>;
  readonly runs: readonly RunRow<string>[];
  /** Null without `keepTimes`. */
  readonly keptTimes: GivenTimes | null;
}

/** The conditions that must hold under the lock for anything to be written. */
export interface WriteConditions {
  readonly exists: "session" | "run" | null;
  /** The stored run must have one of these statuses. */
  readonly statuses: readonly string[] | null;
  /** The run that must be the newest; `runId` is null for a session that must have no run. */
  readonly newest: { readonly runId: string | null } | null;
}

/** A further session of a turn's transaction. */
export interface AlsoWrite {
  readonly session: SessionRow<string>;
  readonly change: SessionChangeFunction;
}

export interface RunWrite {
  readonly session: SessionRow<string>;
  readonly run: RunRow<string>;
  readonly change: SessionChangeFunction | null;
  /** Null: none was given, and the write is an append or a replacement. */
  readonly conditions: WriteConditions | null;
  /** The run after which all others are deleted; `runId` is null to delete all others. */
  readonly deleteAfter: { readonly runId: string | null } | null;
  /** Whether the runs after the written one stay. */
  readonly keepsLater: boolean;
  /** Sorted by session id, none of them the turn's own. */
  readonly also: readonly AlsoWrite[];
  /** Null without `keepTimes`. */
  readonly keptTimes: GivenTimes | null;
}

/** Names a run to change. */
export interface RunScopeQuery {
  readonly runId: string;
  readonly sessionId: string | null;
  readonly userId: string | null;
}

/**
 * Returns the row to store in place of a stored run, or null to delete it. Called under the session's lock, possibly
 * more than once.
 */
export type RunChangeFunction = (stored: RunRow) => RunRow<string> | null;

export interface RunQuery {
  readonly runId: string;
  readonly userId: string | null;
}

/** The place of a run in a list. `runIndex` orders the runs of one session, `createdAt` those of several. */
export interface RunPosition {
  readonly runIndex: number;
  readonly createdAt: number;
  readonly runId: string;
}

export interface RunListQuery extends PageQuery<RunPosition> {
  readonly sessionId: string | null;
  readonly userId: string | null;
  readonly participantId: string | null;
  /** Null: any status. */
  readonly statuses: readonly string[] | null;
  readonly componentId: string | null;
  /** A parent's id, `"none"` for runs that are not member runs, or null for any. */
  readonly parent: { readonly runId: string } | "none" | null;
  readonly startTimestamp: number | null;
  readonly endTimestamp: number | null;
}

export interface RunSelection {
  readonly runIds: readonly string[];
  readonly userId: string | null;
}

/** A page of a list, as a store returns it. */
export interface PageOf<Item, Position> {
  readonly items: Item[];
  /** The place of the page's last row if rows come after it, else null. */
  readonly next: Position | null;
  /** The place of the page's first row if rows come before it, else null. */
  readonly previous: Position | null;
  /** The rows of the page that cannot be read, if the query asks to report them. */
  readonly unreadable: readonly UnreadableRow[];
}

/** A page of sessions; `total` is null unless it was asked for. */
export interface SessionPageOf<Item> extends PageOf<Item, SessionPosition> {
  readonly total: number | null;
}
