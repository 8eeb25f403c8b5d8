import { isDeepStrictEqual } from "node:util";
import type { JsonObject, JsonValue, Message } from "@sessiondb/core";
import { isJsonObject, present } from "@sessiondb/core/adapter";
import { jsonOf } from "@sessiondb/turns";
import type { AssistantModelMessage, ModelMessage, UserModelMessage } from "ai";
import { isKnownPart, untagged } from "./versions.ts";
import { argumentsOf, jsonCopy, kept, optionsOf, shownKey, textOf } from "./stored-json.ts";
import { mediaLists, mediaParts, textOfData, toMediaPart, toStoredMedia, type MediaList } from "./stored-media.ts";
import { resultPart, storedResult } from "./tool-result-codec.ts";

// The fields of a stored message are Agno's. What they cannot hold, such as a provider's signatures or the order of
// parts, is kept in `provider_data.ai_sdk`, which is absent otherwise.

type Part = Exclude<(UserModelMessage | AssistantModelMessage)["content"], string>[number];

/** Converts messages of the AI SDK to Agno's stored form, in which each tool result is a message of its own. */
export function toStoredMessages(
  messages: readonly ModelMessage[],
  { createdAt }: { readonly createdAt: number },
): Message[] {
  return messages.flatMap((message): Message[] => {
    switch (message.role) {
      case "tool":
        return message.content.flatMap((part) =>
          part.type === "tool-result" ? [{ ...storedResult(part), createdAt }] : [],
        );
      case "system":
        return [{ role: "system", content: message.content, createdAt }];
      case "user":
      case "assistant":
        return [{ ...storedMessage(message), createdAt }];
    }
  });
}

/** Converts stored messages of any writer to messages of the AI SDK. Never throws, whatever is stored. */
export function toModelMessages(messages: readonly Message[]): ModelMessage[] {
  const result: ModelMessage[] = [];
  for (const message of messages.flatMap(separateResults)) {
    const last = result.at(-1);
    if (message.role === "tool") {
      const part = resultPart(message);
      if (last?.role === "tool") {
        last.content.push(part);
      } else {
        result.push({ role: "tool", content: [part] });
      }
    } else {
      const converted = modelMessage(message);
      if (converted !== null) {
        result.push(converted);
      }
    }
  }
  return result;
}

/** Returns whether a stored message is part of its run's conversation: instructions and copies of earlier runs are not. */
export function isOfTurn({ role, fromHistory }: Message): boolean {
  return role !== "system" && role !== "developer" && fromHistory !== true;
}

/** Returns the ids of the tool calls in an assistant message, without those that the provider executes. */
export function callIds(message: Message): string[] {
  return callsOf(message).map(({ toolCallId }) => toolCallId);
}

/** Returns an assistant message with only the wanted calls; null when nothing is left of it. */
export function withCalls(message: Message, wanted: ReadonlySet<string>): Message | null {
  const calls = Array.isArray(message.toolCalls) ? message.toolCalls : [];
  const parts = partsOf(message)?.filter(
    (part) =>
      part.type !== "tool-approval-request" &&
      (part.type !== "tool-call" || part.providerExecuted === true || wanted.has(part.toolCallId)),
  );
  const result: Message = {
    ...message,
    toolCalls: calls.filter((call) => isJsonObject(call) && typeof call["id"] === "string" && wanted.has(call["id"])),
    ...(parts !== undefined && {
      providerData: { ...message.providerData, ai_sdk: { ...kept(message), parts: parts as unknown as JsonValue[] } },
    }),
  };
  const said = textOf(result.content) !== "" || mediaLists.some((list) => (result[list] ?? []).length > 0);
  const more = parts?.some(({ type }) => type !== "reasoning") === true;
  return said || more || (result.toolCalls ?? []).length > 0 ? result : null;
}

/**
 * Returns messages without what the assistant said in them: its calls stay, with their results, since what tools did is
 * done.
 */
