import { isForPerson, resultOf } from "@sessiondb/ai-sdk/codec";
import type { ToolExecution } from "@sessiondb/core";
import { isJsonObject, unixSeconds } from "@sessiondb/core/adapter";
import { jsonOf, messageOf, textOf } from "@sessiondb/turns";
import type { ModelMessage, StepResult, ToolSet } from "ai";
import type { Call } from "./tool-watch.ts";

interface Seen {
  readonly steps: readonly StepResult<ToolSet>[];
  /** The calls of an unfinished step. */
  readonly unfinished: readonly Call[];
  /** Holds the results of calls that were approved before the first step, and of an unfinished step, also a provider's. */
  readonly messages: readonly ModelMessage[];
  readonly tools: ToolSet;
}

/** Returns the calls, with their outcomes as far as they are known. */
export function toolExecutions({ steps, unfinished, messages, tools }: Seen): ToolExecution[] {
  const executions = new Map<string, ToolExecution>();
  for (const { content } of steps) {
    for (const part of content) {
      if (part.type === "tool-call") {
        executions.set(part.toolCallId, executionOf(part));
      } else if (part.type === "tool-result" && part.preliminary !== true) {
        settle(executions, part, { result: textOf(part.output), toolCallError: false });
      } else if (part.type === "tool-error") {
        settle(executions, part, { result: messageOf(part.error), toolCallError: true });
      } else if (part.type === "tool-approval-request" && isForPerson(part)) {
        settle(executions, part.toolCall, { requiresConfirmation: true, approvalId: part.approvalId });
      }
    }
  }
  for (const call of unfinished) {
    executions.set(call.toolCallId, executionOf(call));
  }
  for (const { content } of messages) {
    for (const part of typeof content === "string" ? [] : content) {
      const known = part.type === "tool-result" ? executions.get(part.toolCallId) : undefined;
      if (part.type === "tool-result" && (known?.result ?? null) === null) {
        const { toolCallId, toolName, output } = part;
        const { text, isError } = resultOf(output);
        // A provider's error may be text in JSON.
        const result = output.type === "error-json" ? textOf(output.value) : text;
        executions.set(toolCallId, { toolCallId, toolName, ...known, result, toolCallError: isError });
      }
    }
  }
  const last = steps.at(-1);
  for (const [id, wait] of last === undefined ? [] : waitingCalls(last, tools)) {
    const execution = executions.get(id);
    if (execution !== undefined && wait === "externalExecution") {
      executions.set(id, { ...execution, externalExecutionRequired: true });
    }
  }
  return [...executions.values()];
}

/** Returns the calls of a step that wait for a decision, or for a tool that runs elsewhere, by id. */
export function waitingCalls(
  { content }: StepResult<ToolSet>,
  tools: ToolSet,
): Map<string, "confirmation" | "externalExecution"> {
  const waiting = new Map<string, "confirmation" | "externalExecution">();
  for (const part of content) {
    if (part.type === "tool-call") {
      const tool = Object.hasOwn(tools, part.toolName) ? tools[part.toolName] : undefined;
      if (tool !== undefined && tool.execute === undefined && part.providerExecuted !== true && part.invalid !== true) {
        waiting.set(part.toolCallId, "externalExecution");
      }
    } else if (part.type === "tool-approval-request" && isForPerson(part)) {
      waiting.set(part.toolCall.toolCallId, "confirmation");
    } else if ((part.type === "tool-result" && part.preliminary !== true) || part.type === "tool-error") {
      waiting.delete(part.toolCallId);
    }
  }
  return waiting;
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
