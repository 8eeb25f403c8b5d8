import { unixSeconds } from "./clock.ts";
import { InvalidArgumentError, RunConflictError, SessionOwnershipError, SessionTypeMismatchError } from "./errors.ts";
import { parseSource } from "./json-source.ts";
import { isJsonObject } from "./json.ts";
import { skippedHistoryStatuses } from "./models/runs.ts";
import { sessionTypeOf } from "./models/session-codec.ts";
import type { UpsertRunResult } from "./options.ts";
import type { RunWrite } from "./queries.ts";
import { sessionJsonColumns, type RunRow, type SessionRow } from "./rows.ts";

// The rules of the contract that a store applies while it holds a session's lock.

/** Whether history, and with it `runsLimit`, uses a run. A run without a status counts. */
export function isHistoryRun(run: { parentRunId?: string | null; status?: string | null }): boolean {
  return (run.parentRunId ?? null) === null && !skippedHistoryStatuses.includes(run.status ?? "");
}

/**
 * Returns the form in which names are compared, the same on every database: each letter in lower case, regardless of
 * its neighbours. A final sigma is a sigma, and a capital I with a dot is an `i`.
 */
export function foldName(name: string): string {
  return name.replaceAll("İ", "i").toLowerCase().replaceAll("i\u0307", "i").replaceAll("ς", "σ");
}

/** Returns the name in a session's row, or null. It copes with any `sessionData`, even broken data. */
export function sessionNameOf({ sessionData }: Pick<SessionRow, "sessionData">): string | null {
  const name = isJsonObject(sessionData) ? sessionData["session_name"] : null;
  return typeof name === "string" ? name : null;
}

type StoredIdentity = Pick<SessionRow<unknown>, "sessionId" | "userId">;
type StoredKind = Pick<SessionRow<unknown>, "sessionId" | "sessionType" | "agentId" | "teamId" | "workflowId">;

/**
 * Refuses a write by another user, or by nobody, to a session that has an owner. `runId` is the run that the caller
 * named instead of the session: the error then does not reveal the session's id.
 */
export function admitOwner(stored: StoredIdentity, userId: string | null, runId: string | null = null): void {
  if (stored.userId !== null && stored.userId !== userId) {
    throw runId === null ? new SessionOwnershipError(stored.sessionId) : new SessionOwnershipError(null, runId);
  }
}

/** Refuses a write with a type other than the stored one. `expectedComponent` is whose session the caller takes it for. */
export function admitType(stored: StoredKind, sessionType: string, expectedComponent: string | null = null): void {
  const storedType = sessionTypeOf(stored);
  if (storedType !== sessionType) {
    throw new SessionTypeMismatchError(stored.sessionId, {
      expectedType: sessionType,
      storedType,
      expectedComponent,
      storedComponent: componentOf(stored),
    });
  }
}

function componentOf(row: StoredKind): string | null {
  const { agentId, teamId, workflowId } = row;
  return { agent: agentId, team: teamId, workflow: workflowId }[sessionTypeOf(row)];
}

/** Returns the stored session, or null, after checking that `session` may be written to it: owner first, then type. */
export function admitted<Stored extends StoredIdentity & StoredKind>(
  stored: Stored | null,
  session: StoredIdentity & StoredKind & { readonly sessionType: string },
): Stored | null {
  if (stored !== null) {
    admitOwner(stored, session.userId);
    admitType(stored, session.sessionType, componentOf(session));
  }
  return stored;
}

/**
 * Whether a delete on behalf of a user may delete a session, or its runs. A user may not delete what nobody owns.
 *
 * @throws SessionOwnershipError when it belongs to another user.
 */
export function mayDelete(stored: StoredIdentity, userId: string | null, runId: string | null = null): boolean {
  if (userId === null) {
    return true;
  }
  admitOwner(stored, userId, runId);
  return stored.userId !== null;
}

/** Refuses to store a run under a session other than its own. `stored` is the row with its id, null without one. */
export function checkRun(
  stored: Pick<RunRow<unknown>, "sessionId"> | null,
  run: Pick<RunRow<unknown>, "runId" | "sessionId">,
): void {
  if (stored !== null && stored.sessionId !== run.sessionId) {
    throw new RunConflictError(run.runId, run.sessionId);
  }
}

/** Returns the time of a write: now, but never before the last write, even if the clocks of machines differ. */
export function touchedAt(stored: Pick<SessionRow<unknown>, "updatedAt">): number {
  const now = unixSeconds();
  return Math.max(stored.updatedAt ?? now, now);
}

/** Returns the columns that every write changes in a stored session: its last use, and its owner if it had none. */
export function touched(
  stored: Pick<SessionRow<unknown>, "userId" | "updatedAt">,
  userId: string | null,
): Partial<SessionRow<string>> {
  return { updatedAt: touchedAt(stored), ...(stored.userId === null && userId !== null && { userId }) };
}

