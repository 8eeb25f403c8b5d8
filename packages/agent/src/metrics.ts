import type { JsonObject, JsonValue, Metrics } from "@sessiondb/core";
import type { LanguageModelUsage } from "ai";
import { isObject } from "./stored-json.ts";

/** What one model used, over all steps of a run. */
export interface ModelUsage {
  readonly id: string;
  readonly provider: string;
  readonly usage: readonly LanguageModelUsage[];
}

/** The columns of Agno's token counts, in its order. It leaves out those that are zero. */
const counts = [
  "input_tokens",
  "output_tokens",
  "total_tokens",
  "cache_read_tokens",
  "cache_write_tokens",
  "reasoning_tokens",
] as const;
type Counts = Partial<Record<(typeof counts)[number], number>>;

/** The metrics of a run: its tokens, in all and by model, and its times in seconds. */
export function runMetrics(
  { id, provider, usage }: ModelUsage,
  times: { readonly duration: number; readonly timeToFirstToken: number | null },
): Metrics {
  const used = usage.map(countsOf).reduce(plus, {});
  return {
    inputTokens: used.input_tokens ?? 0,
    outputTokens: used.output_tokens ?? 0,
    totalTokens: used.total_tokens ?? 0,
    ...(used.cache_read_tokens !== undefined && { cacheReadTokens: used.cache_read_tokens }),
    ...(used.cache_write_tokens !== undefined && { cacheWriteTokens: used.cache_write_tokens }),
    ...(used.reasoning_tokens !== undefined && { reasoningTokens: used.reasoning_tokens }),
    duration: times.duration,
    ...(times.timeToFirstToken !== null && { timeToFirstToken: times.timeToFirstToken }),
    ...(usage.length > 0 && { details: { model: [{ id, provider, ...used }] } }),
  };
}

/** The metrics of a session with those of one run more; both in Agno's JSON. */
export function addMetrics(stored: JsonValue | undefined, run: Metrics): JsonObject {
  const session = isObject(stored) ? stored : {};
  const added: Counts = {
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
    ...plus(numbersOf(session), added),
    ...(Object.keys(details).length > 0 && { details }),
  };
}

/** `{ <use>: [{ id, provider, tokens … }] }`: summed for each model within each use. */
function addDetails(stored: JsonValue | undefined, added: JsonObject): JsonObject {
  const details: JsonObject = isObject(stored) ? { ...stored } : {};
  for (const [use, models] of Object.entries(added)) {
    const known = details[use];
    const sums: JsonValue[] = Array.isArray(known) ? [...known] : [];
    for (const model of Array.isArray(models) ? models.filter(isObject) : []) {
      const at = sums.findIndex(
        (sum) => isObject(sum) && sum["id"] === model["id"] && sum["provider"] === model["provider"],
      );
      const sum = sums[at];
      if (isObject(sum)) {
        sums[at] = { ...sum, ...plus(numbersOf(sum), numbersOf(model)) };
      } else {
        sums.push(model);
      }
    }
    details[use] = sums;
  }
  return details;
}

function countsOf(usage: LanguageModelUsage): Counts {
  const input = usage.inputTokens ?? 0;
  const output = usage.outputTokens ?? 0;
  return plus(
    {},
    {
      input_tokens: input,
      output_tokens: output,
      total_tokens: usage.totalTokens ?? input + output,
      cache_read_tokens: usage.inputTokenDetails.cacheReadTokens ?? 0,
      cache_write_tokens: usage.inputTokenDetails.cacheWriteTokens ?? 0,
      reasoning_tokens: usage.outputTokenDetails.reasoningTokens ?? 0,
    },
  );
}

function numbersOf(json: JsonObject): Counts {
  return Object.fromEntries(counts.map((name) => [name, typeof json[name] === "number" ? json[name] : 0]));
}

function plus(left: Counts, right: Counts): Counts {
  const sum: Counts = {};
  for (const name of counts) {
    const value = (left[name] ?? 0) + (right[name] ?? 0);
    if (value > 0) {
      sum[name] = value;
    }
  }
  return sum;
}
