import { APICallError, createDownload, UnsupportedFunctionalityError } from "ai";
import type { LanguageModel, ModelMessage } from "ai";
import type { GenerationSettings } from "./generation.ts";
import { wrappedModel } from "./wrapped-model.ts";

/** What the messages of the AI SDK, and of the prompts that it makes of them, have in common. */
interface MessageLike {
  readonly role: string;
  readonly content: unknown;
}

export interface Part {
  readonly type: string;
  readonly mediaType?: string;
  readonly data?: unknown;
  readonly image?: unknown;
  readonly url?: unknown;
  readonly output?: { readonly type: string; readonly value: unknown };
}

interface MediaRequest {
  readonly model: LanguageModel;
  readonly settings: GenerationSettings;
  readonly history: readonly ModelMessage[];
  /** The messages of this turn. Their media must be had. */
  readonly input: readonly ModelMessage[];
  readonly signal: AbortSignal;
}

/** The status codes with which providers refuse a medium. */
const refusals: ReadonlySet<number | undefined> = new Set([400, 413, 415, 422]);

/**
 * Returns the model and the settings for a run whose history may have media. Media of the history that can no longer be
 * fetched, or that the model refuses, become text that says so; otherwise an old link would fail every later turn. If
 * all is well, nothing is requested twice.
 */
export function tolerantOfHistory(request: MediaRequest): Pick<MediaRequest, "model" | "settings"> {
  const { model, settings, history, input, signal } = request;
  const links = linksIn(history);
  if (links === null) {
    return { model, settings };
  }
  const needed = linksIn(input) ?? new Set();
  const gone = new Set<string>();
  const { experimental_download: download = defaultDownload(signal) } = settings;
  let isRefused = false;
  const shown = (prompt: readonly MessageLike[]): readonly MessageLike[] =>
    withoutMedia(
      prompt,
      isRefused
        ? { before: prompt.findLastIndex(({ role }) => role === "user") }
        : { only: (part) => gone.has(linkOf(part) ?? "") },
    );
  return {
    model: asking(model, async (ask, prompt) => {
      try {
        return await ask(shown(prompt));
      } catch (error) {
        if (isRefused || !isRefusal(error)) {
          throw error;
        }
        isRefused = true;
        return ask(shown(prompt));
      }
    }),
    settings: {
      ...settings,
      experimental_download: (files) =>
        Promise.all(
          files.map(async (file) => {
            const { href } = file.url;
            try {
              return gone.has(href) ? null : ((await download([file]))[0] ?? null);
            } catch (error) {
              if (!links.has(href) || needed.has(href)) {
                throw error;
              }
              gone.add(href);
              return null;
            }
          }),
        ),
    },
  };
}

/** Returns messages with a text in place of each medium, or of some of them, or in some of the messages. */
export function withoutMedia<Message extends MessageLike>(
  messages: readonly Message[],
  { before = messages.length, only = () => true }: { before?: number; only?: (part: Part) => boolean } = {},
): Message[] {
  const replaced = (part: Part): Part | { type: "text"; text: string } => {
    if (isMedium(part)) {
      return only(part) ? { type: "text", text: `[${kindOf(part)} not available]` } : part;
    }
    return part.output?.type === "content"
      ? { ...part, output: { ...part.output, value: partsOf(part.output.value).map(replaced) } }
      : part;
  };
  return messages.map((message, index) =>
    index < before && Array.isArray(message.content)
      ? { ...message, content: partsOf(message.content).map(replaced) }
      : message,
  );
}

type Ask = (prompt: readonly MessageLike[]) => unknown;

/** Returns a model that is asked by way of `how`. */
function asking(
  model: LanguageModel,
  how: (ask: Ask, prompt: readonly MessageLike[]) => Promise<unknown>,
): LanguageModel {
  return wrappedModel(model, (call, options) =>
    how((prompt) => call({ ...options, prompt }), (options as { readonly prompt: readonly MessageLike[] }).prompt),
  );
}

function isRefusal(error: unknown): boolean {
  return (
    UnsupportedFunctionalityError.isInstance(error) ||
    (APICallError.isInstance(error) && !error.isRetryable && refusals.has(error.statusCode))
  );
}

/** As the AI SDK downloads by itself. */
function defaultDownload(abortSignal: AbortSignal): NonNullable<GenerationSettings["experimental_download"]> {
  const download = createDownload();
  return (files) =>
    Promise.all(
      files.map(async ({ url, isUrlSupportedByModel }) =>
        isUrlSupportedByModel ? null : download({ url, abortSignal }),
      ),
    );
}

/** Returns the links of media in messages; null if there are no media. */
function linksIn(messages: readonly ModelMessage[]): ReadonlySet<string> | null {
  const media = mediaIn(messages);
  return media.length === 0 ? null : new Set(media.flatMap((part) => linkOf(part) ?? []));
}

/** Returns the media in messages, and in the results of tools there. */
export function mediaIn(messages: readonly ModelMessage[]): readonly Part[] {
  return messages.flatMap(({ content }) =>
    partsOf(content).flatMap((part) =>
      [part, ...(part.output?.type === "content" ? partsOf(part.output.value) : [])].filter(isMedium),
    ),
  );
}

export function partsOf(content: unknown): readonly Part[] {
  const isPart = (part: unknown): part is Part =>
    typeof part === "object" && part !== null && "type" in part && typeof part.type === "string";
  return Array.isArray(content) ? content.filter(isPart) : [];
}

export function isMedium({ type }: Part): boolean {
  return /^(image|file|media)\b/.test(type);
}

function kindOf({ type, mediaType = type }: Part): string {
  return /^(image|audio|video)/.exec(mediaType)?.[0] ?? "file";
}

/** Returns the link to a medium in its canonical form; null if its content is here. */
function linkOf({ data, image, url }: Part): string | null {
  const source = url ?? image ?? data;
  if (typeof source === "object" && source !== null && "url" in source) {
    return linkOf({ type: "file", url: source.url });
  }
  const link = source instanceof URL ? source.href : typeof source === "string" ? source : null;
  return link !== null && /^https?:/i.test(link) && URL.canParse(link) ? new URL(link).href : null;
}
