import { CorruptDataError, InvalidArgumentError } from "../errors.ts";
import { deepestJson } from "../json-check.ts";
import { rewriteJson } from "../json-source.ts";
import { isJsonObject, parseJson, type JsonObject, type JsonValue } from "../json.ts";
import type { RunRow } from "../rows.ts";
import { completeRun, componentIds } from "./complete-run.ts";

import type { Enclosing } from "./completion.ts";
import type { WrittenColumns } from "./field.ts";
import { decodeRunJson, encodeRunJson, writeRun } from "./run-shapes.ts";
import { componentKind, type Run, type RunType } from "./runs.ts";

/** The fields that a run takes from the session it is stored under. */
export interface RunSession {
  sessionId: string;
  userId?: string | null;
  agentId?: string | null;
  teamId?: string | null;
  workflowId?: string | null;
}

export interface EncodeRunOptions {
  /** Unix seconds: the creation time of a run that has none. */
  now: number;
  /** The name of the run in the caller's argument, for errors. Default `run`. */
  argument?: string;
  /** The stored document that this run was made from. */
  before?: JsonValue;
}

/**
 * Returns the row of a run, ready to be bound. `runIndex` is null, since only the store knows the next one. The columns
 * repeat values of the JSON, and the JSON gets what Agno needs to read it: ids of session, user and component, a
 * status, times, and the keys that every message has.
 *
 * @throws InvalidArgumentError when neither run nor session names the run's agent, team or workflow (null on the run
 *   means that it has no id), for a property that a run does not have, or for a value that JSON cannot hold.
 */
export function encodeRun(
  run: Run,
  session: RunSession,
  { now, argument = "run", before = null }: EncodeRunOptions,
): RunRow<string> {
  const within: Enclosing = {
    sessionId: session.sessionId,
    createdAt: now,
    userId: typeof session.userId === "string" ? session.userId : undefined,
    componentId: session[componentIds[run.runType]?.name],
  };
  // The parts of a stored document keep their texts, which takes their values.
  const written = before === null ? writtenRun(run, within) : null;
  const json = written === null ? completeJson(run, within, argument) : written.columns;
  return {
    runId: run.runId,
    sessionId: session.sessionId,
    runType: run.runType,
    agentId: textOf(json["agent_id"]),
    teamId: textOf(json["team_id"]),
    workflowId: textOf(json["workflow_id"]),
    userId: textOf(json["user_id"]),
    parentRunId: textOf(json["parent_run_id"]),
    status: textOf(json["status"]),
    runIndex: null,
    runData: written === null ? rewriteJson({ before, after: json }, argument, run) : written.text,
    createdAt: run.createdAt ?? now,
    updatedAt: now,
  };
}

function completeJson(run: Run, within: Enclosing, argument: string): JsonObject {
  const json = encodeRunJson(run, [argument]);
  completeRun(json, run, { within, index: 0 });
  const { key, name } = componentIds[run.runType];
  if (json[key] === null && componentOf(run) === undefined) {
    throw new InvalidArgumentError(
      `${argument}.${name}`,
      `the id of the ${run.runType}, here or on the session, or null`,
    );
  }
  return json;
}

/** Returns the text of what `completeJson` returns, and its values for columns; null for a run that it must see. */
function writtenRun(run: Run, within: Enclosing): { text: string; columns: WrittenColumns } | null {
  const isWithoutComponent = componentOf(run) === undefined && (within.componentId ?? null) === null;
  // The session's id replaces any other before its type is seen.
  if (isWithoutComponent || typeof (run.sessionId ?? "") !== "string") {
    return null;
  }
  try {
    // Taken as they are written: a property may be hidden, or be another one when it is read again.
    const columns: WrittenColumns = {};
    const text = writeRun(run, "", { within, own: within, index: 0, levels: deepestJson - 1, columns });
    return text === null ? null : { text, columns };
  } catch {
    // Encoding meets the same error, and says where.
    return null;
  }
}

function componentOf(run: Run): string | null | undefined {
  return (run as Partial<Record<"agentId" | "teamId" | "workflowId", string | null>>)[componentIds[run.runType]?.name];
}

function textOf(value: JsonValue | undefined): string | null {
  return typeof value === "string" ? value : null;
}

/** The columns of a run's row that decoding needs. */
export type StoredRun = Pick<
  RunRow,
  "runId" | "sessionId" | "runType" | "userId" | "parentRunId" | "status" | "runData" | "createdAt"
