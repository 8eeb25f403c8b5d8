import { isDeepStrictEqual } from "node:util";
import { InvalidArgumentError, type Message } from "@sessiondb/core";
import { isJsonObject } from "@sessiondb/core/adapter";
import { jsonOf, portable } from "@sessiondb/turns";
import type { ToolResultPart } from "ai";
import { argumentsOf, jsonCopy, kept, optionsOf, shownKey, textOf } from "./stored-json.ts";

type ToolOutput = ToolResultPart["output"];

/** Returns what a `toModelOutput` returned, in a form that JSON can hold. */
export function modelOutput(returned: unknown, toolName: string): ToolOutput {
  const argument = `What toModelOutput of the tool ${JSON.stringify(toolName)} returns`;
  const output = portable(returned, argument);
  const { type, value } = isJsonObject(output) ? output : {};
  const isRight =
    type === "text" || type === "error-text"
      ? typeof value === "string"
      : type === "content"
        ? Array.isArray(value)
        : type === "execution-denied" || ((type === "json" || type === "error-json") && value !== undefined);
  if (!isRight) {
    throw new InvalidArgumentError(argument, 'an output of the AI SDK, such as { type: "text", value: "Done" }');
  }
  return output as ToolOutput;
}

/** Converts a tool result to a stored message. */
export function storedResult(part: ToolResultPart): Message {
  const { toolCallId, toolName, output, providerOptions } = part;
  const shown = (part as { readonly [shownKey]?: unknown })[shownKey];
  const { text, isError } = resultOf(output);
  const stored: Message = { role: "tool", toolCallId, toolName, content: text, toolCallError: isError };
  if (!isDeepStrictEqual(storedOutput(stored), output) || providerOptions !== undefined || shown !== undefined) {
    // The text already holds the value.
    const isJson = output.type === "json" || output.type === "error-json";
    stored.providerData = {
      ai_sdk: jsonCopy({
        output: isJson ? { ...output, value: undefined } : output,
        options: providerOptions,
        [shownKey]: shown,
      }),
    };
  }
  return stored;
}

/** Converts what a tool or a provider returned or threw to the form that the model is shown, by the rules of the AI SDK. */
export function plainOutput(value: unknown, { isError = false }: { readonly isError?: boolean } = {}): ToolOutput {
  return isError
    ? { type: "error-json", value: jsonOf(value) }
    : typeof value === "string"
      ? { type: "text", value }
      : { type: "json", value: jsonOf(value) };
}

/** Returns a tool result as text, and whether it is an error. */
export function resultOf(output: ToolOutput): { readonly text: string; readonly isError: boolean } {
  const isError = output.type === "error-text" || output.type === "error-json" || output.type === "execution-denied";
  return { text: outputText(output), isError };
}

/** Converts a stored message of a tool to a result of the AI SDK. */
export function resultPart(message: Message): ToolResultPart {
  const options = optionsOf(message);
  return {
    type: "tool-result",
    toolCallId: typeof message.toolCallId === "string" ? message.toolCallId : "",
    toolName: typeof message.toolName === "string" ? message.toolName : "",
    output: keptOutput(message) ?? storedOutput(message),
    ...options,
  };
}

function storedOutput(message: Message): ToolOutput {
  return { type: message.toolCallError === true ? "error-text" : "text", value: textOf(message.content) };
}

function keptOutput(message: Message): ToolOutput | null {
  const output = kept(message)?.["output"];
  if (!isJsonObject(output)) {
    return null;
  }
  switch (output["type"]) {
    case "json":
    case "error-json":
      return { ...output, value: argumentsOf(message.content) } as ToolOutput;
    case "execution-denied":
      return output as ToolOutput;
    case "content":
      return Array.isArray(output["value"]) ? (output as ToolOutput) : null;
    case "text":
    case "error-text":
      return typeof output["value"] === "string" ? (output as ToolOutput) : null;
    default:
      return null;
  }
}

function outputText(output: ToolOutput): string {
  switch (output.type) {
    case "text":
    case "error-text":
      return output.value;
    case "json":
    case "error-json":
      return JSON.stringify(jsonOf(output.value));
    case "execution-denied":
      return output.reason ?? "The call was denied.";
    case "content":
      return output.value.map((part) => (part.type === "text" ? part.text : `[${part.type}]`)).join("\n");
  }
}