export function withoutWords(messages: readonly Message[]): Message[] {
  return messages.flatMap((message): Message[] => {
    if ((message.role !== "assistant" && message.role !== "model") || message.fromHistory === true) {
      return [message];
    }
    const { id, role, toolCalls, createdAt } = message;
    const parts = keptParts(message)?.filter((part) => (part["type"] as string).startsWith("tool-")) ?? [];
    const calls = { role, ...present({ id, toolCalls, createdAt }) };
    return parts.length > 0
      ? [{ ...calls, providerData: { ai_sdk: { parts } } }]
      : (toolCalls ?? []).length > 0
        ? [calls]
        : [];
  });
}

function storedMessage(message: UserModelMessage | AssistantModelMessage): Message {
  const { role } = message;
  if (typeof message.content === "string") {
    return { role, content: message.content };
  }
  const content = message.content.map(withTextData);
  const stored: Message = { role };
  const references: JsonObject[] = [];
  const texts: string[] = [];
  const reasoning: string[] = [];
  for (const part of content) {
    if (part.type === "image" || (part.type === "file" && typeof part.data === "string")) {
      const { list, media } = toStoredMedia(part);
      const place = (stored[list] ??= []).push(media) - 1;
      references.push(jsonCopy({ ...part, image: undefined, data: undefined, media: [list, place] }));
      continue;
    }
    if (part.type === "text") {
      texts.push(part.text);
    } else if (part.type === "reasoning") {
      reasoning.push(part.text);
    } else if (part.type === "tool-call" && part.providerExecuted !== true) {
      const call = { name: part.toolName, arguments: JSON.stringify(jsonCopy({ input: part.input })["input"] ?? {}) };
      (stored.toolCalls ??= []).push({ id: part.toolCallId, type: "function", function: call });
    }
    references.push(jsonCopy(part));
  }
  if (texts.length > 0) {
    stored.content = texts.join(role === "user" ? "\n" : "");
  }
  if (reasoning.length > 0) {
    stored.reasoningContent = reasoning.join("\n");
  }
  const restored = modelMessage(stored)?.content ?? [];
  if (!isDeepStrictEqual(contentParts(restored), normalized(content)) || message.providerOptions !== undefined) {
    const ownOptions = message.providerOptions === undefined ? {} : { options: jsonCopy(message.providerOptions) };
    stored.providerData = { ai_sdk: { parts: references, ...ownOptions } };
  }
  return stored;
}

function modelMessage(message: Message): ModelMessage | null {
  const { role } = message;
  const text = textOf(message.content);
  if (role === "system" || role === "developer") {
    return { role: "system", content: text };
  }
  const parts = partsOf(message);
  const options = optionsOf(message);
  if (role === "assistant" || role === "model") {
    const content = parts ?? assistantParts(message, text);
    const said = content.length === 1 && content[0]?.type === "text" && parts === null ? text : content;
    return content.length === 0 ? null : ({ role: "assistant", content: said, ...options } as ModelMessage);
  }
  const media = mediaParts(message);
  const plain = media.length === 0 ? text : [...(text === "" ? [] : [{ type: "text", text }]), ...media];
  const content = parts ?? plain;
  return content.length === 0 && text === "" && role !== "user"
    ? null
    : ({ role: "user", content, ...options } as ModelMessage);
}

function assistantParts(message: Message, text: string): Part[] {
  const { reasoningContent } = message;
  return [
    ...(typeof reasoningContent === "string" && reasoningContent !== ""
      ? [{ type: "reasoning" as const, text: reasoningContent }]
      : []),
    ...(text === "" ? [] : [{ type: "text" as const, text }]),
    ...mediaParts(message).filter((part) => part.type === "file"),
    ...callsOf(message).map((call) => ({ type: "tool-call" as const, ...call })),
  ];
}

function callsOf(message: Message): { toolCallId: string; toolName: string; input: JsonValue }[] {
  const calls: readonly unknown[] = Array.isArray(message.toolCalls) ? message.toolCalls : [];
  return calls.flatMap((call) => {
    const called = isJsonObject(call) ? call["function"] : null;
    const [id, name] = [isJsonObject(call) ? call["id"] : null, isJsonObject(called) ? called["name"] : null];
    return typeof id === "string" && typeof name === "string" && isJsonObject(called)
      ? [{ toolCallId: id, toolName: name, input: argumentsOf(called["arguments"]) }]
      : [];
  });
}

