import { isDeepStrictEqual } from "node:util";
import type { JsonObject, JsonValue, Message } from "@sessiondb/core";
import { isJsonObject } from "@sessiondb/core/adapter";
import { jsonOf } from "@sessiondb/turns";
import type { UIMessage } from "ai";
import { shownKey } from "./stored-json.ts";
import { questionOf } from "./ui-messages.ts";

/** Returns the stored form of a page's question, with its id, and with what the other fields do not tell, such as data. */
export function withShownQuestion(message: Message, shown: UIMessage): Message {
  const parts = questionOf({ ...message, id: shown.id }, shown.id).parts;
  return withShown(message, shown, !isDeepStrictEqual(parts, jsonOf(shown.parts)));
}

/** Returns a stored message with the id and the metadata of the page's, and with its parts as they were shown if asked for. */
export function withShown(message: Message, shown: UIMessage, keepsParts: boolean): Message {
  const { parts, metadata } = jsonOf(shown) as { readonly parts: JsonValue[]; readonly metadata?: JsonValue };
  const kept: JsonObject = { ...(keepsParts && { parts }), ...(metadata !== undefined && { metadata }) };
  const own = message.providerData?.["ai_sdk"];
  return {
    ...message,
    id: shown.id,
    ...(Object.keys(kept).length > 0 && {
      providerData: { ...message.providerData, ai_sdk: { ...(isJsonObject(own) && own), [shownKey]: kept } },
    }),
  };
}
