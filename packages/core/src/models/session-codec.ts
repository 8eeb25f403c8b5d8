import { CorruptDataError } from "../errors.ts";
import { isJsonObject, toJsonText, type JsonObject, type JsonValue } from "../json.ts";
import { sessionColumns, type SessionRow } from "../rows.ts";
import { AgentSession } from "./agent-session.ts";
import { componentKind, type Run } from "./runs.ts";
import type { SessionFields, SessionType } from "./session-base.ts";
import type { Session, SessionHeader, SessionInit } from "./sessions.ts";
import { refusal } from "./shape.ts";
import { encodeSummary, summaryShape } from "./summary.ts";
import { TeamSession } from "./team-session.ts";
import { WorkflowSession } from "./workflow-session.ts";

const documents = {
  agentData: "agent_data",
  teamData: "team_data",
  workflowData: "workflow_data",
  metadata: "metadata",
} as const;

/** The properties of a session. A list that counts runs sets `runCount`. */
const properties: readonly string[] = [...sessionColumns, "runs", "runCount", "extra"];

export interface EncodeSessionOptions {
  /** Unix seconds: the creation time of a session that has none. */
  now: number;
  /** The name of the session in the caller's argument, for errors. Default `session`. */
  argument?: string;
}

/**
 * Returns the row of a session, ready to be bound. `session_data` is always an object: without one, Agno can neither
 * rename a session nor keep its state. `updatedAt` falls back to the creation time.
 *
 * @throws InvalidArgumentError for a property that a session does not have, or for a value that JSON cannot hold.
 */
export function encodeSession(
  session: SessionInit,
  { now, argument = "session" }: EncodeSessionOptions,
): SessionRow<string> {
  for (const name of Object.keys(session)) {
    if (!properties.includes(name)) {
      throw refusal([argument, name], "left out, since a session has no such property");
    }
  }
  const createdAt = session.createdAt ?? now;
  const document = (name: keyof typeof documents): string | null =>
    textOrNull(session[name] ?? session.extra?.[documents[name]], `${argument}.${name}`);
  const summary = session.summary ? encodeSummary(session.summary, `${argument}.summary`) : session.extra?.["summary"];
  return {
    sessionId: session.sessionId,
    sessionType: session.sessionType,
    agentId: session.agentId ?? null,
    teamId: session.teamId ?? null,
    workflowId: session.workflowId ?? null,
    userId: session.userId ?? null,
    sessionData: toJsonText(session.sessionData ?? {}, `${argument}.sessionData`),
    agentData: document("agentData"),
    teamData: document("teamData"),
    workflowData: document("workflowData"),
    metadata: document("metadata"),
    summary: textOrNull(summary, `${argument}.summary`),
    createdAt,
    updatedAt: session.updatedAt ?? createdAt,
  };
}

function textOrNull(value: JsonValue | undefined, argument: string): string | null {
  return value === undefined || value === null ? null : toJsonText(value, argument);
}

/**
 * The session of a row, with the given runs. Its class follows the stored type in any case; for an unknown type, the
 * first of agent, team and workflow id that the row has. JSON that is not of the expected type goes to `extra`.
 *
 * @throws CorruptDataError when `session_data` is JSON, but no object: it has no place in the model, and would be overwritten.
 */
export function decodeSession(row: SessionRow, runs: readonly Run[]): Session {
  let extra: JsonObject | undefined;
  const object = (value: JsonValue, column: string): JsonObject | null => {
    if (isJsonObject(value)) {
      return value;
    }
    if (value !== null) {
      extra = { ...extra, [column]: value };
    }
    return null;
  };
  if (row.sessionData !== null && !isJsonObject(row.sessionData)) {
    throw new CorruptDataError("session_data", row.sessionId, { wanted: "a JSON object" });
  }
  const summary = isJsonObject(row.summary) ? summaryShape.decode(row.summary, 0) : undefined;
  if (summary === undefined && row.summary !== null) {
    extra = { summary: row.summary };
  }
  const fields: SessionFields = {
    sessionId: row.sessionId,
    agentId: row.agentId,
    teamId: row.teamId,
    workflowId: row.workflowId,
    userId: row.userId,
    sessionData: row.sessionData,
    agentData: object(row.agentData, "agent_data"),
    teamData: object(row.teamData, "team_data"),
    workflowData: object(row.workflowData, "workflow_data"),
    metadata: object(row.metadata, "metadata"),
    summary: summary ?? null,
    runs,
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
  };
  if (extra !== undefined) {
    fields.extra = extra;
  }
  switch (sessionTypeOf(row)) {
    case "agent":
      return new AgentSession(fields);
    case "team":
      return new TeamSession(fields);
    case "workflow":
      return new WorkflowSession(fields);
  }
}

/** Returns the session of a row whose runs are not read. */
export function decodeHeader(row: SessionRow): SessionHeader {
  const header = decodeSession(row, []) as unknown as { runs: null };
  header.runs = null;
  return header as SessionHeader;
}

/** Adds the number of its runs to a session, unless null. */
export function withRunCount<Counted extends Session | SessionHeader>(
  session: Counted,
  runCount: number | null,
): Counted {
  return runCount === null ? session : Object.assign(session, { runCount });
}

/**
 * The type of a row. Agno writes lower case; other writers may not.
 *
 * @throws CorruptDataError when it is no text, as SQLite allows.
 */
export function sessionTypeOf(
  row: Pick<SessionRow, "sessionId" | "sessionType" | "agentId" | "teamId" | "workflowId">,
): SessionType {
  if (typeof row.sessionType !== "string") {
    throw new CorruptDataError("session_type", row.sessionId, { wanted: "text" });
  }
  const type = componentKind(row.sessionType) ?? componentKind(row.sessionType.trim().toLowerCase());
  if (type !== undefined) {
    return type;
  }
  if (row.agentId !== null) {
    return "agent";
  }
  if (row.teamId !== null) {
    return "team";
  }
  return row.workflowId !== null ? "workflow" : "agent";
}
