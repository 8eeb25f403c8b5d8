import { toModelMessages, toStoredMessages } from "@sessiondb/ai-sdk";
import { callIds, isOfTurn, resultOf } from "@sessiondb/ai-sdk/codec";
import {
  InvalidArgumentError,
  RunNotContinuableError,
  type AgentRun,
  type JsonObject,
  type JsonValue,
  type Message,
  type TeamRun,
  type ToolExecution,
} from "@sessiondb/core";
import { isJsonObject } from "@sessiondb/core/adapter";
import { textOf } from "@sessiondb/turns";
import type { ModelMessage, ToolApprovalRequest, ToolApprovalResponse, ToolCallPart, ToolResultPart } from "ai";
import type { Decided } from "./approvals.ts";
import { checkField } from "./field-types.ts";
import { withShownOutput } from "./shown-parts.ts";
import { checkedSoFar } from "./unchecked-answer.ts";
import { callIdOf, isOfMember, isWaiting, openRequirements, requirementsOf, waitOf, type Wait } from "./waiting.ts";

/** A run that stopped, with all decisions, ready to continue. */
export interface ResumedRun {
  /** The run as it was stored. */
  readonly before: AgentRun | TeamRun;
  /** The run with the decisions, and with the results that they determine. */
  readonly run: AgentRun | TeamRun;
  /** The messages for the model: the run so far, and the decisions. */
  readonly model: ModelMessage[];
  /** The approved calls to run here: the names of their tools by id. */
  readonly approved: ReadonlyMap<string, string>;
  /** The calls that were not approved. */
  readonly denied: readonly { readonly toolCallId: string; readonly toolName: string }[];
}

/** Returns whether a run can continue: it is paused, or it was paused before and then failed or was cancelled. */
export function canGoOn(run: AgentRun | TeamRun): boolean {
  const wasPaused = (run.requirements ?? []).length > 0 && openRequirements(run).length === 0;
  return run.status === "PAUSED" || ((run.status === "ERROR" || run.status === "CANCELLED") && wasPaused);
}

/**
 * @throws InvalidArgumentError unless there is exactly one decision for each waiting call.
 * @throws RunNotContinuableError when a guardrail refused the answer, when a call cannot be decided here, or when it is
 * missing from the run's messages.
 */
