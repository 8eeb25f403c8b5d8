import type { JsonObject } from "../json.ts";
import type { Codec, Trail, Writing } from "./field.ts";
import { agentRunKeys, runInputKeys, teamRunKeys, workflowRunKeys } from "./agno-reads.ts";
import { enclosingRun, runCompletions } from "./complete-run.ts";
import { audioShape, fileShape, imageShape, mediaLists, videoShape } from "./media.ts";
import { messageShape, toolExecutionShape } from "./messages.ts";
import { metricsShape, workflowMetricsShape } from "./metrics.ts";
import type { AgentRun, ConversationRun, Run, RunBase, RunInput, RunType, TeamRun, WorkflowRun } from "./runs.ts";
import { refusal, Shape, type FieldTable } from "./shape.ts";
import { stepOutputShape } from "./steps.ts";

/** The codec of nested runs, each of its own kind. */
const runCodec: Codec<Run> = {
  decode: (json, depth) => decodeRunJson(json, "agent", depth),
  encode: encodeRunJson,
  write: writeRun,
};

const runInputShape = new Shape<RunInput>(
  {
    input_content: "json",
    images: { listOf: imageShape },
    videos: { listOf: videoShape },
    audios: { listOf: audioShape },
    files: { listOf: fileShape },
  },
  { reads: runInputKeys },
);

const baseFields: FieldTable<RunBase> = {
  run_id: "string",
  session_id: "string",
  user_id: "string",
  parent_run_id: "string",
  status: "string",
  created_at: "number",
  content: "json",
  content_type: "string",
  ...mediaLists,
  response_audio: audioShape,
  events: "array",
  metadata: "object",
  workflow_step_id: "string",
  queue_attempt: "number",
};

const conversationFields: FieldTable<ConversationRun> = {
  ...baseFields,
  input: runInputShape,
  messages: { listOf: messageShape },
  additional_input: { listOf: messageShape },
  reasoning_content: "string",
  reasoning_steps: "array",
  reasoning_messages: { listOf: messageShape },
  tools: { listOf: toolExecutionShape },
  metrics: metricsShape,
  model: "string",
  model_provider: "string",
  model_provider_data: "object",
  session_state: "object",
  requirements: "array",
  citations: "json",
  references: "array",
  followups: "strings",
  last_checkpoint_at_message_index: "number",
  forked_from_message_index: "number",
  forked_from_run_id: "string",
  forked_from_session_id: "string",
  regenerated_from: "string",
};

const agentRunShape = new Shape<AgentRun>(
  { ...conversationFields, agent_id: "string", agent_name: "string", workflow_id: "string" },
  { required: "run_id", runType: "agent", reads: agentRunKeys, completions: runCompletions.agent },
);

const teamRunShape = new Shape<TeamRun>(
  { ...conversationFields, team_id: "string", team_name: "string", member_responses: { listOf: runCodec } },
  { required: "run_id", runType: "team", reads: teamRunKeys, completions: runCompletions.team },
);

const workflowRunShape = new Shape<WorkflowRun>(
  {
    ...baseFields,
    workflow_id: "string",
    workflow_name: "string",
    input: "json",
    step_results: { listOf: stepOutputShape },
    step_executor_runs: { listOf: runCodec },
    // Agno reads a run of an agent here, whatever its keys are.
    workflow_agent_run: { ...runCodec, mayBeRefused: true },
    metrics: workflowMetricsShape,
    step_requirements: "array",
    error_requirements: "array",
    paused_step_index: "number",
    paused_step_name: "string",
    pause_kind: "string",
  },
  { required: "run_id", runType: "workflow", reads: workflowRunKeys, completions: runCompletions.workflow },
);

/**
 * Returns the kind of run in the JSON. As in Agno, the mere presence of a key decides, even if it holds null. Agent
 * runs may have a `workflow_id` too, so that key comes last.
 */
function runTypeOf(json: JsonObject, otherwise: RunType): RunType {
  if (has(json, "agent_id")) {
    return "agent";
  }
  if (has(json, "team_id")) {
    return "team";
  }
  if (has(json, "agent_name")) {
    return "agent";
  }
  if (has(json, "team_name")) {
    return "team";
  }
  return has(json, "workflow_id") || has(json, "workflow_name") ? "workflow" : otherwise;
}

/** Returns exactly the run in the JSON, or undefined when it has no run id. */
export function decodeRunJson(json: JsonObject, otherwise: RunType, depth = 0): Run | undefined {
  switch (runTypeOf(json, otherwise)) {
    case "agent":
      return agentRunShape.decode(json, depth);
    case "team":
      return teamRunShape.decode(json, depth);
    case "workflow":
      return workflowRunShape.decode(json, depth);
  }
}

/** Returns exactly the JSON of a run, with nothing added. */
export function encodeRunJson(run: Run, trail: Trail): JsonObject {
  switch (run.runType) {
    case "agent":
      return agentRunShape.encode(run, trail);
    case "team":
      return teamRunShape.encode(run, trail);
    case "workflow":
      return workflowRunShape.encode(run, trail);
    default:
      throw refusal([...trail, "runType"], '"agent", "team" or "workflow"');
  }
}

/** `encodeRunJson`, `completeRun` and `toJsonText` in one, for runs of common layouts. Null for any other. */
export function writeRun(run: Run, text: string, { levels, index, within, columns }: Writing): string | null {
  const writing = { levels, index, within, columns, own: enclosingRun(run, within) };
  switch (run.runType) {
    case "agent":
      return agentRunShape.write(run, text, writing);
    case "team":
      return teamRunShape.write(run, text, writing);
    case "workflow":
      return workflowRunShape.write(run, text, writing);
    default:
      return null;
  }
}

function has(json: JsonObject, key: string): boolean {
  return json[key] !== undefined;
}
