import * as check from "./arguments.ts";
import { unixSeconds } from "./clock.ts";
import { InvalidArgumentError } from "./errors.ts";
import { toJsonText, type JsonObject } from "./json.ts";
import { encodeRun } from "./models/run-codec.ts";
import type { Run } from "./models/runs.ts";
import { decodeSession, encodeSession } from "./models/session-codec.ts";
import type { SessionInit } from "./models/sessions.ts";
import { encodeSummary } from "./models/summary.ts";
import type { SessionChangeFunction, SessionColumns, SessionWrite } from "./queries.ts";
import type { RunRow, SessionRow } from "./rows.ts";
import type { SessionChange, SessionDbLimits, SessionPatch } from "./session-db.ts";

// From what callers hand to the writing methods to rows that can be bound, every fault found before a store is touched.

const jsonColumns = ["sessionData", "agentData", "teamData", "workflowData", "metadata", "summary"] as const;
const documents = ["agentData", "teamData", "workflowData", "metadata"] as const;
const patchKeys: readonly string[] = [...documents, "sessionData", "sessionName", "sessionState", "summary"];
const longestStatus = 50;

export function encodeSessionWrite(session: SessionInit, argument: string, limits: SessionDbLimits): SessionWrite {
  const row = checkedSession(session, argument, limits);
  const runs: unknown = session.runs ?? [];
  if (!Array.isArray(runs)) {
    throw new InvalidArgumentError(`${argument}.runs`, "an array of runs");
  }
  return {
    session: row,
    runs: runs.map((run: Run, index) => checkedRun(run, row, { argument: `${argument}.runs[${index}]`, limits })),
  };
}

export function encodeRunWrite(
  session: SessionInit,
  run: Run,
  limits: SessionDbLimits,
): { session: SessionRow<string>; run: RunRow<string> } {
  const row = checkedSession(session, "session", limits);
  return { session: row, run: checkedRun(run, row, { argument: "run", limits }) };
}

/** The function that a store calls under the session's lock, from what the caller of `updateSession` gave. */
export function changeOf(change: SessionChange, limits: SessionDbLimits): SessionChangeFunction {
  if (typeof change === "function") {
    // On a copy: what the function does to the session it is shown changes neither the store nor the result.
    return (stored) => encodePatch(change(decodeSession(structuredClone(stored), [])), stored, limits);
  }
  checkPatch(change);
  return (stored) => encodePatch(change, stored, limits);
}

function checkedSession(session: SessionInit, argument: string, limits: SessionDbLimits): SessionRow<string> {
  check.checkObject(session, argument);
  check.checkId(session.sessionId, `${argument}.sessionId`, limits);
  check.checkSessionType(session.sessionType, `${argument}.sessionType`);
  if ("userId" in session && session.userId === undefined) {
    throw new InvalidArgumentError(`${argument}.userId`, "a user id, null for nobody, or left out; not undefined");
  }
  for (const name of ["userId", "agentId", "teamId", "workflowId"] as const) {
    check.checkOptionalId(session[name], `${argument}.${name}`, limits);
  }
  for (const name of [...documents, "sessionData", "summary"] as const) {
    checkDocument(session[name], `${argument}.${name}`);
  }
  check.checkTimestamp(session.createdAt, `${argument}.createdAt`);
  check.checkTimestamp(session.updatedAt, `${argument}.updatedAt`);
  const row = encodeSession(session, { now: unixSeconds(), argument });
  for (const name of jsonColumns) {
    check.checkPayload(row[name], `${argument}.${name}`, limits);
  }
  return row;
}

function checkedRun(
  run: Run,
  session: SessionRow<string>,
  { argument, limits }: { argument: string; limits: SessionDbLimits },
): RunRow<string> {
  check.checkObject(run, argument);
  check.checkId(run.runId, `${argument}.runId`, limits);
  check.checkSessionType(run.runType, `${argument}.runType`);
  if ((run.sessionId ?? session.sessionId) !== session.sessionId) {
    throw new InvalidArgumentError(`${argument}.sessionId`, "left out, or the id of the session it is stored under");
  }
  check.checkOptionalId(run.userId, `${argument}.userId`, limits);
  check.checkOptionalId(run.parentRunId, `${argument}.parentRunId`, limits);
  check.checkTimestamp(run.createdAt, `${argument}.createdAt`);
  if ((run.status ?? null) !== null && check.checkText(run.status, `${argument}.status`).length > longestStatus) {
    throw new InvalidArgumentError(`${argument}.status`, `at most ${longestStatus} characters long`);
  }
  const row = encodeRun(run, session, { now: unixSeconds(), argument });
  for (const name of ["agentId", "teamId", "workflowId"] as const) {
    check.checkOptionalId(row[name], `${argument}.${name}`, limits);
  }
  check.checkPayload(row.runData, argument, limits);
  return row;
}

function checkDocument(value: unknown, argument: string): void {
  if (value !== undefined && value !== null) {
    check.checkObject(value, argument);
  }
}

function checkPatch(patch: unknown): asserts patch is SessionPatch {
  if (patch instanceof Promise) {
    // Nobody else will look at it, and an unhandled rejection ends the process.
    patch.catch(() => {});
  }
  if (typeof patch !== "object" || patch === null || "then" in patch) {
    throw new InvalidArgumentError("change", "an object, or a synchronous function that returns one");
  }
  for (const [name, value] of Object.entries(patch)) {
    const argument = `change.${name}`;
    if (!patchKeys.includes(name)) {
      throw new InvalidArgumentError(argument, `left out: a session's ${patchKeys.join(", ")} can be changed`);
    }
    if (value === undefined) {
      continue;
    }
    if (name === "sessionName") {
      check.checkText(value, argument);
    } else if (value !== null || name === "sessionState" || name === "sessionData") {
      check.checkObject(value, argument);
    }
  }
}

/** Encodes the columns that a patch changes, and no others. */
function encodePatch(patch: SessionPatch, stored: SessionRow, limits: SessionDbLimits): SessionColumns {
  checkPatch(patch);
  const columns: SessionColumns = {};
  if (patch.sessionName !== undefined || patch.sessionState !== undefined || patch.sessionData !== undefined) {
    columns.sessionData = toJsonText(patchedSessionData(patch, stored), "change.sessionData");
  }
  if (patch.summary !== undefined) {
    columns.summary = patch.summary && toJsonText(encodeSummary(patch.summary, "change.summary"), "change.summary");
  }
  for (const name of documents) {
    const document = patch[name];
    if (document !== undefined) {
      columns[name] = document && toJsonText(document, `change.${name}`);
    }
  }
  for (const name of jsonColumns) {
    check.checkPayload(columns[name] ?? null, `change.${name}`, limits);
  }
  return columns;
}

function patchedSessionData({ sessionData, sessionName, sessionState }: SessionPatch, stored: SessionRow): JsonObject {
  return {
    ...(sessionData ?? decodeSession(stored, []).sessionData),
    ...(sessionName !== undefined && { session_name: sessionName }),
    ...(sessionState !== undefined && { session_state: sessionState }),
  };
}
