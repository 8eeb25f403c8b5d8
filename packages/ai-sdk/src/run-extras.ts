import type { AgentRun, JsonObject, JsonValue, Message, TeamRun } from "@sessiondb/core";
import { isJsonObject } from "@sessiondb/core/adapter";
import { mediaParts } from "./stored-media.ts";
import { fileOf, sourceOf, type UIPart } from "./ui-parts.ts";

// What Agno keeps with a run rather than with its messages.

/** Returns the files that a run made, without those among the parts of its answer. */
export function madeFiles(run: AgentRun | TeamRun, shown: readonly UIPart[]): UIPart[] {
  const { images, videos, audio, files } = run;
  const lists = { role: "assistant", images, videos, audio, files } as Message;
  const known = new Set(shown.map(({ url }) => url));
  return mediaParts(lists)
    .flatMap((part) => fileOf(part as unknown as JsonObject))
    .filter(({ url }) => !known.has(url));
}

/** Returns the sources that a run cites, unless its answer has them where they came. */
export function citedSources({ runId, citations }: AgentRun | TeamRun, shown: readonly UIPart[]): UIPart[] {
  const urls = isJsonObject(citations ?? null) ? (citations as JsonObject)["urls"] : null;
  const isShown = shown.some(({ type }) => type === "source-url" || type === "source-document");
  return isShown || !Array.isArray(urls)
    ? []
    : urls
        .filter((cited: JsonValue): cited is JsonObject => isJsonObject(cited))
        .flatMap(({ url = null, title = null }, index) =>
          sourceOf({ sourceType: "url", id: `${runId}:source:${index}`, url, title }),
        );
}
