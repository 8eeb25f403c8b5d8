import { InvalidArgumentError, type JsonObject, type JsonValue } from "@sessiondb/core";
import {
  checkFlag,
  checkKeys,
  checkText,
  jsonObject,
  optional,
  present,
  type OptionReaders,
} from "@sessiondb/core/adapter";

/** What was decided about a call that waited. */
export interface Approval {
  /** Of `pendingApprovals`. */
  toolCallId: string;
  approved: boolean;
  /** Why not; the model is told. */
  reason?: string;
  /** What the user filled in, by the names of the call's `userInputSchema`. For a call that waits for that. */
  values?: JsonObject;
  /** What the tool returned. For a call of a tool that runs elsewhere. */
  result?: JsonValue;
}

const approvalReaders = {
  toolCallId: checkText,
  approved: (value: unknown, argument: string) => checkFlag(value ?? null, argument, false),
  reason: optional(checkText),
  values: optional(jsonObject),
  result: optional((value: unknown, argument: string): JsonValue => jsonObject({ value }, argument)["value"] ?? null),
} satisfies OptionReaders<Approval>;

/** Decisions, each of them about another call. What is no true or false is no decision. */
export function checkApprovals(value: unknown, argument: string): readonly Approval[] {
  if (!Array.isArray(value)) {
    throw new InvalidArgumentError(argument, "a list of decisions");
  }
  const approvals = value.map((approval: unknown, index) => {
    const path = `${argument}[${index}]`;
    checkKeys(approval, path, Object.keys(approvalReaders));
    const { toolCallId, approved, reason, values, result } = approval as {
      readonly [Name in keyof Approval]-?: unknown;
    };
    return {
      toolCallId: approvalReaders.toolCallId(toolCallId, `${path}.toolCallId`),
      approved: approvalReaders.approved(approved, `${path}.approved`),
      ...present({
        reason: approvalReaders.reason(reason, `${path}.reason`),
        values: approvalReaders.values(values, `${path}.values`),
        result: approvalReaders.result(result, `${path}.result`),
      }),
    };
  });
  if (new Set(approvals.map(({ toolCallId }) => toolCallId)).size < approvals.length) {
    throw new InvalidArgumentError(argument, "one decision about each call, not two about one");
  }
  return approvals;
}
