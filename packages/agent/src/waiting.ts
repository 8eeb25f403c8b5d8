import type { AgentRun, JsonObject, JsonValue, TeamRun, ToolExecution } from "@sessiondb/core";
import { isJsonObject } from "@sessiondb/core/adapter";

// Agno records what a run waits for in two places: at the call, and in the run's list of requirements.

/** The input that a call waits for: a yes or no, values from the user, or the result of a tool that runs elsewhere. */
export type Wait = "confirmation" | "userInput" | "externalExecution";

/** Returns the input that a call waits for; null if it does not wait. */
export function waitOf(tool: ToolExecution): Wait | null {
  if (tool.requiresConfirmation === true && (tool.confirmed ?? null) === null) {
    return "confirmation";
  }
  if (tool.externalExecutionRequired === true && (tool.result ?? null) === null) {
    return "externalExecution";
  }
  return tool.requiresUserInput === true && tool.answered !== true ? "userInput" : null;
}

export function isWaiting(tool: ToolExecution): boolean {
  return waitOf(tool) !== null;
}

/** Returns the requirements of a run that are not met yet. */
export function openRequirements({ requirements }: AgentRun | TeamRun): JsonObject[] {
  return (requirements ?? []).filter(isJsonObject).filter((entry) => {
    const call = executionOf(entry);
    const isMet =
      typeof entry["confirmation"] === "boolean" ||
      (entry["external_execution_result"] ?? null) !== null ||
      call["answered"] === true;
    return !isMet && isWaiting(toolOf(entry));
  });
}

/** Returns the call that an entry is about. */
export function toolOf(entry: JsonObject): ToolExecution {
  const call = executionOf(entry);
  const textAt = (key: string): string | null => (typeof call[key] === "string" ? call[key] : null);
  const { tool_args: toolArgs = null, user_input_schema: schema = null, created_at: createdAt, confirmed } = call;
  return {
    toolCallId: textAt("tool_call_id"),
    toolName: textAt("tool_name"),
    toolArgs: isJsonObject(toolArgs) ? toolArgs : {},
    requiresConfirmation: call["requires_confirmation"] === true,
    confirmed: typeof confirmed === "boolean" ? confirmed : null,
    externalExecutionRequired: call["external_execution_required"] === true,
    requiresUserInput: call["requires_user_input"] === true,
    userInputSchema: Array.isArray(schema) ? schema : null,
    ...(typeof createdAt === "number" && { createdAt }),
  };
}

/** Returns the id of the call that an entry is about; null if it names none. */
export function callIdOf(entry: JsonValue): string | null {
  const id = isJsonObject(entry) ? executionOf(entry)["tool_call_id"] : null;
  return typeof id === "string" ? id : null;
}

/** Returns whether an entry is about a call of a team member rather than of the run itself. */
export function isOfMember(entry: JsonValue): boolean {
  return (
    isJsonObject(entry) && ((entry["member_run_id"] ?? null) !== null || (entry["member_agent_id"] ?? null) !== null)
  );
}

/**
 * Returns the requirements of a run with these calls, as Agno lists them: the previous ones, updated with the
 * decisions, and one for each further call that waits.
 */
export function requirementsOf(
  tools: readonly ToolExecution[],
  { before, createdAt }: { readonly before: readonly JsonValue[]; readonly createdAt: number },
): JsonValue[] {
  const own = new Map(before.filter((entry) => !isOfMember(entry)).map((entry) => [callIdOf(entry), entry]));
  const listed = before.map((entry) => {
    const tool = isOfMember(entry) ? undefined : tools.find(({ toolCallId }) => toolCallId === callIdOf(entry));
    return tool === undefined || isWaiting(tool) || !isJsonObject(entry) ? entry : decided(entry, tool);
  });
  const added = tools.filter((tool) => isWaiting(tool) && !own.has(tool.toolCallId ?? null));
  return [
    ...listed,
    ...added.map((tool) => ({
      id: tool.approvalId ?? tool.toolCallId ?? "",
      created_at: new Date(createdAt * 1000).toISOString().replace("Z", "+00:00"),
      tool_execution: {
        tool_call_id: tool.toolCallId ?? null,
        tool_name: tool.toolName ?? null,
        tool_args: tool.toolArgs ?? null,
        ...(waitOf(tool) === "externalExecution"
          ? { external_execution_required: true }
          : { requires_confirmation: true }),
      },
    })),
  ];
}

function decided(entry: JsonObject, tool: ToolExecution): JsonObject {
  const before = executionOf(entry);
  const call = {
    ...before,
    requires_confirmation: false,
    requires_user_input: false,
    external_execution_required: false,
    tool_args: tool.toolArgs ?? null,
    confirmed: tool.confirmed ?? null,
    confirmation_note: tool.confirmationNote ?? null,
    answered: tool.answered ?? null,
    user_input_schema: tool.userInputSchema ?? null,
    result: tool.result ?? null,
    tool_call_error: tool.toolCallError ?? null,
  };
  const isExternal = before["external_execution_required"] === true && typeof tool.confirmed !== "boolean";
  return {
    ...entry,
    ...(typeof tool.confirmed === "boolean" && { confirmation: tool.confirmed }),
    ...(typeof tool.confirmationNote === "string" && { confirmation_note: tool.confirmationNote }),
    ...(isExternal && { external_execution_result: tool.result ?? null }),
    ...(Array.isArray(tool.userInputSchema) && { user_input_schema: tool.userInputSchema }),
    tool_execution: call,
  };
}

function executionOf(entry: JsonObject): JsonObject {
  const call = entry["tool_execution"];
  return isJsonObject(call) ? call : {};
}
