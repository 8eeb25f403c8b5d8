import type { JsonObject, JsonValue, Metrics, Run } from "@sessiondb/core";
import { isJsonObject } from "@sessiondb/core/adapter";

/** Agno's token counts, in Agno's order. Its JSON omits those that are zero. */
const counts = [
  "input_tokens",
  "output_tokens",
  "total_tokens",
  "cache_read_tokens",
  "cache_write_tokens",
  "reasoning_tokens",
] as const;

export type TokenCounts = Partial<Record<(typeof counts)[number], number>>;

/** Adds token counts, and omits zeros as Agno does. */
export function addCounts(left: TokenCounts, right: TokenCounts): TokenCounts {
  const sum: TokenCounts = {};
  for (const name of counts) {
    const value = (left[name] ?? 0) + (right[name] ?? 0);
    if (value > 0) {
      sum[name] = value;
    }
  }
  return sum;
}

/** Returns session data with metrics added to those of the session. */
export function withMetrics(sessionData: JsonObject, metrics: readonly Metrics[]): JsonObject {
  const before = sessionData["session_metrics"];
  const sum = metrics
    .filter(({ totalTokens }) => (totalTokens ?? 0) > 0)
    .reduce<JsonValue | undefined>((total, each) => addMetrics(total, each), before);
  return sum === undefined ? sessionData : { ...sessionData, session_metrics: sum };
}

/** Returns the metrics of a run; none for a workflow's, which are those of the runs inside it. */
export function metricsOf(run: Run): Metrics[] {
  return run.runType === "workflow" || !run.metrics ? [] : [run.metrics];
}

/** Adds the metrics of a run to those of its session, which are in Agno's JSON format. */
function addMetrics(stored: JsonValue | undefined, run: Metrics): JsonObject {
  const session = isJsonObject(stored) ? stored : {};
  const added: TokenCounts = {
    input_tokens: run.inputTokens ?? 0,
    output_tokens: run.outputTokens ?? 0,
    total_tokens: run.totalTokens ?? 0,
    cache_read_tokens: run.cacheReadTokens ?? 0,
    cache_write_tokens: run.cacheWriteTokens ?? 0,
    reasoning_tokens: run.reasoningTokens ?? 0,
  };
  const details = addDetails(session["details"], run.details ?? {});
  return {
    ...session,
    ...addCounts(numbersOf(session), added),
    ...addCosts(session["cost"], run.cost),
    ...(Object.keys(details).length > 0 && { details }),
  };
}

/** Adds costs that are known, as Agno does. */
function addCosts(left: JsonValue | undefined, right: JsonValue | undefined): { readonly cost?: number } {
  const known = [left, right].filter((cost) => typeof cost === "number");
  return known.length === 0 ? {} : { cost: known.reduce((sum, cost) => sum + cost, 0) };
}

/** Sums `{ <use>: [{ id, provider, tokens …, cost }] }` per use and model. */
export function addDetails(stored: JsonValue | undefined, added: JsonObject): JsonObject {
  const details: JsonObject = isJsonObject(stored) ? { ...stored } : {};
  for (const [use, models] of Object.entries(added)) {
    const known = details[use];
    const sums: JsonValue[] = Array.isArray(known) ? [...known] : [];
    for (const model of Array.isArray(models) ? models.filter(isJsonObject) : []) {
      const at = sums.findIndex(
        (sum) => isJsonObject(sum) && sum["id"] === model["id"] && sum["provider"] === model["provider"],
      );
      const sum = sums[at];
      if (isJsonObject(sum)) {
        sums[at] = { ...sum, ...addCounts(numbersOf(sum), numbersOf(model)), ...addCosts(sum["cost"], model["cost"]) };
      } else {
        sums.push(model);
      }
    }
    details[use] = sums;
  }
  return details;
}

function numbersOf(json: JsonObject): TokenCounts {
  return Object.fromEntries(counts.map((name) => [name, typeof json[name] === "number" ? json[name] : 0]));
}
