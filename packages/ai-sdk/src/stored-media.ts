import type { JsonObject, JsonValue, Media, Message } from "@sessiondb/core";
import { isJsonObject } from "@sessiondb/core/adapter";
import type { FilePart, ImagePart } from "ai";
import { kept } from "./stored-json.ts";

/** The lists of a stored message that hold media. */
export type MediaList = "images" | "audio" | "videos" | "files";
export const mediaLists = ["images", "audio", "videos", "files"] as const;

type MediaPart = ImagePart | FilePart;

/** The file types that Agno accepts. It refuses a message with any other, so other files are stored without a type. */
const fileTypes: ReadonlySet<string> = new Set([
  "application/json",
  "application/pdf",
  "text/css",
  "text/csv",
  "text/html",
  "text/javascript",
  "text/markdown",
  "text/plain",
  "text/xml",
]);

/** Converts a media part to Agno's stored form (a URL, base64 or text), and returns the list it belongs to. */
export function toStoredMedia(part: MediaPart): { readonly list: MediaList; readonly media: Media } {
  const mediaType = part.mediaType ?? (part.type === "image" ? undefined : "application/octet-stream");
  const list = part.type === "image" ? "images" : listOf(mediaType ?? "");
  const { url, content, type } = contentOf(part.type === "image" ? part.image : part.data);
  const mimeType = mediaType ?? type;
  const filename = part.type === "file" ? part.filename : undefined;
  const media: Media = url === null ? { content } : { url };
  if (mimeType !== undefined && (list !== "files" || fileTypes.has(mimeType))) {
    const text = list === "files" && content !== null && mimeType.startsWith("text/") ? textIn(content) : null;
    if (text !== null) {
      // Agno stores text files as plain text.
      return { list, media: { content: text, mimeType, ...(filename !== undefined && { filename }) } };
    }
    if (list !== "files" || !mimeType.startsWith("text/")) {
      media.mimeType = mimeType;
    }
  }
  if (filename !== undefined) {
    media.filename = filename;
  }
  return { list, media };
}

/** Converts stored media to a part; null if the content is not here. */
export function toMediaPart(list: MediaList, media: Media): MediaPart | null {
  const data = dataOf(list, media);
  if (data === null) {
    return null;
  }
  const mediaType = media.mimeType ?? undefined;
  if (list === "images") {
    return { type: "image", image: data, ...(mediaType !== undefined && { mediaType }) };
  }
  const filename = media.filename ?? undefined;
  const otherwise = { audio: "audio/wav", videos: "video/mp4", files: "application/octet-stream" }[list];
  return { type: "file", data, mediaType: mediaType ?? otherwise, ...(filename !== undefined && { filename }) };
}

/** Returns the media of a stored message as parts. */
export function mediaParts(message: Message): MediaPart[] {
  return mediaLists.flatMap((list) => {
    const stored = message[list];
    return Array.isArray(stored) ? stored.flatMap((media) => toMediaPart(list, media) ?? []) : [];
  });
}

/** Returns a stored message without its media, and without those that are kept beside Agno's fields. */
export function withoutMedia(message: Message): Message {
  const { images: _images, audio: _audio, videos: _videos, files: _files, audioOutput: _output, ...rest } = message;
  const own = kept(message);
  return own === null ? rest : { ...rest, providerData: { ...rest.providerData, ai_sdk: withoutMediaParts(own) } };
}

function withoutMediaParts({ parts, output, ...rest }: JsonObject): JsonObject {
  const left = Array.isArray(parts) ? parts.filter((part) => !isMedium(part)) : [];
  return {
    ...rest,
    ...(left.length > 0 && { parts: left }),
    ...(output !== undefined && { output: withoutMediaOutput(output) }),
  };
}

function isMedium(part: JsonValue): boolean {
  return (
    isJsonObject(part) && (part["type"] === "image" || part["type"] === "file" || part["type"] === "reasoning-file")
  );
}

/** Names the media among what a tool returned, as the text of its message does. */
function withoutMediaOutput(output: JsonValue): JsonValue {
  if (!isJsonObject(output) || output["type"] !== "content" || !Array.isArray(output["value"])) {
    return output;
  }
  const value = output["value"].map((part) =>
    isJsonObject(part) && typeof part["type"] === "string" && part["type"] !== "text"
      ? { type: "text", text: `[${part["type"]}]` }
      : part,
  );
  return { ...output, value };
}

/** Converts content of any kind that the AI SDK takes to text: a URL, or base64. */
export function textOfData(data: unknown): string {
  if (data instanceof URL) {
    return data.href;
  }
  if (typeof data === "string") {
    return data;
  }
  if (data instanceof ArrayBuffer) {
    return Buffer.from(data).toString("base64");
  }
  return ArrayBuffer.isView(data) ? Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("base64") : "";
}

function contentOf(data: unknown): { url: string | null; content: string | null; type?: string } {
  const text = textOfData(data);
  const inline = /^data:([^;,]*)(?:;[^,]*)?;base64,/.exec(text);
  if (inline !== null) {
    const [head, type = ""] = inline;
    return { url: null, content: text.slice(head.length), ...(type !== "" && { type }) };
  }
  return /^[a-z][a-z0-9+.-]*:/i.test(text) ? { url: text, content: null } : { url: null, content: text };
}

function dataOf(list: MediaList, media: unknown): string | null {
  if (typeof media !== "object" || media === null) {
    return null;
  }
  const { url, content, mimeType } = media as Media;
  if (typeof content === "string" && content !== "") {
    const isText = list === "files" && typeof mimeType === "string" && mimeType.startsWith("text/");
    return isText ? Buffer.from(content, "utf8").toString("base64") : content;
  }
  return typeof url === "string" && url !== "" ? url : null;
}

/** Decodes base64 to text; null for bytes that are not text, and for text that databases cannot store. */
function textIn(base64: string): string | null {
  const text = Buffer.from(base64, "base64").toString("utf8");
  return text.includes("\0") || Buffer.from(text).toString("base64") !== base64 ? null : text;
}

function listOf(mediaType: string): MediaList {
  const [kind] = mediaType.split("/");
  return kind === "image" ? "images" : kind === "audio" ? "audio" : kind === "video" ? "videos" : "files";
}
