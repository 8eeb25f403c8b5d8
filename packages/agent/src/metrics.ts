import type { JsonObject, Metrics } from "@sessiondb/core";
import { addCounts, addDetails, type Prices, type TokenCounts } from "@sessiondb/turns";
import type { LanguageModelUsage, StepResult, ToolSet } from "ai";
import { costOf, totalCost, type StepUsage } from "./cost.ts";

interface MetricsOptions {
  readonly prices: Prices;
  /** Seconds. */
  readonly duration: number;
  /** Seconds. */
  readonly timeToFirstToken: number | null;
  /** Agno's word for the purpose of the models. Default `model`. */
  readonly use?: string;
}

/** Returns the metrics of a run: its tokens and their cost, in total and by model, and its times. */
export function runMetrics(steps: readonly StepUsage[], options: MetricsOptions): Metrics {
  const { prices, duration, timeToFirstToken, use = "model" } = options;
  const used = steps.map(({ usage }) => countsOf(usage)).reduce<TokenCounts>(addCounts, {});
  const costs = steps.map((step) => costOf(step, prices));
  const cost = steps.length === 0 ? null : totalCost(costs);
  const details = steps.reduce<JsonObject>((sum, { id, provider, usage }, index) => {
    const known = costs[index] ?? null;
    return addDetails(sum, { [use]: [{ id, provider, ...countsOf(usage), ...(known !== null && { cost: known }) }] });
  }, {});
  return {
    inputTokens: used.input_tokens ?? 0,
    outputTokens: used.output_tokens ?? 0,
    totalTokens: used.total_tokens ?? 0,
    ...(used.cache_read_tokens !== undefined && { cacheReadTokens: used.cache_read_tokens }),
    ...(used.cache_write_tokens !== undefined && { cacheWriteTokens: used.cache_write_tokens }),
    ...(used.reasoning_tokens !== undefined && { reasoningTokens: used.reasoning_tokens }),
    ...(cost !== null && { cost }),
    duration,
    ...(timeToFirstToken !== null && { timeToFirstToken }),
    ...(steps.length > 0 && { details }),
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
  const { cost: _sum, ...rest } = total;
  const cost = totalCost([before, since].filter(hasTokens).map((each) => each.cost ?? null));
  const isKnown = cost !== null && (hasTokens(before) || hasTokens(since));
  return { ...rest, ...(isKnown && { cost }), ...(Object.keys(details).length > 0 && { details }) };
}

function hasTokens({ totalTokens }: Metrics): boolean {
  return (totalTokens ?? 0) > 0;
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
  { use, prices }: { readonly use: "model" | "session_summary_model" | "memory_model"; readonly prices: Prices },
): Metrics {
  return runMetrics([{ id, provider, usage }], { use, prices, duration: 0, timeToFirstToken: null });
}

/** Returns the tokens that metrics count; undefined where they count none. */
export function usageOf(metrics: Metrics): LanguageModelUsage {
  const { inputTokens, outputTokens, totalTokens, cacheReadTokens, cacheWriteTokens, reasoningTokens } = metrics;
  const [input, output] = [inputTokens || undefined, outputTokens || undefined];
  const [read, written, reasoning] = [
    cacheReadTokens || undefined,
    cacheWriteTokens || undefined,
    reasoningTokens || undefined,
  ];
  return {
    inputTokens: input,
    inputTokenDetails: {
      noCacheTokens: input === undefined ? undefined : Math.max(input - (read ?? 0) - (written ?? 0), 0),
      cacheReadTokens: read,
      cacheWriteTokens: written,
    },
    outputTokens: output,
    outputTokenDetails: {
      textTokens: output === undefined ? undefined : Math.max(output - (reasoning ?? 0), 0),
      reasoningTokens: reasoning,
    },
    totalTokens: totalTokens || undefined,
  };
}

/** Returns tokens as Agno counts them. */
export function countsOf(usage: Partial<LanguageModelUsage>): TokenCounts {
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
