import type { JsonObject } from "../json.ts";
import { audioKeys, fileKeys, imageKeys, videoKeys } from "./agno-reads.ts";
import { Shape, type FieldTable } from "./shape.ts";

/**
 * An image, audio clip, video or file. Exactly one of `url`, `filepath`, `content` and `mediaReference` says where the
 * data is (a file may have only an `id`); Agno does not load media that has none or two.
 */
export interface Media {
  id?: string | null;
  url?: string | null;
  filepath?: string | null;
  /** Base64, except for files of a `text/*` type, where it is the text. */
  content?: string | null;
  /** The place of the data in an external media storage: `media_id`, `storage_key` and more. Agno 3 only. */
  mediaReference?: JsonObject | null;
  format?: string | null;
  mimeType?: string | null;
  metadata?: JsonObject | null;
  /** Images. */
  detail?: string | null;
  /** Images. */
  altText?: string | null;
  /** Generated images and videos. */
  originalPrompt?: string | null;
  /** Generated images and videos. */
  revisedPrompt?: string | null;
  /** Audio and video, in seconds. */
  duration?: number | null;
  /** Audio, in hertz. */
  sampleRate?: number | null;
  /** Audio. */
  channels?: number | null;
  /** Audio. */
  transcript?: string | null;
  /** Audio. Unix seconds. */
  expiresAt?: number | null;
  /** Video, in pixels. */
  width?: number | null;
  /** Video, in pixels. */
  height?: number | null;
  /** Video, in frames per second. */
  fps?: number | null;
  /** Video: the expected end of the generation, as the provider words it. */
  eta?: string | null;
  /** Files. */
  fileType?: string | null;
  /** Files. */
  filename?: string | null;
  /** Files. */
  name?: string | null;
  /** Files, in bytes. */
  size?: number | null;
  extra?: JsonObject;
}

const fields: FieldTable<Media> = {
  id: "string",
  url: "string",
  filepath: "string",
  content: "string",
  media_reference: "object",
  format: "string",
  mime_type: "string",
  metadata: "object",
  detail: "string",
  alt_text: "string",
  original_prompt: "string",
  revised_prompt: "string",
  duration: "number",
  sample_rate: "number",
  channels: "number",
  transcript: "string",
  expires_at: "number",
  width: "number",
  height: "number",
  fps: "number",
  eta: "string",
  file_type: "string",
  filename: "string",
  name: "string",
  size: "number",
};

/** Each kind has the keys of all kinds. Agno accepts anything under a key that its own kind lacks. */
export const imageShape = new Shape<Media>(fields, { reads: imageKeys, mayBeRefused: true });
export const audioShape = new Shape<Media>(fields, { reads: audioKeys, mayBeRefused: true });
export const videoShape = new Shape<Media>(fields, { reads: videoKeys, mayBeRefused: true });

export const fileShape = new Shape<Media>(fields, {
  reads: fileKeys,
  mayBeRefused: true,
  // Tells Agno whether the content is text or base64.
  shown: { mime_type: (type) => (typeof type === "string" && type.startsWith("text/") ? "text/plain" : undefined) },
});

/** The media of a run, of a step's output, and of a message. */
export const mediaLists = {
  images: { listOf: imageShape },
  videos: { listOf: videoShape },
  audio: { listOf: audioShape },
  files: { listOf: fileShape },
};
