import { InvalidArgumentError, type JsonObject, type MessageOptions } from "@sessiondb/core";
import {
  atLeast,
  checkCount,
  checkText,
  checkTimestamp,
  flag,
  identifier,
  jsonObject,
  nonEmptyText,
  oneOf,
  optional,
  texts,
  type OptionReaders,
  type OptionsRead,
} from "@sessiondb/core/adapter";
import { readScope } from "./run-options.ts";
import type { StateChange } from "./run-state.ts";

/** The session and the user of a call. */
export interface SessionOptions {
  /** Default: the component's `sessionId`. Passing `undefined` or `""` is an error. */
  sessionId?: string;
  /** Confines the call to this user's sessions. Default: the component's `userId`, or else sessions of all users. */
  userId?: string;
}

/** Names a run to cancel. */
export interface CancelRunOptions {
  runId: string;
  /** Cancels the run only if it is in this session. Passing `undefined` or `""` is an error. */
  sessionId?: string;
  /** Confines the call to this user's sessions. Default: the component's `userId`, or else sessions of all users. */
  userId?: string;
}

/** A run in progress, in this process or in another. */
export interface RunningRun {
  readonly runId: string;
  readonly sessionId: string;
  readonly userId: string | null;
  /** When the run began, in Unix seconds, also if it waited for an approval since. */
  readonly createdAt: number;
  /** Its last sign of life, in Unix seconds: at most 20 seconds ago, unless its process died or is too busy. */
  readonly aliveAt: number;
}

export interface UserSessionsOptions {
  /** Default: the component's `userId`. One of the two is required. */
  userId?: string;
  /** Text that the session's name contains, in any case. */
  sessionName?: string | undefined;
  /** Created at or after, in Unix seconds. */
  startTimestamp?: number | undefined;
  /** Created at or before, in Unix seconds. */
  endTimestamp?: number | undefined;
  /** Default `createdAt`. */
  sortBy?: "createdAt" | "updatedAt" | undefined;
  /** Default `desc`, newest first. */
  sortOrder?: "asc" | "desc" | undefined;
  /** At most 50, the default. */
  limit?: number | undefined;
  /** `nextCursor` or `previousCursor` of another page. */
  cursor?: string | undefined;
}

/** The maximum number of sessions that one call lists. */
const mostListed = 50;

export const sessionReaders = {
  sessionId: optional(identifier),
  userId: optional(identifier),
} satisfies OptionReaders<SessionOptions>;

export const cancelReaders = { ...sessionReaders, runId: identifier } satisfies OptionReaders<CancelRunOptions>;

export type SessionScope = OptionsRead<typeof sessionReaders>;

export const listReaders = {
  userId: optional(identifier),
  sessionName: optional(checkText),
  startTimestamp: optional(timestamp),
  endTimestamp: optional(timestamp),
  sortBy: oneOf("createdAt", "updatedAt"),
  sortOrder: oneOf("desc", "asc"),
  limit: listLength,
  cursor: optional(nonEmptyText),
} satisfies OptionReaders<UserSessionsOptions>;

export type UserSessionTimes = Pick<UserSessionsOptions, "userId" | "startTimestamp" | "endTimestamp">;
export const timeReaders = {
  userId: listReaders.userId,
  startTimestamp: listReaders.startTimestamp,
  endTimestamp: listReaders.endTimestamp,
} satisfies OptionReaders<UserSessionTimes>;

export const readReaders = { ...sessionReaders, runsLimit: optional(atLeast(1)) };
export const renameReaders = { ...sessionReaders, sessionName: optional(checkText), autogenerate: optional(isTrue) };
export const changeReaders = { ...sessionReaders, change: changeOf };
export const messageReaders = {
  ...sessionReaders,
  lastNRuns: optional(atLeast(0)),
  limit: optional(atLeast(0)),
  skipRoles: optional(texts),
  skipStatuses: optional(texts),
  skipHistoryMessages: flag(true),
} satisfies OptionReaders<SessionOptions & MessageOptions>;

export function readSession<Readers extends typeof sessionReaders>(
  options: unknown,
  readers: Readers,
): OptionsRead<Readers> {
  return readScope(options, readers, ["userId", "sessionId"]);
}

function timestamp(value: unknown, argument: string): number {
  // Refuse null like any other value that is not a time.
  return checkTimestamp(value ?? Number.NaN, argument) ?? 0;
}

function listLength(value: unknown, argument: string): number {
  const limit = checkCount(value, argument, { from: 0, otherwise: mostListed });
  if (limit > mostListed) {
    throw new InvalidArgumentError(argument, `a whole number up to ${mostListed}`);
  }
  return limit;
}

function isTrue(value: unknown, argument: string): true {
  if (value !== true) {
    throw new InvalidArgumentError(argument, "true, or left out");
  }
  return value;
}

function changeOf(value: unknown, argument: string): StateChange | JsonObject {
  return typeof value === "function" ? (value as StateChange) : jsonObject(value, argument);
}
