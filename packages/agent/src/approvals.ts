import { modelOutput } from "@sessiondb/ai-sdk/codec";
import { InvalidArgumentError, type JsonObject, type JsonValue, type ToolExecution } from "@sessiondb/core";
import {
  checkFlag,
  checkKeys,
  checkText,
  jsonObject,
  optional,
  present,
  type OptionReaders,
} from "@sessiondb/core/adapter";
import type { ToolResultPart, ToolSet } from "ai";

/** A decision about a call that waits. */
export interface Approval {
  /** The id of a call in `pendingApprovals`. */
  toolCallId: string;
  approved: boolean;
  /** The reason for a denial, which the model is told. */
  reason?: string | undefined;
  /** The user's values, by field name of the call's `userInputSchema`. Only for a call that waits for user input. */
  values?: JsonObject | undefined;
  /** The tool's result. Only for a call of a tool that runs elsewhere. */
  result?: JsonValue | undefined;
  /** The error of a tool that runs elsewhere, instead of a result. */
  error?: string | undefined;
}

/** A decision, with the result of a tool that runs elsewhere as the model is shown it, if that is known. */
export interface Decided extends Approval {
  readonly output?: ToolResultPart["output"];
}

const approvalReaders = {
  toolCallId: checkText,
  approved: (value: unknown, argument: string) => checkFlag(value ?? null, argument, false),
  reason: optional(checkText),
  values: optional(jsonObject),
  result: optional((value: unknown, argument: string): JsonValue => jsonObject({ value }, argument)["value"] ?? null),
  error: optional(checkText),
} satisfies OptionReaders<Approval>;

/** Checks decisions: each is about a different call, and `approved` is true or false. */
export function checkApprovals(value: unknown, argument: string): readonly Approval[] {
  if (!Array.isArray(value)) {
    throw new InvalidArgumentError(argument, "a list of decisions");
  }
  const approvals = value.map((approval: unknown, index) => {
    const path = `${argument}[${index}]`;
    checkKeys(approval, path, Object.keys(approvalReaders));
    const { toolCallId, approved, reason, values, result, error } = approval as {
      readonly [Name in keyof Approval]-?: unknown;
    };
    return {
      toolCallId: approvalReaders.toolCallId(toolCallId, `${path}.toolCallId`),
      approved: approvalReaders.approved(approved, `${path}.approved`),
      ...present({
        reason: approvalReaders.reason(reason, `${path}.reason`),
        values: approvalReaders.values(values, `${path}.values`),
        result: approvalReaders.result(result, `${path}.result`),
        error: approvalReaders.error(error, `${path}.error`),
      }),
    };
  });
  if (new Set(approvals.map(({ toolCallId }) => toolCallId)).size < approvals.length) {
    throw new InvalidArgumentError(argument, "a list with at most one decision about each call");
  }
  return approvals;
}

/** Returns decisions with the results of tools that convert theirs for the model. */
export async function withModelOutputs(
  approvals: readonly Approval[],
  { calls, tools }: { readonly calls: readonly ToolExecution[]; readonly tools: ToolSet },
): Promise<readonly Decided[]> {
  return Promise.all(
    approvals.map(async (approval) => {
      const { toolCallId, result } = approval;
      const call = calls.find((each) => each.toolCallId === toolCallId);
      const toolName = call?.toolName ?? "";
      const tool = Object.hasOwn(tools, toolName) ? tools[toolName] : undefined;
      if (result === undefined || tool?.execute !== undefined || tool?.toModelOutput === undefined) {
        return approval;
      }
      const given = { toolCallId, input: (call?.toolArgs ?? {}) as never, output: result as never };
      return { ...approval, output: modelOutput(await tool.toModelOutput(given), toolName) };
    }),
  );
}
