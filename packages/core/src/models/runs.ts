import type { JsonObject, JsonValue } from "../json.ts";
import type { Media } from "./media.ts";
import type { Message, ToolExecution } from "./messages.ts";
import type { Metrics, WorkflowMetrics } from "./metrics.ts";
import type { StepOutput } from "./steps.ts";

/** The kind of component that a run belongs to. */
export type RunType = "agent" | "team" | "workflow";

/** Returns the kind of component that a text names; undefined if it names none. */
export function componentKind(text: string): RunType | undefined {
  return text === "agent" || text === "team" || text === "workflow" ? text : undefined;
}

export const runStatuses = ["PENDING", "RUNNING", "COMPLETED", "PAUSED", "CANCELLED", "ERROR", "REGENERATED"] as const;

/** The statuses of runs that history leaves out by default. A run without a status is kept. */
export const skippedHistoryStatuses: readonly string[] = ["PAUSED", "CANCELLED", "ERROR", "REGENERATED"];

/** The state of a run. A paused run waits for a person; a regenerated one was replaced by a newer answer. */
export type RunStatus = (typeof runStatuses)[number];

/** Returns a known status in upper case, as Agno compares it, and any other word unchanged. */
export function canonicalStatus(status: string): string {
  const upper = status.toUpperCase();
  return (runStatuses as readonly string[]).includes(upper) ? upper : status;
}

/** The input of a run. */
export interface RunInput {
  inputContent?: JsonValue;
  images?: Media[] | null;
  videos?: Media[] | null;
  audios?: Media[] | null;
  files?: Media[] | null;
  extra?: JsonObject;
}

/** The fields that the runs of agents, teams and workflows share. */
export interface RunBase {
  /** Unique in the table, not only in its session. */
  runId: string;
  /** Absent in a new run, which gets the id of the session it is stored under. */
  sessionId?: string | null;
  /** The user who wrote the run. Absent: the session's user. */
  userId?: string | null;
  /** The run that this run is part of. History leaves such runs out. */
  parentRunId?: string | null;
  /** Known statuses are stored in upper case. A run written without one is `COMPLETED`; other words are kept. */
  status?: RunStatus | (string & {}) | null;
  /** The start of the run, in Unix seconds. Default: the time of its first write. */
  createdAt?: number | null;
  /** The answer: text, or the JSON of a structured output. */
  content?: JsonValue;
  /** `str` for text, else the name of the structured output's class. */
  contentType?: string | null;
  images?: Media[] | null;
  videos?: Media[] | null;
  audio?: Media[] | null;
  files?: Media[] | null;
  responseAudio?: Media | null;
  /** Raw events, under Agno's keys. Agno cannot read a session that has an event with an unknown name. */
  events?: JsonValue[] | null;
  metadata?: JsonObject | null;
  workflowStepId?: string | null;
  /** The attempt that wrote the run, set by a job queue. */
  queueAttempt?: number | null;
  extra?: JsonObject;
}

/** The fields that the runs of agents and teams share: they talk to a model. */
export interface ConversationRun extends RunBase {
  input?: RunInput | null;
  messages?: Message[] | null;
  additionalInput?: Message[] | null;
  reasoningContent?: string | null;
  reasoningSteps?: JsonValue[] | null;
  reasoningMessages?: Message[] | null;
  tools?: ToolExecution[] | null;
  metrics?: Metrics | null;
  model?: string | null;
  modelProvider?: string | null;
  modelProviderData?: JsonObject | null;
  /** The session state at the end of the run. */
  sessionState?: JsonObject | null;
  /** The requirements that a paused run waits for, raw. */
  requirements?: JsonValue[] | null;
  citations?: JsonValue;
  references?: JsonValue[] | null;
  followups?: string[] | null;
  lastCheckpointAtMessageIndex?: number | null;
  forkedFromMessageIndex?: number | null;
  forkedFromRunId?: string | null;
  forkedFromSessionId?: string | null;
  /** The run that this run replaces. */
  regeneratedFrom?: string | null;
}

/** One turn of an agent. */
export interface AgentRun extends ConversationRun {
  runType: "agent";
  /** Absent: the session's agent. Null: an agent without id. */
  agentId?: string | null;
  agentName?: string | null;
  workflowId?: string | null;
}

/** One turn of a team. The runs of its members may also be runs of the session, with `parentRunId`. */
export interface TeamRun extends ConversationRun {
  runType: "team";
  /** Absent: the session's team. Null: a team without id. */
  teamId?: string | null;
  teamName?: string | null;
  memberResponses?: Run[] | null;
}

/** One pass through a workflow, with the outputs of its steps and the runs that made them. */
export interface WorkflowRun extends RunBase {
  runType: "workflow";
  /** Absent: the session's workflow. Null: a workflow without id. */
  workflowId?: string | null;
  workflowName?: string | null;
  /** The input of the workflow, as given. */
  input?: JsonValue;
  stepResults?: StepOutput[] | null;
  stepExecutorRuns?: Run[] | null;
  workflowAgentRun?: Run | null;
  metrics?: WorkflowMetrics | null;
  stepRequirements?: JsonValue[] | null;
  errorRequirements?: JsonValue[] | null;
  pausedStepIndex?: number | null;
  pausedStepName?: string | null;
  /** `step` or `executor`. */
  pauseKind?: string | null;
}

/** One turn: an input with its messages, tool calls and output. `runType` tells the kind. */
export type Run = AgentRun | TeamRun | WorkflowRun;
