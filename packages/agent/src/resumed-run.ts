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
import type { ModelMessage, ToolApprovalRequest, ToolApprovalResponse, ToolCallPart, ToolResultPart } from "ai";
import type { Approval } from "./approvals.ts";
import { toModelMessages, toStoredMessages } from "./message-codec.ts";
import { resultOf } from "./tool-result-codec.ts";
import { callIdOf, isOfMember, isWaiting, openRequirements, requirementsOf, waitOf, type Wait } from "./waiting.ts";

/** A run that stopped, with all decisions, ready to go on. */
export interface ResumedRun {
  /** As it was stored. */
  readonly before: AgentRun | TeamRun;
  /** The same with what was decided, and the results that are known by that. */
  readonly run: AgentRun | TeamRun;
  /** For the model: what the run said so far, and the decisions. */
  readonly model: ModelMessage[];
  /** The calls that were approved and are to run here, with the names of their tools. */
  readonly approved: ReadonlyMap<string, string>;
}

/** Whether a run can go on: it waits, or it went on after it had waited and did not come to its end. */
export function canGoOn(run: AgentRun | TeamRun): boolean {
  const wasPaused = (run.requirements ?? []).length > 0 && openRequirements(run).length === 0;
  return run.status === "PAUSED" || ((run.status === "ERROR" || run.status === "CANCELLED") && wasPaused);
}

/**
 * @throws InvalidArgumentError unless each call that waits, and no other, was decided about.
 * @throws RunNotContinuableError when the run waits for what cannot be given here.
 */
export function resumedRun(
  run: AgentRun | TeamRun,
  approvals: readonly Approval[],
  { createdAt }: { readonly createdAt: number },
): ResumedRun {
  const waiting = (run.tools ?? []).filter(isWaiting);
  checkDecidable(run, waiting);
  const decisions = decisionsOf(waiting, approvals);
  const messages = run.messages ?? [];
  const shown = toModelMessages(messages.filter(({ role, fromHistory }) => role !== "system" && fromHistory !== true));
  const open = unanswered(shown);
  const lost = waiting.find(({ toolCallId }) => !open.some((call) => call.toolCallId === toolCallId));
  if (lost !== undefined) {
    throw new RunNotContinuableError(run.runId, {
      why: `the messages of the run lack its call ${JSON.stringify(lost.toolCallId)}`,
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
      results.push({ type: "tool-result", toolCallId, toolName, output });
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
      ...(result !== undefined && { result: result.text, toolCallError: result.isError }),
    };
  });
  return {
    before: run,
    run: {
      ...run,
      tools,
      messages: [...messages, ...toStoredMessages(told, { createdAt })],
      requirements: requirementsOf(tools, { before: run.requirements ?? [], createdAt }),
    },
    model: [...shown.map((message) => withRequests(message, requests)), ...told],
    approved,
  };
}

/** A run with the result of a call that ran; the same run if it has one. */
export function withResult(run: AgentRun | TeamRun, part: ToolResultPart, createdAt: number): AgentRun | TeamRun {
  const { toolCallId, output } = part;
  const messages = run.messages ?? [];
  if (messages.some((message) => message.role === "tool" && message.toolCallId === toolCallId)) {
    return run;
  }
  const { text, isError } = resultOf(output);
  const tools = (run.tools ?? []).map((tool) =>
    tool.toolCallId === toolCallId ? { ...tool, result: text, toolCallError: isError } : tool,
  );
  const added: Message[] = toStoredMessages([{ role: "tool", content: [part] }], { createdAt });
  return {
    ...run,
    tools,
    messages: [...messages, ...added],
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
    value: "The run ended while this tool was running. Its outcome is not known.",
  };
}

