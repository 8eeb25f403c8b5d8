import { resultOf } from "@sessiondb/ai-sdk/codec";
import { InvalidArgumentError, type AgentRun, type JsonValue, type Run, type TeamRun } from "@sessiondb/core";
import type { ModelMessage, ToolApprovalResponse, ToolResultPart } from "ai";
import type { Decided } from "./approvals.ts";
import type { UserInput } from "./model-component-options.ts";
import { isWaiting, waitOf } from "./waiting.ts";

/** The part of a client's messages that the store does not have yet. */
export type NewMessages =
  | { readonly type: "input"; readonly input: UserInput }
  | { readonly type: "answers"; readonly answers: Answers };

/** The answers to calls that wait. */
export interface Answers {
  /** By the id of the request. */
  readonly approvals: ReadonlyMap<string, ToolApprovalResponse>;
  /** By the id of the call. */
  readonly results: ReadonlyMap<string, ToolResultPart>;
}

/**
 * Returns what is new in a client's messages: the user message at their end, or the answers there.
 *
 * @throws InvalidArgumentError when there is neither.
 */
export function newMessages(given: unknown, argument: string): NewMessages {
  if (typeof given === "string") {
    return { type: "input", input: given };
  }
  const messages: readonly ModelMessage[] = Array.isArray(given) ? given : [];
  const last = messages.at(-1);
  if (last?.role === "user") {
    return { type: "input", input: last.content };
  }
  const asked = messages.findLastIndex(({ role }) => role === "user");
  const parts = messages.slice(asked + 1).flatMap(({ role, content }) => (role === "tool" ? content : []));
  if (last?.role !== "tool" || parts.length === 0) {
    throw new InvalidArgumentError(
      argument,
      "text, or messages that end with one of the user or with answers to calls that wait",
    );
  }
  return {
    type: "answers",
    answers: {
      approvals: new Map(
        parts.flatMap((part) => (part.type === "tool-approval-response" ? [[part.approvalId, part]] : [])),
      ),
      results: new Map(parts.flatMap((part) => (part.type === "tool-result" ? [[part.toolCallId, part]] : []))),
    },
  };
}

/** Returns whether a run has calls that these answers are about. */
export function isAnswered(run: Run, { approvals, results }: Answers): run is AgentRun | TeamRun {
  return (
    run.runType !== "workflow" &&
    (run.tools ?? []).some(
      ({ approvalId, toolCallId, externalExecutionRequired }) =>
        approvals.has(approvalId ?? "") ||
        ((externalExecutionRequired ?? null) !== null && results.has(toolCallId ?? "")),
    )
  );
}

/** Returns the decisions about the calls of a run that wait. */
export function approvalsOf({ tools }: AgentRun | TeamRun, { approvals, results }: Answers): Decided[] {
  return (tools ?? []).filter(isWaiting).flatMap((tool): Decided[] => {
    const toolCallId = tool.toolCallId ?? "";
    const [approval, result] = [approvals.get(tool.approvalId ?? ""), results.get(toolCallId)];
    if (waitOf(tool) === "externalExecution" && result !== undefined) {
      return [{ toolCallId, approved: true, ...outcomeOf(result.output) }];
    }
    return approval === undefined
      ? []
      : [
          {
            toolCallId,
            approved: approval.approved,
            ...(approval.reason !== undefined && { reason: approval.reason }),
          },
        ];
  });
}

function outcomeOf(output: ToolResultPart["output"]): Pick<Decided, "result" | "error" | "output"> {
  const { text, isError } = resultOf(output);
  return isError ? { error: text } : output.type === "json" ? { result: output.value as JsonValue } : { output };
}
