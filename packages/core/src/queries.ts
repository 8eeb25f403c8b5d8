import type { RunRow, SessionRow } from "./rows.ts";
import type { SessionType } from "./models/sessions.ts";
import type { PageOptions, SortOrder, UnreadableRow } from "./options.ts";

// What `BaseSessionDb` hands to a store: the arguments of the contract after all checks, with every default filled in
// and `null` for what was not given. Rows come encoded, ready to be bound.

/** Which runs to read with a session: none, all, or the newest n that history uses. */
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

/** Where a page starts: beside a position of the list's order, on one side of it. */
export interface PageStart<Position> {
  readonly position: Position;
  readonly side: "after" | "before";
}

/** What the lists of sessions and of runs have in common. */
export interface PageQuery<Position> {
  readonly sortOrder: SortOrder;
  readonly limit: number;
  /** Null: at the beginning of the list. */
  readonly start: PageStart<Position> | null;
  readonly onUnreadable: NonNullable<PageOptions["onUnreadable"]>;
}

/** The place of a session in a list. */
export interface SessionPosition {
  /** Unix seconds: what the list is sorted by. */
  readonly timestamp: number;
  readonly sessionId: string;
}

export interface SessionListQuery extends SessionConditions, PageQuery<SessionPosition> {
  readonly sortBy: "createdAt" | "updatedAt";
  /** How many sessions to pass over. 0 with a `start`. */
  readonly offset: number;
  readonly runs: RunsWanted;
  readonly includeTotal: boolean;
  readonly includeRunCount: boolean;
}

/** Sessions to delete: named ones, all or nothing, or up to `limit` of those that meet conditions. */
export type SessionSelection =
  | { readonly sessionIds: readonly string[]; readonly userId: string | null }
  | { readonly conditions: SessionConditions; readonly limit: number };

/** The JSON columns of a session to write, serialised; those left out stay. */
export type SessionColumns = Partial<
  Pick<SessionRow<string>, "sessionData" | "agentData" | "teamData" | "workflowData" | "metadata" | "summary">
>;

/** Returns the columns to change of a stored session; called under its lock, possibly more than once. */
export type SessionChangeFunction = (stored: SessionRow) => SessionColumns;

/** The times to store also where the row exists, under `keepTimes`; null for one that was not given. */
export interface GivenTimes {
  readonly createdAt: number | null;
  readonly updatedAt: number | null;
  /** Those of the write's run rows whose `createdAt` was given: it replaces that of a stored run. */
  readonly runs: ReadonlySet<RunRow<string>>;
}

export interface SessionWrite {
  readonly session: SessionRow<string>;
  readonly runs: readonly RunRow<string>[];
  /** Null without `keepTimes`. */
  readonly keptTimes: GivenTimes | null;
}

/** What must hold under the lock for anything to be written. */
export interface WriteConditions {
  readonly exists: "session" | "run" | null;
  /** The statuses of which the stored run must have one. */
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
 * Returns the row to store in place of a stored run, or null to delete it; called under the session's lock, possibly more
 * than once.
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
  /** A parent's id, `"none"` for runs that are no member runs, or null for any. */
  readonly parent: { readonly runId: string } | "none" | null;
  readonly startTimestamp: number | null;
  readonly endTimestamp: number | null;
}

export interface RunSelection {
  readonly runIds: readonly string[];
  readonly userId: string | null;
}

/** What a store returns for a list. */
export interface PageOf<Item, Position> {
  readonly items: Item[];
  /** The place of the page's last row when there are rows after it. */
  readonly next: Position | null;
  /** The place of the page's first row when there are rows before it. */
  readonly previous: Position | null;
  /** The rows of the page that cannot be read, when the query asks to report them. */
  readonly unreadable: readonly UnreadableRow[];
}

/** A page of sessions; `total` is null unless it was asked for. */
export interface SessionPageOf<Item> extends PageOf<Item, SessionPosition> {
  readonly total: number | null;
}
