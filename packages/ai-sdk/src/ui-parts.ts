import type { JsonObject, JsonValue } from "@sessiondb/core";
import { isJsonObject } from "@sessiondb/core/adapter";

// Parts of a page's messages, made of parts of stored ones.

/** A part of a message of the AI SDK's UI, of any of its versions. */
export type UIPart = { type: string } & JsonObject;

/** Returns a text, and "" for anything else. */
export function textOrNone(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : "";
}

/** Returns the file that a page shows; none if its content is not here. */
export function fileOf(part: JsonObject): UIPart[] {
  const { mediaType, filename } = part;
  const url = fileUrl(part);
  return url === null
    ? []
    : [
        {
          type: "file",
          mediaType: typeof mediaType === "string" ? mediaType : typeIn(url),
          url,
          ...(typeof filename === "string" && { filename }),
          ...providerMetadata(part),
        },
      ];
}

/** Returns a source that the model named; none if it is incomplete. */
export function sourceOf(part: JsonObject): UIPart[] {
  const { id, sourceType, url, title, mediaType, filename } = part;
  const sourceId = typeof id === "string" ? id : JSON.stringify(id ?? null);
  const metadata = metadataIn(part["providerMetadata"]);
  if (sourceType === "url" && typeof url === "string") {
    return [{ type: "source-url", sourceId, url, ...texts({ title }), ...metadata }];
  }
  return sourceType === "document" && typeof mediaType === "string" && typeof title === "string"
    ? [{ type: "source-document", sourceId, mediaType, title, ...texts({ filename }), ...metadata }]
    : [];
}

/** Returns a part that only version 7 of the AI SDK shows. */
export function laterPart(part: JsonObject): UIPart[] {
  const { type, kind } = part;
  if (type === "custom") {
    return typeof kind === "string" ? [{ type, kind, ...providerMetadata(part) }] : [];
  }
  return fileOf(part).map((file) => ({ ...file, type: "reasoning-file" }));
}

/** Returns what the provider added to a part. */
export function providerMetadata(part: JsonObject): { readonly providerMetadata?: JsonValue } {
  return metadataIn(part["providerOptions"]);
}

/** Whatever is no map of objects would make a message invalid. */
export function metadataIn(value: JsonValue | undefined): { readonly providerMetadata?: JsonObject } {
  return isJsonObject(value) && Object.values(value).every(isJsonObject) ? { providerMetadata: value } : {};
}

function fileUrl({ type, data, image, mediaType }: JsonObject): string | null {
  const content = type === "image" ? image : data;
  if (typeof content !== "string" || content === "") {
    return null;
  }
  const isUrl = /^[a-z][a-z0-9+.-]*:/i.test(content);
  const otherwise = type === "image" ? "image/png" : "application/octet-stream";
  return isUrl ? content : `data:${typeof mediaType === "string" ? mediaType : otherwise};base64,${content}`;
}

function typeIn(url: string): string {
  return /^data:([^;,]+)/.exec(url)?.[1] ?? "image/*";
}

function texts(values: Readonly<Record<string, JsonValue | undefined>>): JsonObject {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => typeof value === "string")) as JsonObject;
}
