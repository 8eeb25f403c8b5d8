import * as check from "./arguments.ts";
import { decodeCursor, encodeCursor } from "./cursor.ts";
import { InvalidArgumentError } from "./errors.ts";
import { canonicalStatus } from "./models/runs.ts";
import type {
  RunListQuery,
  RunPosition,
  RunsWanted,
  ScopeQuery,
  SessionConditions,
  SessionListQuery,
  SessionPosition,
} from "./queries.ts";
import type { GetRunsOptions, GetSessionsOptions, SessionDbLimits, SessionFilter, SessionScope } from "./session-db.ts";
import { foldName } from "./session-rules.ts";

// From the options of the reading methods to queries without gaps.

const defaultPageSize = 50;
/** More than there are statuses; each number of them is a statement of its own. */
const mostStatuses = 50;

const scopeKeys = ["sessionId", "sessionType", "userId"];
const filterKeys = ["sessionType", "participantId", "componentId", "sessionName", "startTimestamp", "endTimestamp"];
export const runsKeys = ["includeRuns", "runsLimit"];
const listKeys = ["userId", "sortBy", "sortOrder", "limit", "page", "cursor", "includeTotal"];
const runListKeys = ["sessionId", "userId", "participantId", "status", "parentRunId", "startTimestamp", "endTimestamp"];

/** Checks a scope, which may come with further options of the names given. */
export function checkScope(scope: SessionScope, limits: SessionDbLimits, more: readonly string[] = []): ScopeQuery {
  check.checkKeys(scope, "options", [...scopeKeys, ...more]);
  return {
    sessionId: check.checkId(scope.sessionId, "sessionId", limits),
    sessionType: condition(scope, "sessionType", check.checkSessionType),
    userId: check.checkUserScope(scope, limits),
  };
}

export function checkRunsWanted(
  options: { includeRuns?: unknown; runsLimit?: unknown },
  included: boolean,
): RunsWanted {
  const limit = check.checkCount(options.runsLimit, "runsLimit", { from: 0, otherwise: Number.POSITIVE_INFINITY });
  if (!check.checkFlag(options.includeRuns, "includeRuns", included) || limit === 0) {
    return "none";
  }
  return limit === Number.POSITIVE_INFINITY ? "all" : limit;
}

function checkConditions(
  filter: SessionFilter,
  userId: string | null,
  { limits, path = "" }: { limits: SessionDbLimits; path?: string },
): SessionConditions {
  const id = (value: unknown, argument: string): string => check.checkId(value, argument, limits);
  const name = (value: unknown, argument: string): string => foldName(check.checkText(value, argument));
  return {
    sessionType: condition(filter, `${path}sessionType`, check.checkSessionType),
    userId,
    participantId: condition(filter, `${path}participantId`, id),
    componentId: condition(filter, `${path}componentId`, id),
    sessionName: condition(filter, `${path}sessionName`, name),
    startTimestamp: condition(filter, `${path}startTimestamp`, check.checkTimestamp),
    endTimestamp: condition(filter, `${path}endTimestamp`, check.checkTimestamp),
  };
}

/** The conditions of a delete, of which one that every session meets is none. */
export function checkFilter(filter: SessionFilter, userId: string | null, limits: SessionDbLimits): SessionConditions {
  check.checkKeys(filter, "filter", filterKeys);
  const conditions = checkConditions(filter, userId, { limits, path: "filter." });
  if (conditions.sessionName === "") {
    throw new InvalidArgumentError("filter.sessionName", "a non-empty string");
  }
  if (Object.values(conditions).every((value) => value === null)) {
    throw new InvalidArgumentError("filter", "at least one condition: an empty filter would delete every session");
  }
  return conditions;
}

