import { isJsonObject, type JsonObject, type JsonValue } from "../json.ts";
import type { Message } from "./messages.ts";
import { runStatuses, type Run } from "./runs.ts";

/** Under which key a run says what it is a run of. */
export const componentIds = {
  agent: { key: "agent_id", name: "agentId" },
  team: { key: "team_id", name: "teamId" },
  workflow: { key: "workflow_id", name: "workflowId" },
} as const;

/** What a run and its nested runs inherit. */
export interface RunDefaults {
  /** Unix seconds. */
  now: number;
  sessionId: string;
}

/**
 * Adds to the JSON of a run what Agno always writes. It goes along the model that the JSON was encoded from, and so
 * changes only objects that the encoder made, never those the caller gave.
 */
export function completeRun(json: JsonObject, run: Run, defaults: RunDefaults): void {
  json["session_id"] ??= defaults.sessionId;
  json["status"] = statusOf(json["status"] ?? "COMPLETED");
  json["created_at"] ??= defaults.now;
  json["content_type"] ??= contentTypeOf(json["content"]);
  // Agno tells nested runs apart by the presence of this key.
  json[componentIds[run.runType].key] ??= null;
  if (run.runType === "workflow") {
    completeRuns(json["step_executor_runs"], run.stepExecutorRuns, json, defaults);
    if (run.workflowAgentRun) completeRuns([json["workflow_agent_run"] ?? null], [run.workflowAgentRun], json, defaults);
    return;
  }
  completeMessages(json["messages"], run.messages, json);
  completeMessages(json["additional_input"], run.additionalInput, json);
  completeMessages(json["reasoning_messages"], run.reasoningMessages, json);
  if (run.runType === "team") {
    json["member_responses"] ??= [];
    completeRuns(json["member_responses"], run.memberResponses, json, defaults);
  }
}

function completeRuns(
  items: JsonValue | undefined,
  runs: readonly Run[] | null | undefined,
  parent: JsonObject,
  defaults: RunDefaults,
): void {
  for (const [run, json] of encodedPairs(items, runs)) {
    json["parent_run_id"] ??= parent["run_id"] ?? null;
    completeRun(json, run, defaults);
  }
}

/** Ids are made from the run's, so that writing a run again, as a retry or a checkpoint, keeps them. */
function completeMessages(items: JsonValue | undefined, messages: readonly Message[] | null | undefined, run: JsonObject): void {
  let index = 0;
  for (const [, json] of encodedPairs(items, messages)) {
    json["id"] ??= `${String(run["run_id"])}:${index}`;
    json["from_history"] ??= false;
    json["stop_after_tool_call"] ??= false;
    json["created_at"] ??= run["created_at"] ?? null;
    index += 1;
  }
}

/** Each model with the JSON it became. Without models the JSON is the caller's own, kept in `extra`. */
function* encodedPairs<Model>(
  items: JsonValue | undefined,
  models: readonly Model[] | null | undefined,
): Generator<[Model, JsonObject]> {
  if (!Array.isArray(items) || !models) return;
  for (const [index, model] of models.entries()) {
    const json = items[index];
    if (isJsonObject(json)) yield [model, json];
  }
}

function statusOf(status: JsonValue): JsonValue {
  const known = typeof status === "string" ? runStatuses.find((name) => name === status.toUpperCase()) : undefined;
  return known ?? status;
}

/** Agno puts the name of the Python type here, and shows anything but `str` as JSON. */
function contentTypeOf(content: JsonValue | undefined): string {
  if (Array.isArray(content)) return "list";
  return isJsonObject(content) ? "dict" : "str";
}
