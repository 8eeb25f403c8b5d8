import { InvalidArgumentError, type AgentRun, type Message, type TeamRun, type ToolExecution } from "@sessiondb/core";
import { checkFlag, checkKeys, checkText, optional, type OptionReaders } from "@sessiondb/core/adapter";
import type { ModelMessage } from "ai";
import { isWaiting } from "./conversation-run.ts";
import { present } from "./option-readers.ts";
import { toModelMessages, toStoredMessages } from "./message-codec.ts";

/** What was decided about a call that waited. */
export interface Approval {
  /** Of `pendingApprovals`. */
  toolCallId: string;
  approved: boolean;
  /** Why not; the model is told. */
  reason?: string;
}

const approvalReaders = {
  toolCallId: checkText,
  approved: (value: unknown, argument: string) => checkFlag(value ?? null, argument, false),
  reason: optional(checkText),
} satisfies OptionReaders<Approval>;

/** Decisions, each of them about another call. What is no true or false is no decision. */
export function checkApprovals(value: unknown, argument: string): readonly Approval[] {
  if (!Array.isArray(value)) {
    throw new InvalidArgumentError(argument, "a list of decisions");
  }
  const approvals = value.map((approval: unknown, index) => {
    const path = `${argument}[${index}]`;
    checkKeys(approval, path, Object.keys(approvalReaders));
    const { toolCallId, approved, reason } = approval as { readonly [Name in keyof Approval]-?: unknown };
    return {
      toolCallId: approvalReaders.toolCallId(toolCallId, `${path}.toolCallId`),
      approved: approvalReaders.approved(approved, `${path}.approved`),
      ...present({ reason: approvalReaders.reason(reason, `${path}.reason`) }),
    };
  });
  if (new Set(approvals.map(({ toolCallId }) => toolCallId)).size < approvals.length) {
    throw new InvalidArgumentError(argument, "one decision about each call, not two about one");
  }
  return approvals;
}

/** A paused run with all decisions, ready to go on. */
export interface ResumedRun {
  /** For the model: what the run said so far, and the decisions. */
  readonly model: ModelMessage[];
  /** The same as it is stored. */
  readonly messages: Message[];
  readonly tools: ToolExecution[];
}

/**
 * @throws InvalidArgumentError unless each call that waits, and no other, was decided about.
 */
export function resumedRun(run: AgentRun | TeamRun, approvals: readonly Approval[], createdAt: number): ResumedRun {
  const decisions = new Map(approvals.map((approval) => [approval.toolCallId, approval]));
  const waiting = (run.tools ?? []).filter(isWaiting);
  const ids = new Set(waiting.map(({ toolCallId }) => toolCallId ?? ""));
  if (decisions.size !== ids.size || [...ids].some((id) => !decisions.has(id))) {
    throw new InvalidArgumentError("approvals", `one for each call that waits: ${[...ids].join(", ")}`);
  }
  const decided: ModelMessage = {
    role: "tool",
    content: waiting.map(({ toolCallId, approvalId }) => {
      const { approved, reason } = decisions.get(toolCallId ?? "") as Approval;
      return {
        type: "tool-approval-response" as const,
        approvalId: approvalId ?? "",
        approved,
        ...(reason !== undefined && { reason }),
      };
    }),
  };
  const tools = (run.tools ?? []).map((tool) => {
    const decision = decisions.get(tool.toolCallId ?? "");
    return decision === undefined || !isWaiting(tool)
      ? tool
      : { ...tool, confirmed: decision.approved, confirmationNote: decision.reason ?? null };
  });
  const before = run.messages ?? [];
  return {
    model: [
      ...toModelMessages(before.filter(({ role, fromHistory }) => role !== "system" && fromHistory !== true)),
      decided,
    ],
    messages: [...before, ...toStoredMessages([decided], { createdAt })],
    tools,
  };
}
