import { isJsonObject, type JsonObject, type JsonValue } from "../json.ts";
import type { Completions, Enclosing, Position } from "./completion.ts";
import { messageCompletions, type Message } from "./messages.ts";
import { canonicalStatus, type Run, type RunType } from "./runs.ts";

/** The JSON key and the property that hold the id of a run's component. */
export const componentIds = {
  agent: { key: "agent_id", name: "agentId" },
  team: { key: "team_id", name: "teamId" },
  workflow: { key: "workflow_id", name: "workflowId" },
} as const;

/** What Agno finds in every run. */
export const runCompletions: Readonly<Record<RunType, Completions>> = {
  agent: completionsOf("agent"),
  team: { ...completionsOf("team"), member_responses: (value) => value ?? [] },
  workflow: completionsOf("workflow"),
};

function completionsOf(runType: RunType): Completions {
  return {
    // Agno tells nested runs apart by the presence of this key.
    [componentIds[runType].key]: (value, { within }) => value ?? within.componentId ?? null,
    parent_run_id: (value, { within }) => value ?? within.runId ?? value,
    session_id: (value, { within }) => (within.runId === undefined ? within.sessionId : (value ?? within.sessionId)),
    user_id: (value, { within }) => value ?? within.userId ?? value,
    created_at: (value, { within }) => value ?? within.createdAt,
    status: (value) => statusOf(value ?? null),
    content_type: (value, _position, { content }) => value ?? contentTypeOf(content),
  };
}

/** Returns what the parts of a run take from it, by the values that it has itself. */
export function enclosingRun(
  { runId, sessionId, createdAt }: Partial<Record<"runId" | "sessionId" | "createdAt", JsonValue | undefined>>,
  within: Enclosing,
): Enclosing {
  const created = createdAt ?? within.createdAt;
  return {
    runId: runId ?? null,
    sessionId: within.runId === undefined ? within.sessionId : (sessionId ?? within.sessionId),
    createdAt: Number.isSafeInteger(created) ? created : within.createdAt,
  };
}

/**
 * Adds to the JSON of a run what Agno always writes. It follows the model that the JSON was encoded from, so it changes
 * only objects that the encoder made, never the caller's.
 */
export function completeRun(json: JsonObject, run: Run, position: Position): void {
  complete(json, runCompletions[run.runType], position);
  const own = enclosingRun(
    { runId: json["run_id"], sessionId: json["session_id"], createdAt: json["created_at"] },
    position.within,
  );
  if (run.runType === "workflow") {
    completeRuns(own, json["step_executor_runs"], run.stepExecutorRuns);
    completeRuns(own, [json["workflow_agent_run"] ?? null], run.workflowAgentRun && [run.workflowAgentRun]);
    return;
  }
  completeMessages(own, json["messages"], run.messages);
  completeMessages(own, json["additional_input"], run.additionalInput);
  completeMessages(own, json["reasoning_messages"], run.reasoningMessages);
  if (run.runType === "team") {
    completeRuns(own, json["member_responses"], run.memberResponses);
  }
}

function complete(json: JsonObject, completions: Completions, position: Position): void {
  for (const [key, completion] of Object.entries(completions)) {
    const value = completion(json[key], position, json);
    if (value !== undefined) {
      json[key] = value;
    }
  }
}

/** The models that a list was encoded from. Without them the list is the caller's own, kept in `extra`. */
type Models<Model> = readonly Model[] | null | undefined;

function completeRuns(within: Enclosing, list: JsonValue | undefined, runs: Models<Run>): void {
  if (!Array.isArray(list) || !runs) {
    return;
  }
  for (let index = 0; index < runs.length; index += 1) {
    const json = list[index];
    const run = runs[index];
    if (run !== undefined && isJsonObject(json)) {
      completeRun(json, run, { within, index });
    }
  }
}

function completeMessages(within: Enclosing, list: JsonValue | undefined, messages: Models<Message>): void {
  if (!Array.isArray(list) || !messages) {
    return;
  }
  for (let index = 0; index < list.length; index += 1) {
    const json = list[index];
    if (isJsonObject(json)) {
      complete(json, messageCompletions, { within, index });
    }
  }
}

/** Returns the status to store. */
function statusOf(status: JsonValue): JsonValue {
  return typeof status === "string" ? canonicalStatus(status) : (status ?? "COMPLETED");
}

/** Agno stores the name of the Python type here, and shows anything but `str` as JSON. */
function contentTypeOf(content: JsonValue | undefined): string {
  if (Array.isArray(content)) {
    return "list";
  }
  return isJsonObject(content) ? "dict" : "str";
}
