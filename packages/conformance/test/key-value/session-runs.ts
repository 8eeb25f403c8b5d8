import type { RunsWanted } from "@sessiondb/core/adapter";
import { prefixOf, storedRun, type StoredRun } from "./layout.ts";
import type { Reader } from "./reader.ts";

/** The runs of sessions, each in its order, in one request. The newest n that history uses are read without the others. */
export async function runsOfSessions(
  reader: Reader,
  sessionIds: readonly string[],
  wanted: Exclude<RunsWanted, "none">,
): Promise<StoredRun[][]> {
  const kinds = wanted === "all" ? ["history", "other"] : ["history"];
  const ranges = sessionIds.flatMap((sessionId) =>
    kinds.map((kind) => ({
      prefix: prefixOf("place", sessionId, kind),
      ...(wanted !== "all" && { reverse: true, limit: wanted }),
    })),
  );
  const answers = await reader.scan(ranges);
  return sessionIds.map((_, index) =>
    answers
      .slice(index * kinds.length, (index + 1) * kinds.length)
      .flat()
      .flatMap((entry) => storedRun(entry) ?? [])
      .toSorted((a, b) => a.place - b.place),
  );
}