export function resumedRun(
  before: AgentRun | TeamRun,
  approvals: readonly Decided[],
  { createdAt, isGuarded }: { readonly createdAt: number; readonly isGuarded: boolean },
): ResumedRun {
  const run = checkedSoFar(before, { isGuarded });
  const waiting = (run.tools ?? []).filter(isWaiting);
  checkDecidable(run, waiting);
  const decisions = decisionsOf(waiting, approvals);
  const messages = run.messages ?? [];
  const shown = toModelMessages(messages.filter(isOfTurn));
  const open = unanswered(shown);
  const lost = waiting.find(({ toolCallId }) => !open.some((call) => call.toolCallId === toolCallId));
  if (lost !== undefined) {
    throw new RunNotContinuableError(run.runId, {
      why: `its messages lack the call ${JSON.stringify(lost.toolCallId)}`,
      advice: "Ask again in a new run.",
    });
  }
  const results: ToolResultPart[] = [];
  const responses: ToolApprovalResponse[] = [];
  const approved = new Map<string, string>();
  const requests = new Map<string, { readonly id: string; readonly input: JsonValue }>();
  for (const { toolCallId, toolName, input, providerExecuted } of open) {
    const decision = decisions.get(toolCallId);
    const output =
      decision === undefined
        ? outcomeOf((run.tools ?? []).find((tool) => tool.toolCallId === toolCallId))
        : decision.output;
    if (output !== null && providerExecuted !== true) {
      const told: ToolResultPart = { type: "tool-result", toolCallId, toolName, output };
      const { output: converted, result } = decision?.approval ?? {};
      results.push(converted === undefined || result === undefined ? told : withShownOutput(told, result));
      continue;
    }
    const id = decision?.tool.approvalId ?? requestIn(shown, toolCallId) ?? crypto.randomUUID();
    requests.set(toolCallId, { id, input: decision?.input ?? (input as JsonValue) });
    responses.push({
      type: "tool-approval-response",
      approvalId: id,
      approved: decision?.approval.approved ?? false,
      ...(decision?.approval.reason !== undefined && { reason: decision.approval.reason }),
      ...(providerExecuted === true && { providerExecuted }),
    });
    if (providerExecuted !== true) {
      approved.set(toolCallId, toolName);
    }
  }
  const told: ModelMessage[] =
    results.length + responses.length === 0 ? [] : [{ role: "tool", content: [...results, ...responses] }];
  const known = new Map(results.map(({ toolCallId, output }) => [toolCallId, resultOf(output)]));
  const tools = (run.tools ?? []).map((tool) => {
    const result = known.get(tool.toolCallId ?? "");
    const decision = isWaiting(tool) ? decisions.get(tool.toolCallId ?? "") : undefined;
    return {
      ...tool,
      ...decision?.decided,
      ...(result !== undefined && {
        // The model may be shown another form of it.
        result: decision?.approval.result === undefined ? result.text : textOf(decision.approval.result),
        toolCallError: result.isError,
      }),
    };
  });
  return {
    before,
    run: {
      ...run,
      tools,
      messages: [...messages, ...toStoredMessages(told, { createdAt })],
      requirements: requirementsOf(tools, { before: run.requirements ?? [], createdAt }),
    },
    model: [...shown.map((message) => withRequests(message, requests)), ...told],
    approved,
    denied: waiting.flatMap(({ toolCallId, toolName }) =>
      decisions.get(toolCallId ?? "")?.approval.approved === false
        ? [{ toolCallId: toolCallId ?? "", toolName: toolName ?? "" }]
        : [],
    ),
  };
}

/**
 * Returns a run with the result of a call, which is told by `messages`; the same object if the run already has it. If the
 * call is not among the run's messages, as they are stored without those of tools, its result is not either.
 */
export function withResult(
  run: AgentRun | TeamRun,
  { toolCallId, output }: ToolResultPart,
  { messages: added, createdAt }: { readonly messages: readonly Message[]; readonly createdAt: number },
): AgentRun | TeamRun {
  const messages = run.messages ?? [];
  const hasCall = messages.some((message) => callIds(message).includes(toolCallId));
  const isKnown = hasCall
    ? messages.some((message) => message.role === "tool" && message.toolCallId === toolCallId)
    : (run.tools ?? []).every((tool) => tool.toolCallId !== toolCallId || (tool.result ?? null) !== null);
  if (isKnown) {
    return run;
  }
  const { text, isError } = resultOf(output);
  const tools = (run.tools ?? []).map((tool) =>
    tool.toolCallId === toolCallId ? { ...tool, result: text, toolCallError: isError } : tool,
  );
  return {
    ...run,
    tools,
    messages: hasCall ? [...messages, ...added] : messages,
    requirements: requirementsOf(tools, { before: run.requirements ?? [], createdAt }),
  };
}

/** The outcome of a call that no message answers. Agno stores a result with the tool before it stores the message. */
function outcomeOf(tool: ToolExecution | undefined): ToolResultPart["output"] {
  if (typeof tool?.result === "string") {
    return { type: tool.toolCallError === true ? "error-text" : "text", value: tool.result };
  }
  if (tool?.confirmed === false) {
    const reason = tool.confirmationNote;
    return { type: "execution-denied", ...(typeof reason === "string" && { reason }) };
  }
  return {
    type: "error-text",
    value: "The run ended while this tool was running. Its outcome is unknown.",
  };
}

/** Returns whether callers of this library can make the decisions that a run waits for. */
export function isDecidable(run: AgentRun | TeamRun): boolean {
  try {
    checkDecidable(run, (run.tools ?? []).filter(isWaiting));
    return true;
  } catch {
    return false;
  }
}

