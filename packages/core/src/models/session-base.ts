import { InvalidArgumentError, RunsNotReadError } from "../errors.ts";
import { isJsonObject, setKey, type JsonObject } from "../json.ts";
import type { Message } from "./messages.ts";
import { encodeRunJson } from "./run-shapes.ts";
import type { Run } from "./runs.ts";
import { summaryShape, type SessionSummary } from "./summary.ts";

/** The kind of component that a session belongs to. It never changes. */
export type SessionType = "agent" | "team" | "workflow";

/** The fields of a new session. All are optional except its id and type. */
export interface SessionFields {
  sessionId: string;
  agentId?: string | null;
  teamId?: string | null;
  workflowId?: string | null;
  /** The owner. */
  userId?: string | null;
  /** `session_name`, `session_state`, `session_metrics` and the application's own keys. */
  sessionData?: JsonObject | null;
  agentData?: JsonObject | null;
  teamData?: JsonObject | null;
  workflowData?: JsonObject | null;
  metadata?: JsonObject | null;
  summary?: SessionSummary | null;
  /** In order, oldest first. */
  runs?: readonly Run[] | null;
  /** Unix seconds. Default: now. */
  createdAt?: number | null;
  /** Unix seconds. */
  updatedAt?: number | null;
  /** Columns that held JSON of an unexpected type, under their own names. They are written back. */
  extra?: JsonObject;
}

/**
 * One conversation thread: the fields of its row and its runs. A session is plain data with methods that read it.
 * Changing it changes nothing in the store.
 */
export abstract class SessionBase {
  abstract readonly sessionType: SessionType;
  readonly sessionId: string;
  agentId: string | null;
  teamId: string | null;
  workflowId: string | null;
  userId: string | null;
  /** Never null: a row without session data has an empty object. */
  sessionData: JsonObject;
  agentData: JsonObject | null;
  teamData: JsonObject | null;
  workflowData: JsonObject | null;
  metadata: JsonObject | null;
  summary: SessionSummary | null;
  /** In order, oldest first. Null in a `SessionHeader`. */
  runs: Run[];
  /** The number of runs stored for the session, if a list was asked to count them. */
  declare readonly runCount?: number;
  /** Unix seconds. */
  createdAt: number;
  /** Unix seconds. */
  updatedAt: number | null;
  declare extra?: JsonObject;

  constructor(init: SessionFields) {
    this.sessionId = init.sessionId;
    this.agentId = init.agentId ?? null;
    this.teamId = init.teamId ?? null;
    this.workflowId = init.workflowId ?? null;
    this.userId = init.userId ?? null;
    this.sessionData = init.sessionData ?? {};
    this.agentData = init.agentData ?? null;
    this.teamData = init.teamData ?? null;
    this.workflowData = init.workflowData ?? null;
    this.metadata = init.metadata ?? null;
    this.summary = init.summary ?? null;
    this.runs = [...(init.runs ?? [])];
    this.createdAt = init.createdAt ?? Math.floor(Date.now() / 1000);
    this.updatedAt = init.updatedAt ?? null;
    if (init.extra !== undefined) {
      this.extra = init.extra;
    }
  }

  /** The id of the agent, team or workflow, by the session's type. */
  abstract get componentId(): string | null;

  /** The messages that `getMessages()` returns without options. */
  abstract get messages(): Message[];

  /** `session_data.session_name`, or null when the session has no name. */
  get sessionName(): string | null {
    const name = this.sessionData["session_name"];
    return typeof name === "string" ? name : null;
  }

  /** `session_data.session_state`, or an empty object. */
  get sessionState(): Readonly<JsonObject> {
    const state = this.sessionData["session_state"];
    return isJsonObject(state) ? state : {};
  }

  /** The runs; throws a `RunsNotReadError` when the session was read without them. */
  protected get runsRead(): Run[] {
    if (this.runs === null) {
      throw new RunsNotReadError(this.sessionId);
    }
    return this.runs;
  }

  /** Replaces the run with the same id, or appends the run. In memory only. */
  upsertRun(run: Run): void {
    const runs = this.runsRead;
    const index = runs.findIndex(({ runId }) => runId === run.runId);
    if (index === -1) {
      runs.push(run);
    } else {
      runs[index] = run;
    }
  }

  /** Returns the run with that id, or null. Does not search runs nested in other runs. */
  getRun(runId: string): Run | null {
    return this.runsRead.find((run) => run.runId === runId) ?? null;
  }

  /** Returns the summary, or null when none was made. */
  getSummary(): SessionSummary | null {
    return this.summary;
  }

  /** Returns the row as Agno has it: snake_case keys, with the runs as a list, or null when they were not read. */
  toJSON(): JsonObject {
    const json: JsonObject = {
      session_id: this.sessionId,
      session_type: this.sessionType,
      agent_id: this.agentId,
      team_id: this.teamId,
      workflow_id: this.workflowId,
      user_id: this.userId,
      session_data: this.sessionData,
      agent_data: this.agentData,
      team_data: this.teamData,
      workflow_data: this.workflowData,
      metadata: this.metadata,
      runs: (this.runs as Run[] | null)?.map((run, index) => encodeRunJson(run, ["session", "runs", index])) ?? null,
      summary: this.summary && summaryShape.encode(this.summary, ["session", "summary"]),
      created_at: this.createdAt,
      updated_at: this.updatedAt,
    };
    for (const [column, value] of Object.entries(this.extra ?? {})) {
      if ((json[column] ?? null) === null) {
        setKey(json, column, value);
      }
    }
    return json;
  }
}

/** Refuses a `sessionType` that TypeScript would have refused. */
export function checkOwnType(init: { sessionType?: SessionType }, sessionType: SessionType): void {
  if (init.sessionType !== undefined && init.sessionType !== sessionType) {
    throw new InvalidArgumentError("sessionType", `"${sessionType}" here`);
  }
}
