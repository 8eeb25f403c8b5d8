import type { JsonObject, JsonValue, Message } from "@sessiondb/core";
import { isJsonObject } from "@sessiondb/core/adapter";
import { jsonOf } from "@sessiondb/turns";

/** The key of what a page shows and a model is not shown, such as the title of a tool. */
export const shownKey = "shown";

// Stored messages may hold anything. Reading them never throws.

/** Returns what is kept of a message of the AI SDK beside Agno's fields; null if nothing is. */
export function kept(message: Message): JsonObject | null {
  const own = isJsonObject(message.providerData) ? message.providerData["ai_sdk"] : null;
  return isJsonObject(own) ? own : null;
}

/** Returns content as text; of a list of parts in OpenAI's format, the texts. */
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

/** Parses the arguments of a call. Text that is not JSON stays text. */
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

/** Returns the provider options that were kept. */
export function optionsOf(message: Message): object {
  const options = kept(message)?.["options"];
  return isJsonObject(options) ? { providerOptions: options } : {};
}

/** Returns a copy as JSON keeps it; an empty object if JSON cannot hold it. */
export function jsonCopy(value: object): JsonObject {
  const copy = jsonOf(value);
  return isJsonObject(copy) ? copy : {};
}