export function checkListQuery(options: GetSessionsOptions, limits: SessionDbLimits): SessionListQuery {
  check.checkKeys(options, "options", [...filterKeys, ...listKeys, ...runsKeys]);
  const order = {
    sortBy: check.checkChoice(options.sortBy, "sortBy", ["createdAt", "updatedAt"]),
    sortOrder: check.checkChoice(options.sortOrder, "sortOrder", ["desc", "asc"]),
  };
  const limit = check.checkCount(options.limit, "limit", { from: 0, otherwise: defaultPageSize });
  const page = check.checkCount(options.page, "page", { from: 1, otherwise: 1 });
  if (!Number.isSafeInteger(page * limit)) {
    throw new InvalidArgumentError("page", "a page within the first 2^53 sessions");
  }
  if (options.cursor !== undefined && options.page !== undefined) {
    throw new InvalidArgumentError("page", "left out when a cursor is given");
  }
  return {
    ...checkConditions(options, check.checkUserScope(options, limits), { limits }),
    ...order,
    limit,
    offset: (page - 1) * limit,
    after: options.cursor === undefined ? null : sessionPosition(options.cursor, order),
    runs: checkRunsWanted(options, false),
    includeTotal: check.checkFlag(options.includeTotal, "includeTotal", false),
  };
}

export function checkRunListQuery(options: GetRunsOptions, limits: SessionDbLimits): RunListQuery {
  check.checkKeys(options, "options", [...runListKeys, "order", "limit", "cursor"]);
  const id = (value: unknown, argument: string): string => check.checkId(value, argument, limits);
  const sessionId = condition(options, "sessionId", id);
  const order = check.checkChoice(options.order, "order", ["asc", "desc"]);
  return {
    sessionId,
    userId: check.checkUserScope(options, limits),
    participantId: condition(options, "participantId", id),
    statuses: condition(options, "status", checkStatuses),
    parent: checkParent(options, id),
    startTimestamp: condition(options, "startTimestamp", check.checkTimestamp),
    endTimestamp: condition(options, "endTimestamp", check.checkTimestamp),
    order,
    limit: check.checkCount(options.limit, "limit", { from: 0, otherwise: defaultPageSize }),
    after: options.cursor === undefined ? null : runPosition(options.cursor, { sessionId, order }),
  };
}

export function sessionCursor(query: SessionListQuery, { timestamp, sessionId }: SessionPosition): string {
  return encodeCursor(sessionOrder(query), [timestamp, sessionId]);
}

export function runCursor(query: RunListQuery, { runIndex, createdAt, runId }: RunPosition): string {
  return encodeCursor(runOrder(query), [runIndex, createdAt, runId]);
}

/**
 * A condition, or null when it was left out. One that is there but holds nothing got lost on the way: taken for "left
 * out", it would list, or delete, what it was meant to keep apart.
 */
function condition<Value>(
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

/** The status that a stored run must have to be replaced, or null when any will do. */
export function checkOnlyIfStatus(options: object): string | null {
  return condition(options, "onlyIfStatus", (status, argument) => canonicalStatus(check.checkText(status, argument)));
}

function checkStatuses(status: unknown, argument: string): readonly string[] {
  const statuses: unknown[] = Array.isArray(status) ? status : [status];
  if (statuses.length === 0 || statuses.length > mostStatuses) {
    throw new InvalidArgumentError(argument, `a status, or an array of 1 to ${mostStatuses}`);
  }
  return [...new Set(statuses.map((value) => canonicalStatus(check.checkText(value, argument))))];
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

// A cursor carries the order of its list, so that it is refused in a list of another order.
function sessionOrder({ sortBy, sortOrder }: Pick<SessionListQuery, "sortBy" | "sortOrder">): string {
  return `${sortBy} ${sortOrder}`;
}

function runOrder({ sessionId, order }: Pick<RunListQuery, "sessionId" | "order">): string {
  return `${sessionId === null ? "createdAt" : "runIndex"} ${order}`;
}

function sessionPosition(cursor: unknown, order: Pick<SessionListQuery, "sortBy" | "sortOrder">): SessionPosition {
  const [timestamp, sessionId] = decodeCursor(cursor, sessionOrder(order), [0, ""]) as [number, string];
  return { timestamp, sessionId };
}

function runPosition(cursor: unknown, order: Pick<RunListQuery, "sessionId" | "order">): RunPosition {
  const [runIndex, createdAt, runId] = decodeCursor(cursor, runOrder(order), [0, 0, ""]) as [number, number, string];
  return { runIndex, createdAt, runId };
}
