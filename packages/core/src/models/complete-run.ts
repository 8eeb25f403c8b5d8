import { isJsonObject, type JsonObject, type JsonValue } from "../json.ts";
import type { Message } from "./messages.ts";
import { canonicalStatus, type Run } from "./runs.ts";

/** The JSON key and the property that hold the id of a run's component. */
export const componentIds = {
  agent: { key: "agent_id", name: "agentId" },
  team: { key: "team_id", name: "teamId" },
  workflow: { key: "workflow_id", name: "workflowId" },
} as const;

/**
 * Adds to the JSON of a run what Agno always writes. It follows the model that the JSON was encoded from, so it changes
 * only objects that the encoder made, never the caller's.
 *
 * @param parent the JSON of the enclosing run; for a run that is not nested, the id and the time it takes.
 */
export function completeRun(json: JsonObject, run: Run, parent: JsonObject): void {
  json["session_id"] ??= parent["session_id"] ?? null;
  json["created_at"] ??= parent["created_at"] ?? null;
  json["status"] = statusOf(json["status"] ?? "COMPLETED");
  json["content_type"] ??= contentTypeOf(json["content"]);
  // What is inside the run inherits these.
  const own = {
    run_id: json["run_id"] ?? null,
    session_id: json["session_id"],
    created_at: Number.isSafeInteger(json["created_at"]) ? json["created_at"] : (parent["created_at"] ?? null),
  };
  // Agno tells nested runs apart by the presence of this key.
  json[componentIds[run.runType].key] ??= null;
  if (run.runType === "workflow") {
    completeRuns(own, json["step_executor_runs"], run.stepExecutorRuns);
    completeRuns(own, [json["workflow_agent_run"] ?? null], run.workflowAgentRun && [run.workflowAgentRun]);
    return;
  }
  completeMessages(own, json["messages"], run.messages);
  completeMessages(own, json["additional_input"], run.additionalInput);
  completeMessages(own, json["reasoning_messages"], run.reasoningMessages);
  if (run.runType === "team") {
    json["member_responses"] ??= [];
    completeRuns(own, json["member_responses"], run.memberResponses);
  }
}

/** The models that a list was encoded from. Without them the list is the caller's own, kept in `extra`. */
type Models<Model> = readonly Model[] | null | undefined;

function completeRuns(parent: JsonObject, list: JsonValue | undefined, runs: Models<Run>): void {
  if (!Array.isArray(list) || !runs) {
    return;
  }
  for (let index = 0; index < runs.length; index += 1) {
    const json = list[index];
    const run = runs[index];
    if (run === undefined || !isJsonObject(json)) {
      continue;
    }
    json["parent_run_id"] ??= parent["run_id"] ?? null;
    completeRun(json, run, parent);
  }
}

/** Derives ids from the run's, so that writing the run again, as a retry or a checkpoint, keeps them. */
function completeMessages(run: JsonObject, list: JsonValue | undefined, messages: Models<Message>): void {
  if (!Array.isArray(list) || !messages) {
    return;
  }
  for (let index = 0; index < list.length; index += 1) {
    const json = list[index];
    if (!isJsonObject(json)) {
      continue;
    }
    json["id"] ??= `${run["run_id"] as string}:${index}`;
    json["from_history"] ??= false;
    json["stop_after_tool_call"] ??= false;
    json["created_at"] ??= run["created_at"] ?? null;
  }
}

function statusOf(status: JsonValue): JsonValue {
  return typeof status === "string" ? canonicalStatus(status) : status;
}

/** Agno stores the name of the Python type here, and shows anything but `str` as JSON. */
function contentTypeOf(content: JsonValue | undefined): string {
  if (Array.isArray(content)) {
    return "list";
  }
  return isJsonObject(content) ? "dict" : "str";
}