/** The columns that name and describe a session's component, by its type. A turn fills them in if they are empty. */
export const componentColumns = {
  agent: ["agentId", "agentData"],
  team: ["teamId", "teamData"],
  workflow: ["workflowId", "workflowData"],
} as const;

/**
 * Returns the columns that a turn fills in for a stored session that lacks them, such as one that an API created by its
 * id alone: the id and the data of the component of its own type.
 */
export function filledColumns(stored: SessionRow<unknown>, session: SessionRow<string>): Partial<SessionRow<string>> {
  const columns: Partial<SessionRow<string>> = {};
  for (const name of componentColumns[sessionTypeOf(stored)]) {
    if (stored[name] === null && session[name] !== null) {
      columns[name] = session[name];
    }
  }
  return columns;
}

const replacedByUpsert = [...Object.values(componentColumns).flat(), "metadata", "summary"] as const;

/** Returns the columns that `upsertSession` replaces in a stored session: all given ones that are not null or empty. */
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

/** Returns the times that `keepTimes` stores over those of a stored session and over those that a write would set. */
export function keptColumns(keptTimes: RunWrite["keptTimes"]): Partial<Pick<SessionRow, "createdAt" | "updatedAt">> {
  return {
    ...(keptTimes !== null && keptTimes.createdAt !== null && { createdAt: keptTimes.createdAt }),
    ...(keptTimes !== null && keptTimes.updatedAt !== null && { updatedAt: keptTimes.updatedAt }),
  };
}

/** The state of a session on which a store decides about a turn. */
export interface TurnState {
  readonly sessionExists: boolean;
  /** In the session's order: all, or at least the run being written, the named ones, and every run after those. */
  readonly runs: readonly Pick<RunRow<unknown>, "runId" | "parentRunId" | "status">[];
}

/** Returns the first condition of a turn that does not hold, or null. Call it after checking owner, type and run. */
export function unmetCondition(
  { run, conditions }: Pick<RunWrite, "run" | "conditions">,
  { sessionExists, runs }: TurnState,
): Extract<UpsertRunResult, { stored: false }>["unmet"] | null {
  if (conditions === null) {
    return null;
  }
  const { exists, statuses, newest } = conditions;
  const stored = runs.find(({ runId }) => runId === run.runId);
  if ((exists === "session" && !sessionExists) || (exists === "run" && stored === undefined)) {
    return "onlyIfExists";
  }
  if (statuses !== null && (stored === undefined || !statuses.includes(stored.status ?? ""))) {
    return "onlyIfStatus";
  }
  return newest === null || isNewest(runs, newest.runId) ? null : "onlyIfNewest";
}

/** Whether only member runs come after a run; for null, whether there is no run. */
function isNewest(runs: TurnState["runs"], runId: string | null): boolean {
  if (runId === null) {
    return runs.length === 0;
  }
  const place = runs.findIndex((run) => run.runId === runId);
  return place >= 0 && runs.slice(place + 1).every(({ parentRunId }) => parentRunId !== null);
}

/**
 * Returns the ids of the runs that a turn deletes, given the session's runs in order.
 *
 * @throws InvalidArgumentError when `deleteRunsAfter` names none of them.
 */
export function runsToDelete(
  { run, deleteAfter, keepsLater }: Pick<RunWrite, "run" | "deleteAfter" | "keepsLater">,
  { runs }: TurnState,
): string[] {
  if (deleteAfter === null) {
    return [];
  }
  const place = runs.findIndex(({ runId }) => runId === deleteAfter.runId);
  if (place < 0 && deleteAfter.runId !== null) {
    throw new InvalidArgumentError("deleteRunsAfter", "the id of a run of the session, or null to delete all others");
  }
  const own = keepsLater ? runs.findIndex(({ runId }) => runId === run.runId) : -1;
  return runs
    .slice(place + 1, own === -1 ? undefined : own)
    .flatMap(({ runId }) => (runId === run.runId ? [] : [runId]));
}

/** Returns a row as it reads once it is written. A change to its documents keeps the text of their other parts. */
export function parseSessionRow(row: SessionRow<string>): SessionRow {
  return withColumns({ ...row }, row);
}

/** `parseSessionRow` for the row of a run. */
export function parseRunRow(row: RunRow<string>): RunRow {
  return { ...row, runData: parseSource(row.runData, "runData", row.runId) };
}

/** Returns the stored row as it reads once `columns` are written. */
export function withColumns(stored: SessionRow, columns: Partial<SessionRow<string>>): SessionRow {
  const row: SessionRow = { ...stored, ...columns };
  for (const name of sessionJsonColumns) {
    if (columns[name] !== undefined) {
      row[name] = parseSource(columns[name], name, stored.sessionId);
    }
  }
  return row;
}
