import * as check from "./arguments.ts";
import { decodeCursor, encodeCursor, isCursorOf } from "./cursor.ts";
import { InvalidArgumentError } from "./errors.ts";
import { canonicalStatus } from "./models/runs.ts";
import type {
  GetRunsOptions,
  GetSessionsOptions,
  ListHeaders,
  ListRuns,
  PageOptions,
  SessionDbLimits,
  SessionFilter,
  SessionKey,
  UpdateRunOptions,
  UserScope,
} from "./options.ts";
import type {
  PageQuery,
  PageStart,
  RunListQuery,
  RunPosition,
  RunScopeQuery,
  RunsWanted,
  ScopeQuery,
  SessionConditions,
  SessionListQuery,
  SessionPosition,
  WriteConditions,
} from "./queries.ts";
import { foldName } from "./session-rules.ts";

// Turns the options of the reading methods into queries without gaps.

export const defaultPageSize = 50;
/** More rows than any answer can hold. Larger limits are cut to this, since some databases refuse them. */
export const mostRows = 2 ** 31 - 1;
/** More than there are statuses. It bounds the statements, since each number of statuses needs its own. */
const mostStatuses = 50;

const scopeKeys = ["sessionId", "sessionType", "userId", "signal"];
const filterKeys = [
  "sessionType",
  "participantId",
  "runStatus",
  "componentId",
  "sessionName",
  "startTimestamp",
  "endTimestamp",
];
export const runsKeys = ["includeRuns", "runsLimit"];
export const pageKeys = ["sortOrder", "limit", "cursor", "onUnreadable", "userId", "signal"];
const listKeys = ["sortBy", "page", "includeTotal", "includeRunCount"];
const runListKeys = [
  "sessionId",
  "participantId",
  "status",
  "componentId",
  "parentRunId",
  "startTimestamp",
  "endTimestamp",
];

/** Checks a scope. `more` names the further options that may come with it. */
export function checkScope(
  scope: SessionKey & UserScope,
  limits: SessionDbLimits,
  more: readonly string[] = [],
): ScopeQuery {
  check.checkKeys(scope, "options", [...scopeKeys, ...more]);
  return {
    sessionId: check.checkId(scope.sessionId, "sessionId", limits),
    sessionType: condition(scope, "sessionType", check.checkSessionType),
    userId: check.checkUserScope(scope, limits),
  };
}

/** Checks the scope of `updateRun`. */
export function checkRunScope(options: UpdateRunOptions & UserScope, limits: SessionDbLimits): RunScopeQuery {
  check.checkKeys(options, "options", ["runId", "sessionId", "userId", "signal"]);
  const id = (value: unknown, argument: string): string => check.checkId(value, argument, limits);
  return {
    runId: id(options.runId, "runId"),
    sessionId: condition(options, "sessionId", id),
    userId: check.checkUserScope(options, limits),
  };
}

export function checkRunsWanted(
  options: { includeRuns?: unknown; runsLimit?: unknown },
  included: boolean,
): RunsWanted {
  const wanted = check.checkFlag(options.includeRuns, "includeRuns", included);
  if (options.runsLimit === undefined) {
    return wanted ? "all" : "none";
  }
  if (!wanted) {
    throw new InvalidArgumentError("runsLimit", "left out unless includeRuns is true: without it no run is read");
  }
  return Math.min(check.checkCount(options.runsLimit, "runsLimit", { from: 1, otherwise: 1 }), mostRows);
}

function checkConditions(
  filter: SessionFilter,
  userId: string | null,
  { limits, path = "" }: { limits: SessionDbLimits; path?: string },
): SessionConditions {
  const id = (value: unknown, argument: string): string => check.checkId(value, argument, limits);
  const name = (value: unknown, argument: string): string => foldName(check.checkSearchText(value, argument));
  return {
    sessionType: condition(filter, `${path}sessionType`, check.checkSessionType),
    userId,
    participantId: condition(filter, `${path}participantId`, id),
    runStatuses: condition(filter, `${path}runStatus`, checkStatuses),
    componentId: condition(filter, `${path}componentId`, id),
    sessionName: condition(filter, `${path}sessionName`, name),
    startTimestamp: condition(filter, `${path}startTimestamp`, check.checkTimestamp),
    endTimestamp: condition(filter, `${path}endTimestamp`, check.checkTimestamp),
  };
}

