import type { JsonValue } from "./json.ts";

/**
 * One row of the sessions table, a property per column. Null stands for an absent value.
 *
 * `SessionRow` is what a store reads: its JSON columns went through `parseJson`. `SessionRow<string>` is what a store
 * binds: its JSON columns are JSON text, and null is SQL NULL.
 */
export interface SessionRow<Json = JsonValue> {
  sessionId: string;
  sessionType: string;
  agentId: string | null;
  teamId: string | null;
  workflowId: string | null;
  userId: string | null;
  sessionData: Json | null;
  agentData: Json | null;
  teamData: Json | null;
  workflowData: Json | null;
  metadata: Json | null;
  summary: Json | null;
  /** Unix seconds. */
  createdAt: number;
  /** Unix seconds. */
  updatedAt: number | null;
}

/** One row of the runs table, a property per column. The `Json` parameter is that of {@link SessionRow}. */
export interface RunRow<Json = JsonValue> {
  runId: string;
  sessionId: string;
  runType: string;
  agentId: string | null;
  teamId: string | null;
  workflowId: string | null;
  userId: string | null;
  /** The run that this run is part of, for the run of a team's member. */
  parentRunId: string | null;
  status: string | null;
  /** The position in the session, from 0. */
  runIndex: number | null;
  runData: Json;
  /** Unix seconds. */
  createdAt: number;
  /** Unix seconds. */
  updatedAt: number | null;
}

/** The columns of both tables, as the properties of their rows. */
export const sessionJsonColumns = [
  "sessionData",
  "agentData",
  "teamData",
  "workflowData",
  "metadata",
  "summary",
] as const;
export const sessionColumns = [
  "sessionId",
  "sessionType",
  "agentId",
  "teamId",
  "workflowId",
  "userId",
  ...sessionJsonColumns,
  "createdAt",
  "updatedAt",
] as const satisfies readonly (keyof SessionRow)[];
export const runColumns = [
  "runId",
  "sessionId",
  "runType",
  "agentId",
  "teamId",
  "workflowId",
  "userId",
  "parentRunId",
  "status",
  "runIndex",
  "runData",
  "createdAt",
  "updatedAt",
] as const satisfies readonly (keyof RunRow)[];
