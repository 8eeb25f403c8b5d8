import type { ToolExecution } from "@sessiondb/core";
import { isJsonObject, unixSeconds } from "@sessiondb/core/adapter";
import { jsonOf, messageOf, textOf } from "@sessiondb/turns";
import type { ModelMessage, StepResult, ToolSet } from "ai";
import { resultOf } from "./tool-result-codec.ts";

interface Call {
  readonly toolCallId: string;
  readonly toolName: string;
  readonly input: unknown;
}

interface Seen {
  readonly steps: readonly StepResult<ToolSet>[];
  /** The calls of an unfinished step. */
  readonly unfinished: readonly Call[];
  /** Holds the results of calls that were approved before the first step. */
  readonly messages: readonly ModelMessage[];
}

/** Returns the calls, with their outcomes as far as they are known. */
export function toolExecutions({ steps, unfinished, messages }: Seen): ToolExecution[] {
  const executions = new Map<string, ToolExecution>();
  for (const { content } of steps) {
    for (const part of content) {
      if (part.type === "tool-call") {
        executions.set(part.toolCallId, executionOf(part));
      } else if (part.type === "tool-result" && part.preliminary !== true) {
        settle(executions, part, { result: textOf(part.output), toolCallError: false });
      } else if (part.type === "tool-error") {
        settle(executions, part, { result: messageOf(part.error), toolCallError: true });
      } else if (part.type === "tool-approval-request") {
        settle(executions, part.toolCall, { requiresConfirmation: true, approvalId: part.approvalId });
      }
    }
  }
  for (const call of unfinished) {
    executions.set(call.toolCallId, executionOf(call));
  }
  for (const { role, content } of messages) {
    for (const part of role === "tool" ? content : []) {
      if (part.type === "tool-result" && !executions.has(part.toolCallId)) {
        const { toolCallId, toolName } = part;
        const { text, isError } = resultOf(part.output);
        executions.set(toolCallId, { toolCallId, toolName, result: text, toolCallError: isError });
      }
    }
  }
  return [...executions.values()];
}

function executionOf({ toolCallId, toolName, input }: Call): ToolExecution {
  const toolArgs = jsonOf(input);
  return {
    toolCallId,
    toolName,
    toolArgs: isJsonObject(toolArgs) ? toolArgs : { input: toolArgs },
    createdAt: unixSeconds(),
  };
}

function settle(executions: Map<string, ToolExecution>, call: Call, outcome: Partial<ToolExecution>): void {
  executions.set(call.toolCallId, { ...(executions.get(call.toolCallId) ?? executionOf(call)), ...outcome });
}
