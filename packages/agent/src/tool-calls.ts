import { argumentsOf, resultPart } from "@sessiondb/ai-sdk/codec";
import type { AgentRun, JsonValue, TeamRun, ToolExecution } from "@sessiondb/core";
import type { InferToolInput, InferToolOutput, Tool, ToolSet } from "ai";
import { textOf } from "@sessiondb/turns";
import { isWaiting, waitOf } from "./waiting.ts";

type CallOf<Name extends string, Dynamic extends boolean, State> = State & {
  readonly toolCallId: string;
  readonly toolName: Name;
  /**
   * Whether the call is of no tool in the `tools` option (one of this library, of the provider, or made up by the model), or of
   * a tool whose types are not known, as those of an MCP server.
   */
  readonly dynamic: Dynamic;
};

type StateOf<Input, Output> =
  | { readonly state: "approval-requested"; readonly input: Input }
  /** The call waits for a result from elsewhere, or the run ended before its tool did. */
  | { readonly state: "input-available"; readonly input: unknown }
  | { readonly state: "output-available"; readonly input: Input; readonly output: Output }
  /** The tool failed, or the model called it with an input that it does not take. */
  | { readonly state: "output-error"; readonly input: unknown; readonly errorText: string }
  | { readonly state: "output-denied"; readonly input: Input; readonly reason: string | null };

interface WaitingState<Input> {
  readonly state: "approval-requested" | "input-available";
  readonly input: Input;
}

type ToolOf<Tools extends ToolSet, Name extends keyof Tools> = Extract<Tools[Name], Tool>;

type StaticOr<Tools extends ToolSet, Static, Dynamic> = string extends keyof Tools ? Dynamic : Static | Dynamic;

/**
 * A call of a tool in a run. Its states and fields have the names that the AI SDK uses in the tool parts of a UI message.
 * Ask for `dynamic` before `toolName`: then the input and the output have the types of the tool. Those of a call before a pause
 * are read from the store, as JSON.
 */
export type ToolCall<Tools extends ToolSet = ToolSet> = StaticOr<
  Tools,
  {
    [Name in keyof Tools & string]: CallOf<
      Name,
      false,
      StateOf<InferToolInput<ToolOf<Tools, Name>>, InferToolOutput<ToolOf<Tools, Name>>>
    >;
  }[keyof Tools & string],
  CallOf<string, string extends keyof Tools ? boolean : true, StateOf<unknown, unknown>>
>;

/** A call that waits: for approval, or for the result of a tool without `execute`. */
export type PendingApproval<Tools extends ToolSet = ToolSet> = StaticOr<
  Tools,
  {
    [Name in keyof Tools & string]: CallOf<Name, false, WaitingState<InferToolInput<ToolOf<Tools, Name>>>>;
  }[keyof Tools & string],
  CallOf<string, string extends keyof Tools ? boolean : true, WaitingState<unknown>>
>;

interface CallSources {
  /** What the model's calls of this process passed to the tools, by the id of the call. */
  readonly inputs: ReadonlyMap<string, unknown>;
  /** What the tools of this process returned, by the id of the call. */
  readonly outputs: ReadonlyMap<string, unknown>;
  /** The tools of the agent or team. */
  readonly tools: ToolSet;
}

/** Returns the calls of a run. */
export function toolCallsOf(run: AgentRun | TeamRun, { inputs, outputs, tools }: CallSources): ToolCall[] {
  return (run.tools ?? []).map((tool): ToolCall => {
    const [toolCallId, toolName] = [tool.toolCallId ?? "", tool.toolName ?? ""];
    const input = inputs.has(toolCallId) ? inputs.get(toolCallId) : (tool.toolArgs ?? {});
    const known = Object.hasOwn(tools, toolName) ? tools[toolName] : undefined;
    const call = { toolCallId, toolName, dynamic: known === undefined || known.type === "dynamic", input };
    if (waitOf(tool) === "confirmation") {
      return { ...call, state: "approval-requested" };
    }
    if (tool.confirmed === false) {
      return { ...call, state: "output-denied", reason: tool.confirmationNote ?? null };
    }
    if (waitOf(tool) !== null || (tool.result ?? null) === null) {
      return { ...call, state: "input-available" };
    }
    if (tool.toolCallError === true) {
      return { ...call, state: "output-error", errorText: textOf(tool.result ?? "") };
    }
    const output = outputs.has(toolCallId) ? outputs.get(toolCallId) : storedOutput(run, tool);
    return { ...call, state: "output-available", output };
  });
}

/** Returns the calls that wait. */
export function waitingOf(calls: readonly ToolCall[], run: AgentRun | TeamRun): PendingApproval[] {
  const waiting = new Set((run.tools ?? []).filter(isWaiting).map(({ toolCallId }) => toolCallId));
  return calls.filter((call): call is PendingApproval & ToolCall => waiting.has(call.toolCallId));
}

/** Returns what a tool returned before a pause. */
function storedOutput({ messages }: AgentRun | TeamRun, { toolCallId, result = null }: ToolExecution): JsonValue {
  const message = (messages ?? []).find((each) => each.role === "tool" && each.toolCallId === toolCallId);
  const told = message === undefined ? null : resultPart(message).output;
  if (told?.type === "json") {
    return told.value as JsonValue;
  }
  // The text of a result is its JSON, but for text itself. The model may have been told something else.
  const isText = told?.type === "text" && told.value === result;
  return isText || typeof result !== "string" || !/^[[{]/.test(result) ? result : argumentsOf(result);
}
