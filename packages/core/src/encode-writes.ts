import * as check from "./arguments.ts";
import { unixSeconds } from "./clock.ts";
import { CorruptDataError, InvalidArgumentError } from "./errors.ts";
import { rewriteJson } from "./json-source.ts";
import type { JsonObject, JsonValue } from "./json.ts";
import { decodeRun, encodeRun, type RunSession } from "./models/run-codec.ts";
import { canonicalStatus, type Run } from "./models/runs.ts";
import { decodeHeader, encodeSession } from "./models/session-codec.ts";
import type { SessionInit } from "./models/sessions.ts";
import { encodeSummary } from "./models/summary.ts";
import type {
  AlsoChange,
  RunChange,
  SessionChange,
  SessionDbLimits,
  SessionPatch,
  UpsertRunOptions,
} from "./options.ts";
import type {
  AlsoWrite,
  GivenTimes,
  RunChangeFunction,
  RunWrite,
  SessionChangeFunction,
  SessionColumns,
  SessionWrite,
} from "./queries.ts";
import { checkNamedRun, checkWriteConditions } from "./query-checks.ts";
import { sessionJsonColumns, type RunRow, type SessionRow } from "./rows.ts";

// Turns the arguments of writes into rows ready to be bound, and finds every mistake before a store is touched.

const documents = ["agentData", "teamData", "workflowData", "metadata"] as const;
const patchKeys: readonly string[] = [...documents, "sessionData", "sessionName", "sessionState", "summary"];
const longestStatus = 50;

export function encodeSessionWrite(
  session: SessionInit,
  argument: string,
  { limits, keepTimes }: { limits: SessionDbLimits; keepTimes: boolean },
): SessionWrite {
  const row = checkedSession(session, argument, limits);
  const given: unknown = session.runs ?? [];
  if (!Array.isArray(given)) {
    throw new InvalidArgumentError(`${argument}.runs`, "an array of runs");
  }
  const runs = given.map((run: Run, index) => checkedRun(run, row, { argument: `${argument}.runs[${index}]`, limits }));
  return { session: row, runs, keptTimes: keepTimes ? givenTimes(session, given, runs) : null };
}

export function encodeRunWrite(options: UpsertRunOptions, limits: SessionDbLimits, keepTimes: boolean): RunWrite {
  const { change } = options;
  const session = checkedTurnSession(options.session, "session", limits);
  const run = checkedRun(options.run, session, { argument: "run", limits });
  return {
    session,
    run,
    change: change === undefined ? null : changeOf(change, limits),
    conditions: checkWriteConditions(options, limits),
    deleteAfter: checkNamedRun(options, "deleteRunsAfter", limits),
    keepsLater: check.checkFlag(options.keepLaterRuns, "keepLaterRuns", false),
    also: checkedAlso(options.also, session, limits),
    keptTimes: keepTimes ? givenTimes(options.session, [options.run], [run]) : null,
  };
}

/** Turns the argument of `updateSession` into the function that a store calls under the session's lock. */
export function changeOf(
  change: SessionChange,
  limits: SessionDbLimits,
  argument: string = "change",
): SessionChangeFunction {
  if (typeof change === "function") {
    // A copy: a function that modifies its argument must change neither the store nor the result.
    return (stored) =>
      encodePatch(change(decodeHeader(copyOf(stored, "session_data", stored.sessionId))), stored, { limits, argument });
  }
  checkPatch(change, argument);
  return (stored) => encodePatch(change, stored, { limits, argument });
}

/** Turns the argument of `updateRun` into the function that a store calls under the session's lock. */
export function runChangeOf(change: RunChange, limits: SessionDbLimits): RunChangeFunction {
  if (typeof change !== "function") {
    throw new InvalidArgumentError("change", "a synchronous function that returns a run or null");
  }
  return (stored) => {
    const run: unknown = change(decodeRun(copyOf(stored, "run_data", stored.runId)));
    if (run === null) {
      return null;
    }
    refusePromise(run);
    if (typeof run !== "object" || run === undefined || "then" in run) {
      throw new InvalidArgumentError("change", "a synchronous function that returns a run, or null to delete it");
    }
    if ((run as Run).runId !== stored.runId) {
      throw new InvalidArgumentError("change.runId", "the id of the stored run: a run keeps its id");
    }
    return checkedRun(run as Run, stored, { argument: "change", limits, before: stored.runData });
  };
}

