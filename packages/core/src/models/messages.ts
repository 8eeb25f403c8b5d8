import type { JsonObject, JsonValue } from "../json.ts";
import { messageKeys, toolKeys } from "./agno-reads.ts";
import type { Completions } from "./completion.ts";
import { audioShape, imageShape, mediaLists, videoShape, type Media } from "./media.ts";
import { metricsShape, toolMetricsShape, type Metrics, type ToolMetrics } from "./metrics.ts";
import { Shape } from "./shape.ts";

/** One entry of a run, said by the user, the model or a tool. */
export interface Message {
  /** `system`, `user`, `assistant`, `tool`, or the provider's own word. */
  role: string;
  /** Unique within its run. A message without one gets one when its run is written. */
  id?: string | null;
  /** Text or a list of parts; Agno sees anything else as JSON text. Null or absent if the message only calls tools. */
  content?: JsonValue;
  reasoningContent?: string | null;
  redactedReasoningContent?: string | null;
  /** A shorter form of a long tool result. */
  compressedContent?: string | null;
  name?: string | null;
  /** The call that a `tool` message answers. */
  toolCallId?: string | null;
  toolName?: string | null;
  toolArgs?: JsonValue;
  toolCallError?: boolean | null;
  /** The tool calls of an assistant message: `{ id, type: "function", function: { name, arguments } }`. */
  toolCalls?: JsonObject[] | null;
  /** True when the message was copied into this run from an earlier one. Default false. */
  fromHistory?: boolean | null;
  stopAfterToolCall?: boolean | null;
  images?: Media[] | null;
  audio?: Media[] | null;
  videos?: Media[] | null;
  files?: Media[] | null;
  audioOutput?: Media | null;
  imageOutput?: Media | null;
  videoOutput?: Media | null;
  /** `{ query, references, time }`. */
  references?: JsonValue;
  citations?: JsonValue;
  metrics?: Metrics | null;
  /** Data that the provider needs to see again, under its own keys. */
  providerData?: JsonObject | null;
  checkpointStatus?: string | null;
  /** Unix seconds. */
  checkpointCreatedAt?: number | null;
  /** Unix seconds. */
  createdAt?: number | null;
  extra?: JsonObject;
}

/**
 * What Agno finds in every message. Ids derive from the run's, so that writing the run again, as a retry or a checkpoint,
 * keeps them.
 */
export const messageCompletions: Completions = {
  id: (value, { within, index }) => value ?? `${within.runId as string}:${index}`,
  from_history: (value) => value ?? false,
  stop_after_tool_call: (value) => value ?? false,
  created_at: (value, { within }) => value ?? within.createdAt,
};

export const messageShape = new Shape<Message>(
  {
    role: "string",
    id: "string",
    content: "json",
    reasoning_content: "string",
    redacted_reasoning_content: "string",
    compressed_content: "string",
    name: "string",
    tool_call_id: "string",
    tool_name: "string",
    tool_args: "json",
    tool_call_error: "boolean",
    tool_calls: "objects",
    from_history: "boolean",
    stop_after_tool_call: "boolean",
    ...mediaLists,
    audio_output: audioShape,
    image_output: imageShape,
    video_output: videoShape,
    references: "json",
    citations: "json",
    metrics: metricsShape,
    provider_data: "object",
    checkpoint_status: "string",
    checkpoint_created_at: "number",
    created_at: "number",
  },
  {
    required: "role",
    reads: messageKeys,
    // A model must not see an empty message in a later run.
    shown: { content: textOf },
    completions: messageCompletions,
  },
);

/** Returns undefined for a value that is not JSON, which is reported with the whole run. */
function textOf(content: JsonValue): string | undefined {
  try {
    return JSON.stringify(content);
  } catch {
    return undefined;
  }
}

/** One tool call with its outcome, or with what it waits for. */
export interface ToolExecution {
  toolCallId?: string | null;
  toolName?: string | null;
  toolArgs?: JsonObject | null;
  toolCallError?: boolean | null;
  result?: JsonValue;
  metrics?: ToolMetrics | null;
  /** The run that the tool started. */
  childRunId?: string | null;
  stopAfterToolCall?: boolean | null;
  /** Unix seconds. */
  createdAt?: number | null;
  requiresConfirmation?: boolean | null;
  confirmed?: boolean | null;
  confirmationNote?: string | null;
  requiresUserInput?: boolean | null;
  userInputSchema?: JsonValue;
  userFeedbackSchema?: JsonValue;
  answered?: boolean | null;
  externalExecutionRequired?: boolean | null;
  externalExecutionSilent?: boolean | null;
  approvalType?: string | null;
  approvalId?: string | null;
  extra?: JsonObject;
}

export const toolExecutionShape = new Shape<ToolExecution>(
  {
    tool_call_id: "string",
    tool_name: "string",
    tool_args: "object",
    tool_call_error: "boolean",
    result: "json",
    metrics: toolMetricsShape,
    child_run_id: "string",
    stop_after_tool_call: "boolean",
    created_at: "number",
    requires_confirmation: "boolean",
    confirmed: "boolean",
    confirmation_note: "string",
    requires_user_input: "boolean",
    user_input_schema: "json",
    user_feedback_schema: "json",
    answered: "boolean",
    external_execution_required: "boolean",
    external_execution_silent: "boolean",
    approval_type: "string",
    approval_id: "string",
  },
  { reads: toolKeys },
);