/**
 * Returns the parts kept beside Agno's fields, without those that only a later version of the AI SDK knows, and without
 * what is for pages alone; null if there are none, or if one cannot be restored.
 */
function partsOf(message: Message): Part[] | null {
  const parts = keptParts(message)
    ?.filter(isKnownPart)
    .map(({ [shownKey]: _shown, ...part }) => part);
  return (parts as unknown as Part[] | undefined) ?? null;
}

/** Returns the parts of a message in order, with what pages show and models do not, such as sources. */
export function spokenParts(message: Message): JsonObject[] {
  const parts = keptParts(message);
  if (parts !== null) {
    return parts.filter((part) => part["type"] === "source" || isKnownPart(part));
  }
  const text = textOf(message.content);
  const spoken: readonly object[] =
    message.role === "assistant" || message.role === "model"
      ? [...assistantParts(message, text), ...mediaParts(message).filter(({ type }) => type === "image")]
      : [...(text === "" ? [] : [{ type: "text", text }]), ...mediaParts(message)];
  return spoken as readonly JsonObject[] as JsonObject[];
}

/** Returns all parts kept beside Agno's fields; null if there are none, or if one cannot be restored. */
function keptParts(message: Message): JsonObject[] | null {
  const parts = kept(message)?.["parts"];
  if (!Array.isArray(parts) || !parts.every(isPart)) {
    return null;
  }
  const restored = parts.map((part) => {
    const { media, ...rest } = part;
    if (!Array.isArray(media)) {
      return part;
    }
    const list = media[0] as MediaList;
    const found = mediaLists.includes(list) ? message[list]?.[Number(media[1])] : undefined;
    const restoredPart = found === undefined ? null : toMediaPart(list, found);
    return restoredPart === null ? null : (mergedMedia(restoredPart, rest) as JsonObject);
  });
  return restored.includes(null) ? null : (restored as JsonObject[]);
}

/** Restores a media part: the fields are those of the kept part, the content is that of Agno's fields. */
function mergedMedia(found: object, own: JsonObject): object {
  const data = "image" in found ? found.image : "data" in found ? found.data : "";
  return own["type"] === "image" ? { ...own, image: data } : { ...own, data };
}

/** The text that a part cannot lack, by its type. */
const partText: Readonly<Record<string, readonly string[]>> = {
  text: ["text"],
  reasoning: ["text"],
  "tool-call": ["toolCallId", "toolName"],
  "tool-result": ["toolCallId", "toolName"],
  "tool-approval-request": ["approvalId", "toolCallId"],
};

function isPart(part: JsonValue): part is JsonObject {
  return (
    isJsonObject(part) &&
    typeof part["type"] === "string" &&
    (partText[part["type"]] ?? []).every((name) => typeof part[name] === "string") &&
    (part["type"] !== "tool-result" || isJsonObject(part["output"]))
  );
}

/** Splits a message with several tool results, as old Agno databases hold them, into one message each. */
export function separateResults(message: Message): Message[] {
  if (message.role !== "tool" || (message.toolCallId ?? null) !== null || !Array.isArray(message.toolCalls)) {
    return [message];
  }
  return message.toolCalls.filter(isJsonObject).map((call): Message => ({
    role: "tool",
    toolCallId: typeof call["tool_call_id"] === "string" ? call["tool_call_id"] : null,
    toolName: typeof call["tool_name"] === "string" ? call["tool_name"] : null,
    content: call["content"] ?? null,
  }));
}

/** Returns a part with its URL or bytes as text. Media may be large, so this is done once. */
function withTextData(part: Part): Part {
  if (part.type === "image") {
    return { ...part, image: textOfData(part.image) };
  }
  if (!("data" in part)) {
    return part;
  }
  const data = untagged(part.data);
  return data === null ? part : { ...part, data: textOfData(data) };
}

/** Returns parts as JSON keeps them, to be compared with the restored ones. */
function normalized(content: readonly Part[]): unknown[] {
  const json = jsonOf(content);
  return Array.isArray(json) ? json : [];
}

function contentParts(content: ModelMessage["content"]): unknown[] {
  return typeof content === "string" ? [{ type: "text", text: content }] : content;
}