/** Refuses what is not for the callers of this library to decide. */
function checkDecidable(run: AgentRun | TeamRun, waiting: readonly ToolExecution[]): void {
  const inAgno = "Continue it in Agno.";
  const refuse = (why: string, advice = inAgno): never => {
    throw new RunNotContinuableError(run.runId, { why, advice });
  };
  for (const entry of openRequirements(run)) {
    if (isOfMember(entry)) {
      refuse("a tool of a member of the team waits");
    }
    if (!waiting.some(({ toolCallId }) => toolCallId === callIdOf(entry))) {
      refuse("it waits for a call that is not among its tools");
    }
  }
  for (const { toolCallId, approvalType, userFeedbackSchema } of waiting) {
    const call = `its call ${JSON.stringify(toolCallId)}`;
    if (approvalType === "required") {
      refuse(`an administrator decides about ${call}`, "Have it approved and continued in Agno.");
    }
    if ((approvalType ?? null) !== null) {
      refuse(`Agno keeps a record of what is decided about ${call}`);
    }
    if ((userFeedbackSchema ?? null) !== null) {
      refuse(`${call} asks the user to choose`);
    }
  }
}

interface Decision {
  readonly tool: ToolExecution;
  readonly approval: Approval;
  /** What the call has of it, as Agno has it once a run goes on. */
  readonly decided: Partial<ToolExecution>;
  /** With what the tool is called. */
  readonly input: JsonValue;
  /** The result where it is known by the decision; null for a tool that is to run. */
  readonly output: ToolResultPart["output"] | null;
}

function decisionsOf(waiting: readonly ToolExecution[], approvals: readonly Approval[]): Map<string, Decision> {
  const ids = new Set(waiting.map(({ toolCallId }) => toolCallId ?? ""));
  const given = new Map(approvals.map((approval, index) => [approval.toolCallId, { approval, index }]));
  if (given.size !== ids.size || [...ids].some((id) => !given.has(id))) {
    throw new InvalidArgumentError("approvals", `one for each call that waits: ${[...ids].join(", ") || "none does"}`);
  }
  return new Map(
    waiting.map((tool) => {
      const id = tool.toolCallId ?? "";
      const { approval, index } = given.get(id) as { approval: Approval; index: number };
      return [id, decisionOf(tool, approval, `approvals[${index}]`)];
    }),
  );
}

const settled = { requiresConfirmation: false, requiresUserInput: false, externalExecutionRequired: false } as const;

function decisionOf(tool: ToolExecution, approval: Approval, argument: string): Decision {
  const wait = waitOf(tool) as Wait;
  const { approved, reason, values, result } = approval;
  const input = tool.toolArgs ?? {};
  const needs = (name: "values" | "result", wanted: Wait): boolean => approved && wait === wanted && name in approval;
  if (values !== undefined && !needs("values", "userInput")) {
    throw new InvalidArgumentError(`${argument}.values`, "left out: the call does not get what the user fills in");
  }
  if (result !== undefined && !needs("result", "externalExecution")) {
    throw new InvalidArgumentError(`${argument}.result`, "left out: the tool does not run elsewhere for this decision");
  }
  const note = { confirmationNote: reason ?? null };
  if (!approved) {
    const output = { type: "execution-denied" as const, ...(reason !== undefined && { reason }) };
    const answered = wait === "userInput" && { answered: true };
    return { tool, approval, input, output, decided: { ...changed(tool), ...note, ...answered, confirmed: false } };
  }
  if (wait === "externalExecution") {
    if (result === undefined) {
      throw new InvalidArgumentError(`${argument}.result`, "what the tool returned: it runs elsewhere");
    }
    const output =
      typeof result === "string" ? { type: "text" as const, value: result } : { type: "json" as const, value: result };
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

/** Of a call that waited for something, that it does so no more. */
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
    throw new InvalidArgumentError(argument, `an object with no other keys than ${names.join(", ")}`);
  }
  return fields.map((field) => {
    const value = values[field.name] ?? field["value"] ?? null;
    if (value === null) {
      throw new InvalidArgumentError(`${argument}.${field.name}`, "what the user filled in");
    }
    return { ...field, value };
  });
}

/** The calls that no message answers. */
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

/** The id by which the AI SDK asked for an approval. */
function requestIn(messages: readonly ModelMessage[], toolCallId: string): string | null {
  const parts = messages.flatMap(({ role, content }) =>
    role === "assistant" && typeof content !== "string" ? content : [],
  );
  const found = parts.find((part) => part.type === "tool-approval-request" && part.toolCallId === toolCallId);
  return found?.type === "tool-approval-request" ? found.approvalId : null;
}

/** A message in which the calls that go on were asked about, as the AI SDK asks, and have what the user filled in. */
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