/** @throws CorruptDataError for JSON that is nested too deeply for the stack. No store wrote it. */
function copyOf<Row>(row: Row, location: string, id: string): Row {
  try {
    return structuredClone(row);
  } catch (cause) {
    throw new CorruptDataError(location, id, { wanted: "JSON that is nested less deeply", cause });
  }
}

/** Handles the rejection of a promise passed by mistake: unhandled, it would end the process. */
function refusePromise(value: unknown): void {
  if (value instanceof Promise) {
    value.catch(() => {});
  }
}

function givenTimes(
  { createdAt, updatedAt }: SessionInit,
  given: readonly Run[],
  runs: readonly RunRow<string>[],
): GivenTimes {
  return {
    createdAt: createdAt ?? null,
    updatedAt: updatedAt ?? null,
    runs: new Set(runs.filter((_, index) => (given[index]?.createdAt ?? null) !== null)),
  };
}

/** Checks the session of a turn. Refuses runs given with it, since they would be lost. */
function checkedTurnSession(session: SessionInit, argument: string, limits: SessionDbLimits): SessionRow<string> {
  const row = checkedSession(session, argument, limits);
  if ((session.runs ?? null) !== null) {
    throw new InvalidArgumentError(`${argument}.runs`, "left out: upsertRun stores one run, upsertSession many");
  }
  return row;
}

function checkedAlso(also: unknown, turn: SessionRow<string>, limits: SessionDbLimits): AlsoWrite[] {
  if (also === undefined) {
    return [];
  }
  if (!Array.isArray(also)) {
    throw new InvalidArgumentError("also", "an array of sessions with their changes");
  }
  const writes = also.map((each: AlsoChange, index): AlsoWrite => {
    const argument = `also[${index}]`;
    check.checkKeys(each, argument, ["session", "change"]);
    return {
      session: checkedTurnSession(each.session, `${argument}.session`, limits),
      change: changeOf(each.change, limits, `${argument}.change`),
    };
  });
  const ids = [turn.sessionId, ...writes.map(({ session }) => session.sessionId)];
  const repeated = ids.findIndex((id, index) => ids.indexOf(id) < index);
  if (repeated > 0) {
    throw new InvalidArgumentError(`also[${repeated - 1}].session.sessionId`, "unique: a turn changes a session once");
  }
  return writes.toSorted(bySessionId);
}

/** Any order will do, as long as all writers that lock several sessions use the same one. */
export function bySessionId(
  { session: { sessionId: left } }: { readonly session: { readonly sessionId: string } },
  { session: { sessionId: right } }: { readonly session: { readonly sessionId: string } },
): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

function checkedSession(session: SessionInit, argument: string, limits: SessionDbLimits): SessionRow<string> {
  check.checkObject(session, argument);
  check.checkId(session.sessionId, `${argument}.sessionId`, limits);
  check.checkSessionType(session.sessionType, `${argument}.sessionType`);
  if ("userId" in session && session.userId === undefined) {
    throw new InvalidArgumentError(`${argument}.userId`, "a user id, null for no owner, or left out; not undefined");
  }
  for (const name of ["userId", "agentId", "teamId", "workflowId"] as const) {
    check.checkOptionalId(session[name], `${argument}.${name}`, limits);
  }
  for (const name of sessionJsonColumns) {
    const document = session[name] ?? null;
    if (document !== null) {
      check.checkJsonObject(document, `${argument}.${name}`);
    }
  }
  check.checkTimestamp(session.createdAt, `${argument}.createdAt`);
  check.checkTimestamp(session.updatedAt, `${argument}.updatedAt`);
  const row = encodeSession(session, { now: unixSeconds(), argument });
  for (const name of sessionJsonColumns) {
    check.checkPayload(row[name], `${argument}.${name}`, limits);
  }
  return row;
}

