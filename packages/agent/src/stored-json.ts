import type { JsonObject, JsonValue, Message } from "@sessiondb/core";
import { isJsonObject } from "@sessiondb/core/adapter";

// What stored messages hold may be anything: looking at it never throws.

/** What of a message of the AI SDK is kept beside Agno's fields; null if nothing is. */
export function kept(message: Message): JsonObject | null {
  const own = isJsonObject(message.providerData) ? message.providerData["ai_sdk"] : null;
  return isJsonObject(own) ? own : null;
}

/** Text, or that of a list of parts as OpenAI has them. */
export function textOf(content: JsonValue | undefined): string {
  if (Array.isArray(content)) {
    return content
      .map((part) => (isJsonObject(part) && typeof part["text"] === "string" ? part["text"] : ""))
      .filter((text) => text !== "")
      .join("\n");
  }
  return content === undefined || content === null
    ? ""
    : typeof content === "string"
      ? content
      : JSON.stringify(content);
}

/** Arguments that are no JSON stay text. */
export function argumentsOf(text: JsonValue | undefined): JsonValue {
  if (typeof text !== "string") {
    return text ?? {};
  }
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return text;
  }
}

/** The options for the provider that were kept. */
export function optionsOf(message: Message): object {
  const options = kept(message)?.["options"];
  return isJsonObject(options) ? { providerOptions: options } : {};
}

/** As JSON would keep it. */
export function jsonCopy(value: object): JsonObject {
  try {
    return JSON.parse(JSON.stringify(value)) as JsonObject;
  } catch {
    return {};
  }
}
