import { unixSeconds } from "./clock.ts";
import { SessionOwnershipError, SessionTypeMismatchError } from "./errors.ts";
import { parseJson } from "./json.ts";
import { skippedHistoryStatuses } from "./models/runs.ts";
import { sessionTypeOf } from "./models/session-codec.ts";
import type { SessionRow } from "./rows.ts";

// The rules of the contract that a store applies while it holds a session's lock.

/** Whether history, and with it `runsLimit`, uses a run. A run without status counts. */
export function isHistoryRun(run: { parentRunId?: string | null; status?: string | null }): boolean {
  return (run.parentRunId ?? null) === null && !skippedHistoryStatuses.includes(run.status ?? "");
}

/** The form in which names are compared: the same on every database. */
export function foldName(name: string): string {
  return name.toLowerCase();
}

type StoredIdentity = Pick<SessionRow<unknown>, "sessionId" | "userId">;
type StoredKind = Pick<SessionRow<unknown>, "sessionId" | "sessionType" | "agentId" | "teamId" | "workflowId">;

/**
 * Refuses a write by another user, or by nobody, to a session that has an owner. True when the session has no owner and
 * `userId` becomes it.
 */
export function admitOwner(stored: StoredIdentity, userId: string | null): boolean {
  if (stored.userId === null) {
    return userId !== null;
  }
  if (stored.userId !== userId) {
    throw new SessionOwnershipError(stored.sessionId);
  }
  return false;
}

/** Refuses a write under another type than the stored one. */
export function admitType(stored: StoredKind, sessionType: string): void {
  if (sessionTypeOf(stored) !== sessionType) {
    throw new SessionTypeMismatchError(stored.sessionId, {
      expectedType: sessionType,
      storedType: stored.sessionType,
    });
  }
}

/** The time of a write: now, and never before the last one, whatever the clocks of several machines say. */
export function touchedAt(stored: Pick<SessionRow<unknown>, "updatedAt">): number {
  const now = unixSeconds();
  return Math.max(stored.updatedAt ?? now, now);
}

const jsonColumns = ["sessionData", "agentData", "teamData", "workflowData", "metadata", "summary"] as const;
const replacedByUpsert = [
  "agentId",
  "teamId",
  "workflowId",
  "agentData",
  "teamData",
  "workflowData",
  "metadata",
  "summary",
] as const;

/** What a whole session given to `upsertSession` replaces of a stored one: what it has; null and empty data stay out. */
export function replacedColumns(session: SessionRow<string>): Partial<SessionRow<string>> {
  const columns: Partial<SessionRow<string>> = {};
  for (const name of replacedByUpsert) {
    if (session[name] !== null) {
      columns[name] = session[name];
    }
  }
  if (session.sessionData !== null && session.sessionData !== "{}") {
    columns.sessionData = session.sessionData;
  }
  return columns;
}

/** A row as it reads once it is written. */
export function parseSessionRow(row: SessionRow<string>): SessionRow {
  return withColumns({ ...row }, row);
}

/** The stored row as it reads once `columns` are written. */
export function withColumns(stored: SessionRow, columns: Partial<SessionRow<string>>): SessionRow {
  const row: SessionRow = { ...stored, ...columns };
  for (const name of jsonColumns) {
    if (columns[name] !== undefined) {
      row[name] = parseJson(columns[name], name, stored.sessionId);
    }
  }
  return row;
}