/** Refuses a run that waits for a decision which callers of this library cannot make. */
function checkDecidable(run: AgentRun | TeamRun, waiting: readonly ToolExecution[]): void {
  const inAgno = "Continue it in Agno.";
  const refuse = (why: string, advice = inAgno): never => {
    throw new RunNotContinuableError(run.runId, { why, advice });
  };
  for (const entry of openRequirements(run)) {
    if (isOfMember(entry)) {
      refuse("a tool of a team member is waiting");
    }
    if (!waiting.some(({ toolCallId }) => toolCallId === callIdOf(entry))) {
      refuse("it waits for a call that is not among its tools");
    }
  }
  for (const { toolCallId, approvalType, userFeedbackSchema } of waiting) {
    const call = `its call ${JSON.stringify(toolCallId)}`;
    if (approvalType === "required") {
      refuse(`an administrator must decide about ${call}`, "Have it approved and continued in Agno.");
    }
    if ((approvalType ?? null) !== null) {
      refuse(`Agno must record the decision about ${call}`);
    }
    if ((userFeedbackSchema ?? null) !== null) {
      refuse(`${call} asks the user to choose`);
    }
  }
}

interface Decision {
  readonly tool: ToolExecution;
  readonly approval: Decided;
  /** The call's fields after the decision, as Agno sets them when a run continues. */
  readonly decided: Partial<ToolExecution>;
  /** The arguments of the call. */
  readonly input: JsonValue;
  /** The result if the decision determines it; null for a tool that has yet to run. */
  readonly output: ToolResultPart["output"] | null;
}

function decisionsOf(waiting: readonly ToolExecution[], approvals: readonly Decided[]): Map<string, Decision> {
  const ids = new Set(waiting.map(({ toolCallId }) => toolCallId ?? ""));
  const given = new Map(approvals.map((approval, index) => [approval.toolCallId, { approval, index }]));
  if (given.size !== ids.size || [...ids].some((id) => !given.has(id))) {
    throw new InvalidArgumentError("approvals", `one for each waiting call: ${[...ids].join(", ") || "none waits"}`);
  }
  return new Map(
    waiting.map((tool) => {
      const id = tool.toolCallId ?? "";
      const { approval, index } = given.get(id) as { approval: Decided; index: number };
      return [id, decisionOf(tool, approval, `approvals[${index}]`)];
    }),
  );
}

const settled = { requiresConfirmation: false, requiresUserInput: false, externalExecutionRequired: false } as const;

function decisionOf(tool: ToolExecution, approval: Decided, argument: string): Decision {
  const wait = waitOf(tool) as Wait;
  const { approved, reason, values, result, error } = approval;
  const input = tool.toolArgs ?? {};
  const needs = (name: "values" | "result" | "error", wanted: Wait): boolean =>
    approved && wait === wanted && name in approval;
  if (values !== undefined && !needs("values", "userInput")) {
    throw new InvalidArgumentError(`${argument}.values`, "left out unless the call is approved and needs user input");
  }
  if (result !== undefined && !needs("result", "externalExecution")) {
    throw new InvalidArgumentError(`${argument}.result`, "left out unless the call is approved and runs elsewhere");
  }
  if (error !== undefined && (result !== undefined || !needs("error", "externalExecution"))) {
    throw new InvalidArgumentError(`${argument}.error`, "left out unless the call runs elsewhere and has no result");
  }
  const note = { confirmationNote: reason ?? null };
  if (!approved) {
    const output = { type: "execution-denied" as const, ...(reason !== undefined && { reason }) };
    const answered = wait === "userInput" && { answered: true };
    return { tool, approval, input, output, decided: { ...changed(tool), ...note, ...answered, confirmed: false } };
  }
  if (wait === "externalExecution") {
    const output = approval.output ?? externalOutput(approval);
    if (output === null) {
      throw new InvalidArgumentError(
        `${argument}.result`,
        "the result of the tool, which runs elsewhere, unless error is given",
      );
    }
    return { tool, approval, input, output, decided: changed(tool) };
  }
  if (wait === "userInput") {
    const userInputSchema = filledIn(tool, { values: values ?? {}, argument: `${argument}.values` });
    const toolArgs = { ...input, ...Object.fromEntries(userInputSchema.map(({ name, value }) => [name, value])) };
    const decided = { ...changed(tool), userInputSchema, toolArgs, answered: true };
    return { tool, approval, input: toolArgs, output: null, decided };
  }
  return { tool, approval, input, output: null, decided: { ...changed(tool), ...note, confirmed: true } };
}

