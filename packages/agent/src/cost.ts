import type { Prices } from "@sessiondb/turns";
import type { LanguageModelUsage } from "ai";

/** The tokens of a model in a step. */
export interface StepUsage {
  readonly id: string;
  readonly provider: string;
  readonly usage: Partial<LanguageModelUsage>;
}

const million = 1_000_000;

/** Returns what a step costs; null if its model has no price, or does not count its tokens. */
export function costOf({ id, usage }: StepUsage, prices: Prices): number | null {
  const price = Object.hasOwn(prices, id) ? prices[id] : undefined;
  const { inputTokens, outputTokens, inputTokenDetails, outputTokenDetails } = usage;
  if (price === undefined || inputTokens === undefined || outputTokens === undefined) {
    return null;
  }
  const { cacheReadTokens: read = 0, cacheWriteTokens: written = 0 } = inputTokenDetails ?? {};
  const { reasoningTokens: reasoning = 0 } = outputTokenDetails ?? {};
  // The totals include the parts.
  const sum =
    Math.max(inputTokens - read - written, 0) * price.input +
    read * (price.cachedInput ?? price.input) +
    written * (price.cacheWrite ?? price.input) +
    Math.max(outputTokens - reasoning, 0) * price.output +
    reasoning * (price.reasoning ?? price.output);
  return sum / million;
}

/** Adds costs. A part of a sum would pass for the whole: null if one of them is not known. */
export function totalCost(costs: readonly (number | null)[]): number | null {
  return costs.reduce<number | null>((sum, cost) => (sum === null || cost === null ? null : sum + cost), 0);
}
