import * as check from "./arguments.ts";
import { decodeCursor, encodeCursor, isCursorOf } from "./cursor.ts";
import { InvalidArgumentError } from "./errors.ts";
import type { SessionDbLimits, UserScope } from "./options.ts";
import type { RunPosition, SessionConditions, SessionPosition } from "./queries.ts";
import { checkPage, condition } from "./query-checks.ts";
import { longestSearch } from "./said-text.ts";
import type { SearchSessionsOptions } from "./search-options.ts";
import type { SearchPlace, SearchQuery } from "./search-sessions.ts";
import { foldName } from "./session-rules.ts";

const defaultMaxRuns = 500;
const mostMaxRuns = 10_000;

const keys = [
  "text",
  "sessionType",
  "componentId",
  "excludeSessionId",
  "limit",
  "maxRuns",
  "cursor",
  "onUnreadable",
  "userId",
  "signal",
];

export function checkSearch(options: SearchSessionsOptions & UserScope, limits: SessionDbLimits): SearchQuery {
  check.checkKeys(options, "options", keys);
  const id = (value: unknown, argument: string): string => check.checkId(value, argument, limits);
  const { limit, onUnreadable } = checkPage(options);
  if (limit === 0) {
    throw new InvalidArgumentError("limit", "a whole number of at least 1");
  }
  const maxRuns = check.checkCount(options.maxRuns, "maxRuns", { from: 1, otherwise: defaultMaxRuns });
  if (maxRuns > mostMaxRuns) {
    throw new InvalidArgumentError("maxRuns", `at most ${mostMaxRuns}; go on with nextCursor`);
  }
  const conditions: SessionConditions = {
    sessionType: condition(options, "sessionType", check.checkSessionType),
    userId: check.checkUserScope(options, limits),
    participantId: null,
    runStatuses: null,
    componentId: condition(options, "componentId", id),
    sessionName: null,
    startTimestamp: null,
    endTimestamp: null,
  };
  return {
    folded: checkText(options.text),
    conditions,
    excludeSessionId: condition(options, "excludeSessionId", id),
    limit,
    maxRuns,
    onUnreadable,
    start: options.cursor === undefined ? null : readCursor(options.cursor),
  };
}

function checkText(text: unknown): string {
  if (typeof text !== "string" || text.length > longestSearch || text.trim() === "") {
    throw new InvalidArgumentError("text", `text of 1 to ${longestSearch} characters that are not all blank`);
  }
  return foldName(check.storableText(text));
}

const afterSession = "search after session";
const insideSession = "search inside session";

export function searchCursor({ session, run }: SearchPlace): string {
  const place = [session.timestamp, session.sessionId];
  return run === null
    ? encodeCursor(afterSession, place)
    : encodeCursor(insideSession, [...place, run.runIndex, run.createdAt, run.runId]);
}

function readCursor(cursor: unknown): SearchPlace {
  if (!isCursorOf(cursor, insideSession)) {
    return { session: sessionOf(decodeCursor(cursor, afterSession, [0, ""])), run: null };
  }
  const parts = decodeCursor(cursor, insideSession, [0, "", 0, 0, ""]);
  const [runIndex, createdAt, runId] = parts.slice(2) as [number, number, string];
  const run: RunPosition = { runIndex, createdAt, runId };
  return { session: sessionOf(parts), run };
}

function sessionOf(parts: readonly (string | number)[]): SessionPosition {
  const [timestamp, sessionId] = parts as [number, string];
  return { timestamp, sessionId };
}
