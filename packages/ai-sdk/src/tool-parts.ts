import type { AgentRun, JsonObject, JsonValue, Message, TeamRun, ToolExecution } from "@sessiondb/core";
import { isJsonObject } from "@sessiondb/core/adapter";
import type { ToolResultPart } from "ai";
import { kept, shownKey } from "./stored-json.ts";
import { resultOf, resultPart } from "./tool-result-codec.ts";
import { metadataIn, textOrNone, type UIPart } from "./ui-parts.ts";
import { refusedInput } from "./versions.ts";

/** A part about a call, whose state changes once its outcome is known. */
type ToolPart = UIPart & { toolCallId: string };

/** The calls of an answer, as a page shows them. */
export class ToolParts {
  readonly #parts: UIPart[];
  readonly #errorText: (text: string) => string;
  readonly #executions: ReadonlyMap<string, ToolExecution>;
  /** The calls without a result, by id: the last one that has it. */
  readonly #calls = new Map<string, ToolPart>();

  /** Adds its parts to `parts`. */
  constructor({ tools }: AgentRun | TeamRun, parts: UIPart[], errorText: (text: string) => string) {
    this.#parts = parts;
    this.#errorText = errorText;
    this.#executions = new Map(
      (Array.isArray(tools) ? tools : []).flatMap((tool) =>
        typeof tool.toolCallId === "string" ? [[tool.toolCallId, tool]] : [],
      ),
    );
  }

  /** Adds a call, in the state that it is in without a result. */
  add(call: JsonObject): void {
    const { toolCallId, toolName, input = {}, providerExecuted, providerOptions } = call;
    const id = textOrNone(toolCallId);
    const shown = isJsonObject(call[shownKey]) ? call[shownKey] : {};
    const metadata = metadataIn(providerOptions).providerMetadata;
    const part: ToolPart = {
      ...(shown["dynamic"] === true
        ? { type: "dynamic-tool", toolName: textOrNone(toolName) }
        : { type: `tool-${textOrNone(toolName)}` }),
      toolCallId: id,
      state: "input-available",
      input,
      ...(typeof shown["title"] === "string" && { title: shown["title"] }),
      ...(isJsonObject(shown["toolMetadata"]) && { toolMetadata: shown["toolMetadata"] }),
      ...(providerExecuted === true && { providerExecuted }),
      ...(metadata !== undefined && { callProviderMetadata: metadata }),
    };
    if (shown["invalid"] === true && part.type !== "dynamic-tool") {
      delete part["input"];
      part[refusedInput] = input;
    }
    decide(part, this.#executions.get(id));
    this.#calls.set(id, part);
    this.#parts.push(part);
  }

  /** Adds the result that a message of a tool holds. One without its call is not shown. */
  settle(message: Message): void {
    const shown = kept(message)?.[shownKey];
    const raw = isJsonObject(shown) ? shown["output"] : undefined;
    this.#settle(resultPart(message), raw);
  }

  /** Adds the result of a call that the provider executed. */
  settlePart(part: JsonObject): void {
    this.#settle(part as unknown as ToolResultPart);
  }

  #settle({ toolCallId, output, providerOptions }: ToolResultPart, raw?: JsonValue): void {
    const part = this.#calls.get(toolCallId);
    if (part === undefined) {
      return;
    }
    this.#calls.delete(toolCallId);
    const execution = this.#executions.get(toolCallId);
    const metadata = metadataIn(providerOptions as JsonValue | undefined).providerMetadata;
    const { text, isError } = resultOf(output);
    if (output.type === "execution-denied" || execution?.confirmed === false) {
      part["state"] = "output-denied";
      part["approval"] = approvalOf(part, execution, false);
      return;
    }
    if (part["state"] === "approval-requested") {
      // It ran although nobody is known to have decided.
      delete part["approval"];
    }
    if (isError) {
      part["state"] = "output-error";
      // What came from the browser, or from the provider, the page has seen as it is.
      const isForeign = part["providerExecuted"] === true || isExternal(execution);
      part["errorText"] = isForeign ? text : this.#errorText(text);
    } else {
      part["state"] = "output-available";
      part["output"] = raw ?? valueOf(output);
    }
    if (metadata !== undefined) {
      part["resultProviderMetadata"] = metadata;
    }
  }
}

/** Sets the state of a call that a person decides about, as far as that has happened. */
function decide(part: ToolPart, execution: ToolExecution | undefined): void {
  if (execution === undefined || (execution.requiresConfirmation ?? null) === null) {
    return;
  }
  if (typeof execution.confirmed === "boolean") {
    part["state"] = execution.confirmed ? "approval-responded" : "output-denied";
    part["approval"] = approvalOf(part, execution, execution.confirmed);
  } else if (execution.requiresConfirmation === true) {
    part["state"] = "approval-requested";
    part["approval"] = { id: approvalIdOf(part, execution) };
  }
}

function approvalOf(part: ToolPart, execution: ToolExecution | undefined, approved: boolean): JsonObject {
  const reason = execution?.confirmationNote;
  return { id: approvalIdOf(part, execution), approved, ...(typeof reason === "string" && { reason }) };
}

/** Calls that Agno asked about have no id of a request. */
function approvalIdOf({ toolCallId }: ToolPart, execution: ToolExecution | undefined): string {
  const id = execution?.approvalId;
  return typeof id === "string" ? id : toolCallId;
}

function isExternal(execution: ToolExecution | undefined): boolean {
  return (execution?.externalExecutionRequired ?? null) !== null;
}

function valueOf(output: ToolResultPart["output"]): JsonValue {
  return "value" in output ? (output.value as JsonValue) : null;
}