> &
  Partial<Pick<RunRow, "agentId" | "teamId" | "workflowId">>;

/**
 * Returns the run of a row. The columns supply what the JSON lacks, and always the ids of run and session. As in Agno,
 * the JSON decides the kind of run; the column does so only when the JSON does not.
 *
 * @throws CorruptDataError when `run_data` is JSON, but no object, or `run_type` is no text, as SQLite allows.
 */
export function decodeRun(row: StoredRun): Run {
  const json = row.runData;
  if (!isJsonObject(json)) {
    throw new CorruptDataError("run_data", row.runId);
  }
  const identified = json["run_id"] === row.runId ? json : { ...json, run_id: row.runId };
  const run = decodeRunJson(identified, runTypeOfRow(row));
  if (run === undefined) {
    throw new CorruptDataError("run_data", row.runId);
  }
  run.sessionId = row.sessionId;
  // A null column adds no key, so the JSON is written back as it was.
  if (row.userId !== null) {
    run.userId ??= row.userId;
  }
  if (row.parentRunId !== null) {
    run.parentRunId ??= row.parentRunId;
  }
  if (row.status !== null) {
    run.status ??= row.status;
  }
  // A run written again keeps the time of its first write, which only the column knows. Agno's JSON may hold fractions
  // of a second.
  if (Math.floor(run.createdAt ?? Number.NaN) !== row.createdAt) {
    run.createdAt = row.createdAt;
  }
  fillComponentId(run, row);
  return run;
}

/** Null rather than absent, so that a run stored without a component can be written again as it is. */
function fillComponentId(run: Run, row: StoredRun): void {
  switch (run.runType) {
    case "agent":
      run.agentId ??= row.agentId ?? null;
      break;
    case "team":
      run.teamId ??= row.teamId ?? null;
      break;
    case "workflow":
      run.workflowId ??= row.workflowId ?? null;
  }
}

function runTypeOfRow(row: StoredRun): RunType {
  if (typeof row.runType !== "string") {
    throw new CorruptDataError("run_type", row.runId, { wanted: "text" });
  }
  const stored = componentKind(row.runType.toLowerCase());
  if (stored !== undefined) {
    return stored;
  }
  if (typeof row.teamId === "string") {
    return "team";
  }
  return typeof row.workflowId === "string" ? "workflow" : "agent";
}

/** The columns of a session row whose `runs` column is read. */
export interface LegacySession {
  sessionId: string;
  sessionType: string;
  userId: string | null;
  createdAt: number;
}

/**
 * Returns the runs in the `runs` column that Agno 2 kept on the session row, in order. Like Agno 3, it skips entries
 * that are not objects or have no run id. Of several with the same id the last counts, in the place of the first.
 *
 * @param stored the column in any form that `parseJson` reads.
 * @throws CorruptDataError when it is not JSON.
 */
export function decodeLegacyRuns(stored: unknown, session: LegacySession): Run[] {
  const entries = parseJson(stored, "runs", session.sessionId);
  if (!Array.isArray(entries)) {
    return [];
  }
  const runs = new Map<string, Run>();
  for (const entry of entries) {
    const json = isJsonObject(entry) ? entry : null;
    const runId = json?.["run_id"];
    if (json === null || typeof runId !== "string" || runId === "") {
      continue;
    }
    const run = decodeRun({
      runId,
      sessionId: session.sessionId,
      runType: session.sessionType,
      userId: session.userId,
      runData: json,
      agentId: null,
      teamId: null,
      workflowId: null,
      parentRunId: null,
      status: null,
      createdAt: typeof json["created_at"] === "number" ? Math.floor(json["created_at"]) : session.createdAt,
    });
    runs.set(runId, run);
  }
  return [...runs.values()];
}

/**
 * Merges the runs of a session that has both a `runs` column and rows: the column's runs in order, each replaced by the
 * row with the same id, then the rows that are not in the column.
 */
export function mergeRuns(legacy: readonly Run[], rows: readonly Run[]): Run[] {
  if (legacy.length === 0) {
    return [...rows];
  }
  const runs = new Map<string, Run>();
  // A Map keeps the place of a key that is set again.
  for (const run of [...legacy, ...rows]) {
    runs.set(run.runId, run);
  }
  return [...runs.values()];
}
