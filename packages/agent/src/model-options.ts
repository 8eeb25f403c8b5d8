import { InvalidArgumentError } from "@sessiondb/core";
import { checkObject, checkText, named, texts } from "@sessiondb/core/adapter";
import type { RunContext } from "@sessiondb/turns";
import type { LanguageModel, ToolSet } from "ai";

// Readers of options with types of the AI SDK.

export function languageModel(value: unknown, argument: string): LanguageModel {
  const isModel = typeof value === "object" && value !== null && "doGenerate" in value && "doStream" in value;
  if (!isModel && (typeof value !== "string" || value === "")) {
    throw new InvalidArgumentError(argument, "a model of the AI SDK, or a model id");
  }
  return value as LanguageModel;
}

type Instructions = string | readonly string[] | ((context: RunContext) => string | Promise<string>);

export function instructionsOf(value: unknown, argument: string): Instructions {
  if (typeof value === "function") {
    return value as Instructions;
  }
  return Array.isArray(value) ? texts(value, argument) : checkText(value, argument);
}

export function toolSet(value: unknown, argument: string): ToolSet {
  const tools = named(value === undefined ? {} : value, argument);
  for (const [name, tool] of Object.entries(tools)) {
    checkObject(tool, `${argument}.${name}`);
  }
  return { ...tools } as ToolSet;
}