function checkedRun(
  run: Run,
  session: RunSession,
  { argument, limits, before = null }: { argument: string; limits: SessionDbLimits; before?: JsonValue },
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
  const row = encodeRun(run, session, { now: unixSeconds(), argument, before });
  for (const name of ["agentId", "teamId", "workflowId"] as const) {
    check.checkOptionalId(row[name], `${argument}.${name}`, limits);
  }
  if ((run.extra ?? null) !== null) {
    refuseIdentityInExtra(row, run, { session, argument });
  }
  check.checkPayload(row.runData, argument, limits);
  return row.status === null || check.isStorable(row.status) ? row : { ...row, status: check.storableText(row.status) };
}

/** Refuses values in `extra` that stand in for a run's own properties: they would bypass their checks. */
function refuseIdentityInExtra(
  row: RunRow<string>,
  run: Run,
  { session, argument }: { session: RunSession; argument: string },
): void {
  const given = {
    user_id: [row.userId, run.userId ?? session.userId],
    parent_run_id: [row.parentRunId, run.parentRunId],
    status: [row.status, canonicalStatus(run.status ?? "COMPLETED")],
  };
  for (const [key, [stored, wanted]] of Object.entries(given)) {
    if (stored !== null && stored !== wanted) {
      throw new InvalidArgumentError(`${argument}.extra.${key}`, "left out: set the run's own property instead");
    }
  }
}

function checkPatch(patch: unknown, argument: string): asserts patch is SessionPatch {
  refusePromise(patch);
  if (typeof patch !== "object" || patch === null || "then" in patch) {
    throw new InvalidArgumentError(argument, "an object, or a synchronous function that returns one");
  }
  for (const [name, value] of Object.entries(patch)) {
    const path = `${argument}.${name}`;
    if (!patchKeys.includes(name)) {
      throw new InvalidArgumentError(path, `left out: a change accepts only ${patchKeys.join(", ")}`);
    }
    if (value === undefined) {
      continue;
    }
    if (name === "sessionName") {
      check.checkText(value, path);
    } else if (value !== null || name === "sessionState" || name === "sessionData") {
      check.checkJsonObject(value, path);
    }
  }
}

/** Encodes the columns that a patch changes, and no others. */
function encodePatch(
  patch: SessionPatch,
  stored: SessionRow,
  { limits, argument }: { limits: SessionDbLimits; argument: string },
): SessionColumns {
  checkPatch(patch, argument);
  const columns: SessionColumns = {};
  if (patch.sessionName !== undefined || patch.sessionState !== undefined || patch.sessionData !== undefined) {
    const data = patchedSessionData(patch, stored);
    columns.sessionData = rewriteJson({ before: stored.sessionData, after: data }, `${argument}.sessionData`);
  }
  if (patch.summary !== undefined) {
    const path = `${argument}.summary`;
    const summary = patch.summary && encodeSummary(patch.summary, path);
    columns.summary = summary && rewriteJson({ before: stored.summary, after: summary }, path);
  }
  for (const name of documents) {
    const document = patch[name];
    if (document !== undefined) {
      columns[name] = document && rewriteJson({ before: stored[name], after: document }, `${argument}.${name}`);
    }
  }
  for (const name of sessionJsonColumns) {
    check.checkPayload(columns[name] ?? null, `${argument}.${name}`, limits);
  }
  return columns;
}

function patchedSessionData({ sessionData, sessionName, sessionState }: SessionPatch, stored: SessionRow): JsonObject {
  return {
    ...(sessionData ?? decodeHeader(stored).sessionData),
    ...(sessionName !== undefined && { session_name: sessionName }),
    ...(sessionState !== undefined && { session_state: sessionState }),
  };
}
