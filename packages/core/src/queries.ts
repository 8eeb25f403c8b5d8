import type { RunRow, SessionRow } from "./rows.ts";
import type { SessionType } from "./models/sessions.ts";
import type { SortOrder } from "./session-db.ts";

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
  readonly componentId: string | null;
  /** Already folded with `foldName`. */
  readonly sessionName: string | null;
  readonly startTimestamp: number | null;
  readonly endTimestamp: number | null;
}

/** Where a page of sessions goes on: after this one, in the order of the list. */
export interface SessionPosition {
  readonly timestamp: number;
  readonly sessionId: string;
}

export interface SessionListQuery extends SessionConditions {
  readonly sortBy: "createdAt" | "updatedAt";
  readonly sortOrder: SortOrder;
  readonly limit: number;
  readonly offset: number;
  readonly after: SessionPosition | null;
  readonly runs: RunsWanted;
  readonly includeTotal: boolean;
}

export type SessionSelection =
  | { readonly sessionIds: readonly string[]; readonly userId: string | null }
  | { readonly conditions: SessionConditions };

/** The JSON columns of a session to write, serialised; those left out stay. */
export type SessionColumns = Partial<
  Pick<SessionRow<string>, "sessionData" | "agentData" | "teamData" | "workflowData" | "metadata" | "summary">
>;

/** Returns the columns to change of a stored session; called under its lock, possibly more than once. */
export type SessionChangeFunction = (stored: SessionRow) => SessionColumns;

export interface SessionWrite {
  readonly session: SessionRow<string>;
  readonly runs: readonly RunRow<string>[];
}

export interface RunWrite {
  readonly session: SessionRow<string>;
  readonly run: RunRow<string>;
  readonly change: SessionChangeFunction | null;
  /** The status that the stored run must have for anything to be written. */
  readonly onlyIfStatus: string | null;
}

export interface RunQuery {
  readonly runId: string;
  readonly userId: string | null;
}

/** Where a page of runs goes on. `runIndex` orders the runs of one session, `createdAt` those of several. */
export interface RunPosition {
  readonly runIndex: number;
  readonly createdAt: number;
  readonly runId: string;
}

export interface RunListQuery {
  readonly sessionId: string | null;
  readonly userId: string | null;
  readonly participantId: string | null;
  /** Null: any status. */
  readonly statuses: readonly string[] | null;
  /** A parent's id, `"none"` for runs that are no member runs, or null for any. */
  readonly parent: { readonly runId: string } | "none" | null;
  readonly startTimestamp: number | null;
  readonly endTimestamp: number | null;
  readonly order: SortOrder;
  readonly limit: number;
  readonly after: RunPosition | null;
}

export interface RunSelection {
  readonly runIds: readonly string[];
  readonly userId: string | null;
}

/** What a store returns for a list: one row more than asked for is its way to know that there is a next page. */
export interface PageOf<Item, Position> {
  readonly items: Item[];
  readonly next: Position | null;
}