/** Returns what a tool that ran elsewhere came to; null if nobody says it. */
function externalOutput({ result, error }: Decided): ToolResultPart["output"] | null {
  if (error !== undefined) {
    return { type: "error-text", value: error };
  }
  return result === undefined
    ? null
    : typeof result === "string"
      ? { type: "text", value: result }
      : { type: "json", value: result };
}

/** Returns the changed fields of a call that no longer waits. */
function changed(tool: ToolExecution): Partial<ToolExecution> {
  return Object.fromEntries(
    Object.entries(settled).filter(([name]) => (tool[name as keyof typeof settled] ?? null) !== null),
  );
}

type Field = JsonObject & { readonly name: string; readonly value: JsonValue };

function filledIn(
  { userInputSchema }: ToolExecution,
  { values, argument }: { readonly values: JsonObject; readonly argument: string },
): Field[] {
  const fields = (Array.isArray(userInputSchema) ? userInputSchema : [])
    .filter(isJsonObject)
    .filter((field): field is JsonObject & { readonly name: string } => typeof field["name"] === "string");
  const names = fields.map(({ name }) => name);
  if (Object.keys(values).some((name) => !names.includes(name))) {
    throw new InvalidArgumentError(argument, `an object with no keys other than ${names.join(", ")}`);
  }
  return fields.map((field) => {
    const given = values[field.name] ?? null;
    const value = given ?? field["value"] ?? null;
    if (value === null) {
      throw new InvalidArgumentError(`${argument}.${field.name}`, "the value that the user filled in");
    }
    if (given !== null) {
      checkField(given, field["field_type"], `${argument}.${field.name}`);
    }
    return { ...field, value };
  });
}

/** Returns the calls without a result. */
function unanswered(messages: readonly ModelMessage[]): ToolCallPart[] {
  const calls = new Map<string, ToolCallPart>();
  for (const { role, content } of messages) {
    for (const part of (role === "assistant" || role === "tool") && typeof content !== "string" ? content : []) {
      if (part.type === "tool-call") {
        calls.set(part.toolCallId, part);
      } else if (part.type === "tool-result") {
        calls.delete(part.toolCallId);
      }
    }
  }
  return [...calls.values()];
}

/** Returns the id of the AI SDK's approval request for a call; null if there is none. */
function requestIn(messages: readonly ModelMessage[], toolCallId: string): string | null {
  const parts = messages.flatMap(({ role, content }) =>
    role === "assistant" && typeof content !== "string" ? content : [],
  );
  const found = parts.find((part) => part.type === "tool-approval-request" && part.toolCallId === toolCallId);
  return found?.type === "tool-approval-request" ? found.approvalId : null;
}

/** Returns a message in which each call that continues has its input and an approval request of the AI SDK. */
function withRequests(
  message: ModelMessage,
  requests: ReadonlyMap<string, { readonly id: string; readonly input: JsonValue }>,
): ModelMessage {
  if (message.role !== "assistant" || typeof message.content === "string") {
    return message;
  }
  const asked = new Set(
    message.content.flatMap((part) => (part.type === "tool-approval-request" ? [part.toolCallId] : [])),
  );
  const content = message.content.flatMap((part): (typeof part | ToolApprovalRequest)[] => {
    const request = part.type === "tool-call" ? requests.get(part.toolCallId) : undefined;
    if (part.type !== "tool-call" || request === undefined) {
      return [part];
    }
    const { toolCallId } = part;
    const ask = { type: "tool-approval-request" as const, approvalId: request.id, toolCallId };
    return [{ ...part, input: request.input }, ...(asked.has(toolCallId) ? [] : [ask])];
  });
  return { ...message, content };
}