/** Checks the conditions of a delete. A condition that every session meets does not count. */
export function checkFilter(filter: SessionFilter, userId: string | null, limits: SessionDbLimits): SessionConditions {
  check.checkKeys(filter, "filter", filterKeys);
  const conditions = checkConditions(filter, userId, { limits, path: "filter." });
  if (conditions.sessionName === "") {
    throw new InvalidArgumentError("filter.sessionName", "a non-empty string");
  }
  if (Object.values(conditions).every((value) => value === null)) {
    throw new InvalidArgumentError("filter", "given at least one condition: an empty one would delete every session");
  }
  return conditions;
}

export function checkListQuery(
  options: GetSessionsOptions & UserScope & (ListRuns | ListHeaders),
  limits: SessionDbLimits,
): SessionListQuery {
  check.checkKeys(options, "options", [...filterKeys, ...pageKeys, ...listKeys, ...runsKeys]);
  const sortBy = check.checkChoice(options.sortBy, "sortBy", ["createdAt", "updatedAt"]);
  const sortOrder = check.checkChoice(options.sortOrder, "sortOrder", ["desc", "asc"]);
  const page = check.checkCount(options.page, "page", { from: 1, otherwise: 1 });
  const { limit, onUnreadable } = checkPage(options);
  if (!Number.isSafeInteger(page * limit)) {
    throw new InvalidArgumentError("page", "a page within the first 2^53 sessions");
  }
  const { cursor } = options;
  if (cursor !== undefined && options.page !== undefined) {
    throw new InvalidArgumentError("page", "left out when a cursor is given");
  }
  const conditions = checkConditions(options, check.checkUserScope(options, limits), { limits });
  return {
    sortBy,
    sortOrder,
    limit,
    onUnreadable,
    offset: (page - 1) * limit,
    start: cursor === undefined ? null : sessionStart(cursor, { sortBy, sortOrder }),
    runs: checkRunsWanted(options, false),
    includeTotal: check.checkFlag(options.includeTotal, "includeTotal", false),
    includeRunCount: check.checkFlag(options.includeRunCount, "includeRunCount", false),
    // Last, since V8 takes 40 µs to add so many properties after a spread, and to copy the result.
    ...conditions,
  };
}

export function checkRunListQuery(options: GetRunsOptions & UserScope, limits: SessionDbLimits): RunListQuery {
  check.checkKeys(options, "options", [...runListKeys, ...pageKeys]);
  const id = (value: unknown, argument: string): string => check.checkId(value, argument, limits);
  const sessionId = condition(options, "sessionId", id);
  const sortOrder = check.checkChoice(options.sortOrder, "sortOrder", ["asc", "desc"]);
  const { cursor } = options;
  return {
    sessionId,
    userId: check.checkUserScope(options, limits),
    participantId: condition(options, "participantId", id),
    statuses: condition(options, "status", checkStatuses),
    componentId: condition(options, "componentId", id),
    parent: checkParent(options, id),
    startTimestamp: condition(options, "startTimestamp", check.checkTimestamp),
    endTimestamp: condition(options, "endTimestamp", check.checkTimestamp),
    sortOrder,
    ...checkPage(options),
    start: cursor === undefined ? null : runStart(cursor, { sessionId, sortOrder }),
  };
}

export function checkPage(options: PageOptions): Pick<PageQuery<unknown>, "limit" | "onUnreadable"> {
  return {
    limit: Math.min(check.checkCount(options.limit, "limit", { from: 0, otherwise: defaultPageSize }), mostRows),
    onUnreadable: check.checkChoice(options.onUnreadable, "onUnreadable", ["report", "throw"]),
  };
}

export function sessionCursor(query: SessionListQuery, { position, side }: PageStart<SessionPosition>): string {
  return encodeCursor(`${side} ${sessionOrder(query)}`, [position.timestamp, position.sessionId]);
}

export function runCursor(query: RunListQuery, { position, side }: PageStart<RunPosition>): string {
  const { runIndex, createdAt, runId } = position;
  return encodeCursor(`${side} ${runOrder(query)}`, [runIndex, createdAt, runId]);
}

