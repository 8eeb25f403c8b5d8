import type { AgentRun, JsonObject, JsonValue, TeamRun } from "@sessiondb/core";
import { isJsonObject } from "@sessiondb/core/adapter";
import { jsonOf } from "@sessiondb/turns";
import type { Source } from "./said-in-step.ts";

/** Returns sources as they are stored, with all that a UI shows of them. Agno's citations have no ids. */
export function storedSources(sources: readonly Source[]): JsonObject[] {
  return sources.map((source) => ({
    source_type: source.sourceType,
    id: source.id,
    ...(source.sourceType === "url" && { url: source.url }),
    ...(source.sourceType === "document" && { media_type: source.mediaType }),
    ...(source.title !== undefined && { title: source.title }),
    ...(source.sourceType === "document" && source.filename !== undefined && { filename: source.filename }),
    ...(source.providerMetadata !== undefined && { provider_metadata: jsonOf(source.providerMetadata) }),
  }));
}

/** Returns the sources of a stored run; none of one that Agno ran. */
export function sourcesOf({ modelProviderData }: AgentRun | TeamRun): Source[] {
  const stored = modelProviderData?.["sources"];
  return (Array.isArray(stored) ? stored : []).flatMap((each) => sourceOf(each) ?? []);
}

function sourceOf(stored: JsonValue): Source | null {
  if (!isJsonObject(stored) || typeof stored["id"] !== "string") {
    return null;
  }
  const {
    source_type: sourceType,
    id,
    url,
    title,
    media_type: mediaType,
    filename,
    provider_metadata: metadata,
  } = stored;
  const more = isJsonObject(metadata ?? null) ? { providerMetadata: metadata } : {};
  if (sourceType === "url" && typeof url === "string") {
    const titled = typeof title === "string" ? { title } : {};
    return { type: "source", sourceType, id, url, ...titled, ...more } as Source;
  }
  if (sourceType === "document" && typeof mediaType === "string" && typeof title === "string") {
    const named = typeof filename === "string" ? { filename } : {};
    return { type: "source", sourceType, id, mediaType, title, ...named, ...more } as Source;
  }
  return null;
}

/** Returns Agno's citations of a run with further sources. */
export function citationsWith(before: JsonValue | undefined, sources: readonly Source[]): JsonObject {
  const known = isJsonObject(before ?? null) ? (before as JsonObject) : {};
  const listed = (name: string): JsonValue[] => (Array.isArray(known[name]) ? known[name] : []);
  const urls = sources.flatMap((source) =>
    source.sourceType === "url" ? [{ url: source.url, title: source.title ?? null }] : [],
  );
  const documents = sources.flatMap((source) =>
    source.sourceType === "document" ? [{ document_title: source.title, file_name: source.filename ?? null }] : [],
  );
  return {
    ...known,
    ...(urls.length > 0 && { urls: [...listed("urls"), ...urls] }),
    ...(documents.length > 0 && { documents: [...listed("documents"), ...documents] }),
  };
}
