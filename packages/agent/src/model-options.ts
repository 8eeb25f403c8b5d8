import { InvalidArgumentError, type JsonObject } from "@sessiondb/core";
import { checkObject, checkText, named, texts, untilAborted } from "@sessiondb/core/adapter";
import { runContext, type RunContext, type RunScope } from "@sessiondb/turns";
import type { LanguageModel, ToolSet } from "ai";

// Readers of options with types of the AI SDK.

export function languageModel(value: unknown, argument: string): LanguageModel {
  const isModel = typeof value === "object" && value !== null && "doGenerate" in value && "doStream" in value;
  if (!isModel && (typeof value !== "string" || value === "")) {
    throw new InvalidArgumentError(argument, "a model of the AI SDK, or a model id");
  }
  return value as LanguageModel;
}

/** Text, paragraphs, or a function that returns text. */
export type Instructions<State extends object = JsonObject> =
  | string
  | readonly string[]
  | ((context: RunContext<State>) => string | Promise<string>);

/** Tools of the AI SDK, or a function that returns those of a run. */
export type ToolSource<Tools extends ToolSet = ToolSet, State extends object = JsonObject> =
  | Tools
  | ((context: RunContext<State>) => Tools | Promise<Tools>);

export function instructionsOf(value: unknown, argument: string): Instructions {
  if (typeof value === "function") {
    return value as Instructions;
  }
  return Array.isArray(value) ? texts(value, argument) : checkText(value, argument);
}

export function toolSource(value: unknown, argument: string): ToolSource {
  return typeof value === "function" ? (value as ToolSource) : toolSet(value === undefined ? {} : value, argument);
}

/** Returns the tools that are known before a run. */
export function knownTools(source: ToolSource): ToolSet {
  return typeof source === "function" ? {} : source;
}

/** Returns the tools of a run; none if it ends before they are known. */
export async function toolsOfRun(source: ToolSource, scope: RunScope): Promise<ToolSet> {
  try {
    return await untilAborted(toolsFor(source, runContext(scope)), scope.signal);
  } catch (error) {
    if (scope.signal.aborted) {
      return {};
    }
    throw error;
  }
}

async function toolsFor(source: ToolSource, context: RunContext): Promise<ToolSet> {
  return typeof source === "function" ? toolSet(await source(context), "tools") : source;
}

/** Returns the tools of two sources. Those of the second replace others of the same name. */
export function bothTools(first: ToolSource, second: ToolSource): ToolSource {
  return typeof first === "function" || typeof second === "function"
    ? async (context) => ({ ...(await toolsFor(first, context)), ...(await toolsFor(second, context)) })
    : { ...first, ...second };
}

function toolSet(value: unknown, argument: string): ToolSet {
  const tools = named(value, argument);
  for (const [name, tool] of Object.entries(tools)) {
    checkObject(tool, `${argument}.${name}`);
  }
  return { ...tools } as ToolSet;
}