/**
 * Returns a condition, or null when it was left out. One that is present but empty got lost on the way: ignoring it
 * would list, or delete, what it was meant to exclude.
 */
export function condition<Value>(
  options: object,
  argument: string,
  checked: (value: unknown, argument: string) => Value,
): Value | null {
  const name = argument.slice(argument.lastIndexOf(".") + 1);
  if (!(name in options)) {
    return null;
  }
  const value = (options as Readonly<Record<string, unknown>>)[name];
  if (value === undefined || value === null) {
    throw new InvalidArgumentError(argument, "left out, or given a value; not undefined or null");
  }
  return checked(value, argument);
}

/** Returns the conditions of `upsertRun`, or null when none was given. */
export function checkWriteConditions(options: object, limits: SessionDbLimits): WriteConditions | null {
  const exists = condition(options, "onlyIfExists", (value, argument) =>
    check.checkChoice<"session" | "run">(value, argument, ["session", "run"]),
  );
  const statuses = condition(options, "onlyIfStatus", checkStatuses);
  const newest = checkNamedRun(options, "onlyIfNewest", limits);
  return exists === null && statuses === null && newest === null ? null : { exists, statuses, newest };
}

/** Returns the run id of an option, which is null to name no run; null instead when the option was left out. */
export function checkNamedRun(
  options: Readonly<Record<string, unknown>> | object,
  argument: "onlyIfNewest" | "deleteRunsAfter",
  limits: SessionDbLimits,
): { readonly runId: string | null } | null {
  if (!(argument in options)) {
    return null;
  }
  const runId = (options as Readonly<Record<string, unknown>>)[argument];
  if (runId === undefined) {
    throw new InvalidArgumentError(argument, "left out, a run id, or null; not undefined");
  }
  return { runId: runId === null ? null : check.checkId(runId, argument, limits) };
}

function checkStatuses(status: unknown, argument: string): readonly string[] {
  const statuses: unknown[] = Array.isArray(status) ? status : [status];
  if (statuses.length === 0 || statuses.length > mostStatuses) {
    throw new InvalidArgumentError(argument, `a status, or an array of 1 to ${mostStatuses}`);
  }
  return [...new Set(statuses.map((value) => canonicalStatus(check.checkSearchText(value, argument))))];
}

function checkParent(
  options: GetRunsOptions,
  id: (value: unknown, argument: string) => string,
): RunListQuery["parent"] {
  if (!("parentRunId" in options)) {
    return null;
  }
  return options.parentRunId === null ? "none" : { runId: id(options.parentRunId, "parentRunId") };
}

// A cursor carries the order of its list, so that a list with another order refuses it.
function sessionOrder({ sortBy, sortOrder }: Pick<SessionListQuery, "sortBy" | "sortOrder">): string {
  return `${sortBy} ${sortOrder}`;
}

function runOrder({ sessionId, sortOrder }: Pick<RunListQuery, "sessionId" | "sortOrder">): string {
  return `${sessionId === null ? "createdAt" : "runIndex"} ${sortOrder}`;
}

function sessionStart(
  cursor: unknown,
  order: Pick<SessionListQuery, "sortBy" | "sortOrder">,
): PageStart<SessionPosition> {
  const { side, parts } = readStart(cursor, sessionOrder(order), [0, ""]);
  const [timestamp, sessionId] = parts as [number, string];
  return { side, position: { timestamp, sessionId } };
}

function runStart(cursor: unknown, order: Pick<RunListQuery, "sessionId" | "sortOrder">): PageStart<RunPosition> {
  const { side, parts } = readStart(cursor, runOrder(order), [0, 0, ""]);
  const [runIndex, createdAt, runId] = parts as [number, number, string];
  return { side, position: { runIndex, createdAt, runId } };
}

/** Reads a cursor of a list with this order. `shape` holds one example of each part of its position. */
export function readStart(
  cursor: unknown,
  order: string,
  shape: readonly (string | number)[],
): { side: PageStart<unknown>["side"]; parts: (string | number)[] } {
  const side = isCursorOf(cursor, `before ${order}`) ? "before" : "after";
  return { side, parts: decodeCursor(cursor, `${side} ${order}`, shape) };
}
