import type { JsonObject } from "@sessiondb/core";
import * as ai from "ai";
import type { AssistantModelMessage, ModelMessage, StepResult, ToolSet } from "ai";

// Where versions 6 and 7 of the AI SDK differ.

const isVersion7 = "isStepCount" in ai;

/** Returns the messages of a generation after a further step. */
export function messagesAfter(before: readonly ModelMessage[], { response }: StepResult<ToolSet>): ModelMessage[] {
  // In 6 a step has the messages of all steps until then, in 7 its own.
  return isVersion7 ? [...before, ...response.messages] : [...response.messages];
}

const partTypes = ["text", "reasoning", "image", "file", "tool-call", "tool-result", "tool-approval-request"];
const partTypesOf7 = [...partTypes, "reasoning-file", "custom"];

/** Returns whether this version knows a kept part of a message: a session may hold those that another one has written. */
export function isKnownPart({ type, data, media }: JsonObject): boolean {
  // Only 7 knows files that the provider holds.
  const isElsewhere = type === "file" && !Array.isArray(media) && typeof data !== "string";
  const types = isVersion7 ? partTypesOf7 : partTypes;
  return types.some((each) => each === type) && (isVersion7 || !isElsewhere);
}

/** Returns the part of a message for a part of a stream that only version 7 knows; none for any other. */
export function partOf7(part: object): Exclude<AssistantModelMessage["content"], string>[number][] {
  const { type, kind, file, providerMetadata } = part as {
    readonly type: string;
    readonly kind?: string;
    readonly file?: { readonly base64: string; readonly mediaType: string };
    readonly providerMetadata?: object;
  };
  const content =
    type === "custom"
      ? { kind }
      : type === "reasoning-file"
        ? { data: file?.base64, mediaType: file?.mediaType }
        : null;
  return content === null
    ? []
    : [{ type, ...content, ...(providerMetadata && { providerOptions: providerMetadata }) } as never];
}

/** Returns whether a text without letters is part of a message. */
export function isKeptText({
  text,
  providerMetadata,
}: {
  readonly text: string;
  readonly providerMetadata?: object | undefined;
}): boolean {
  return text !== "" || (isVersion7 && providerMetadata !== undefined);
}

/** Returns what a page shows of a tool's error by default: version 6 hides it. */
export function shownError(text: string): string {
  return isVersion7 ? text : "An error occurred.";
}

/** The field of a call in which a page has an input that the tool's schema refused. */
export const refusedInput = isVersion7 ? "input" : "rawInput";

/** Returns whether a request for approval waits for a person: version 7 also records those that it decides itself. */
export function isForPerson(request: object): boolean {
  return !("isAutomatic" in request && request.isAutomatic === true);
}

/** Returns the data of a file part without the tag of version 7: text, bytes or a URL; null for a provider's reference. */
export function untagged(data: unknown): unknown {
  if (typeof data === "string" || data instanceof URL || data instanceof ArrayBuffer || ArrayBuffer.isView(data)) {
    return data;
  }
  const tagged = (data ?? {}) as { readonly type?: unknown } & Readonly<
    Partial<Record<"data" | "url" | "text", unknown>>
  >;
  switch (tagged.type) {
    case "data":
      return tagged.data;
    case "url":
      return tagged.url;
    case "text":
      return Buffer.from(String(tagged.text)).toString("base64");
    default:
      return null;
  }
}
