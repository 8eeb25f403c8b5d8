import type { Metrics } from "@sessiondb/core";
import { addCounts, addDetails, type TokenCounts } from "@sessiondb/turns";
import type { LanguageModelUsage, StepResult, ToolSet } from "ai";

/** The usage of one model in the steps of a run. */
export interface ModelUsage {
  readonly id: string;
  readonly provider: string;
  readonly usage: readonly LanguageModelUsage[];
  /** Agno's word for the purpose of the model. Default `model`. */
  readonly use?: string;
}

/** Returns the metrics of a run: its tokens, in total and by model, and its times in seconds. */
export function runMetrics(
  { id, provider, usage, use = "model" }: ModelUsage,
  times: { readonly duration: number; readonly timeToFirstToken: number | null },
): Metrics {
  const used = usage.map(countsOf).reduce<TokenCounts>(addCounts, {});
  return {
    inputTokens: used.input_tokens ?? 0,
    outputTokens: used.output_tokens ?? 0,
    totalTokens: used.total_tokens ?? 0,
    ...(used.cache_read_tokens !== undefined && { cacheReadTokens: used.cache_read_tokens }),
    ...(used.cache_write_tokens !== undefined && { cacheWriteTokens: used.cache_write_tokens }),
    ...(used.reasoning_tokens !== undefined && { reasoningTokens: used.reasoning_tokens }),
    duration: times.duration,
    ...(times.timeToFirstToken !== null && { timeToFirstToken: times.timeToFirstToken }),
    ...(usage.length > 0 && { details: { [use]: [{ id, provider, ...used }] } }),
  };
}

const sums = [
  "inputTokens",
  "outputTokens",
  "totalTokens",
  "audioInputTokens",
  "audioOutputTokens",
  "audioTotalTokens",
  "cacheReadTokens",
  "cacheWriteTokens",
  "reasoningTokens",
  "cost",
  "duration",
] as const;

/** Returns the metrics of a run that went on after a pause, from those before it and those since. */
export function continuedMetrics(before: Metrics, since: Metrics): Metrics {
  const total: Metrics = { ...since, ...before };
  for (const name of sums) {
    if (typeof before[name] === "number" || typeof since[name] === "number") {
      total[name] = (before[name] ?? 0) + (since[name] ?? 0);
    }
  }
  const details = addDetails(before.details ?? undefined, since.details ?? {});
  return { ...total, ...(Object.keys(details).length > 0 && { details }) };
}

/** Returns the tokens of several steps; undefined where no step counted them. A stream's transform may leave out any. */
export function totalUsage(usage: readonly Partial<LanguageModelUsage>[]): LanguageModelUsage {
  const sum = (count: (each: Partial<LanguageModelUsage>) => number | undefined): number | undefined =>
    usage.reduce<number | undefined>((total, each) => {
      const next = count(each);
      return next === undefined ? total : (total ?? 0) + next;
    }, undefined);
  return {
    inputTokens: sum(({ inputTokens }) => inputTokens),
    inputTokenDetails: {
      noCacheTokens: sum(({ inputTokenDetails }) => inputTokenDetails?.noCacheTokens),
      cacheReadTokens: sum(({ inputTokenDetails }) => inputTokenDetails?.cacheReadTokens),
      cacheWriteTokens: sum(({ inputTokenDetails }) => inputTokenDetails?.cacheWriteTokens),
    },
    outputTokens: sum(({ outputTokens }) => outputTokens),
    outputTokenDetails: {
      textTokens: sum(({ outputTokenDetails }) => outputTokenDetails?.textTokens),
      reasoningTokens: sum(({ outputTokenDetails }) => outputTokenDetails?.reasoningTokens),
    },
    totalTokens: sum(({ totalTokens }) => totalTokens),
  };
}

/** Returns the metrics of one call of a model. `use` is Agno's word for its purpose. */
export function stepMetrics(
  { model: { modelId: id, provider }, usage }: Pick<StepResult<ToolSet>, "model" | "usage">,
  use: "model" | "session_summary_model",
): Metrics {
  return runMetrics({ id, provider, usage: [usage], use }, { duration: 0, timeToFirstToken: null });
}

function countsOf(usage: Partial<LanguageModelUsage>): TokenCounts {
  const input = usage.inputTokens ?? 0;
  const output = usage.outputTokens ?? 0;
  return addCounts(
    {},
    {
      input_tokens: input,
      output_tokens: output,
      total_tokens: usage.totalTokens ?? input + output,
      cache_read_tokens: usage.inputTokenDetails?.cacheReadTokens ?? 0,
      cache_write_tokens: usage.inputTokenDetails?.cacheWriteTokens ?? 0,
      reasoning_tokens: usage.outputTokenDetails?.reasoningTokens ?? 0,
    },
  );
}
