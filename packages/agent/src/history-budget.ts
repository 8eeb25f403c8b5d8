import type { JsonObject } from "@sessiondb/core";
import { aFunction, atLeast, optional, type OptionReaders, type OptionsRead } from "@sessiondb/core/adapter";
import type { ModelMessage } from "ai";
import { mediaIn, withoutMedia } from "./history-media.ts";
import { checkedCounter, estimatedTokens, type CountTokens } from "./history-tokens.ts";
import { firstWithin } from "./model-history.ts";
import { withShortResults } from "./short-results.ts";

/** What of the history fits into a model's context. */
export interface HistoryBudgetOptions {
  /** The most tokens of earlier runs that the model is shown: the newest runs that fit whole. Default: no limit. */
  maxHistoryTokens?: number | undefined;
  /**
   * The most tokens of one tool result of an earlier run. The model is shown the beginning of a longer one, and how much
   * is missing; the whole one stays stored. Default: no limit.
   */
  maxToolResultTokens?: number | undefined;
  /** The newest runs whose images, audio and other files the model is shown. Default: all. */
  numHistoryMediaRuns?: number | undefined;
  /**
   * Counts the tokens of messages. Default: an estimate of a quarter of the characters, 1,000 for each medium and 4 for
   * each message.
   */
  countTokens?: CountTokens | undefined;
}

export const historyBudgetReaders = {
  maxHistoryTokens: optional(atLeast(1)),
  maxToolResultTokens: optional(atLeast(1)),
  numHistoryMediaRuns: optional(atLeast(0)),
  countTokens: optional(aFunction<CountTokens>()),
} satisfies OptionReaders<HistoryBudgetOptions>;

type HistoryBudget = OptionsRead<typeof historyBudgetReaders>;

/** The key in a run's metadata for what it was not shown. */
export const leftOutKey = "sessiondb_history";

/** The messages of earlier runs that a model is shown. */
export interface ShownHistory {
  readonly messages: readonly ModelMessage[];
  /** What does not fit, as the metadata of the run; null for nothing. */
  readonly leftOut: JsonObject | null;
}

interface FittedHistory extends Pick<ShownHistory, "leftOut"> {
  readonly turns: readonly (readonly ModelMessage[])[];
}

/**
 * Returns the turns of a history, oldest first, as far as they fit.
 *
 * @throws InvalidArgumentError when the counter throws or returns no number.
 */
export function fittedHistory(turns: readonly (readonly ModelMessage[])[], budget: HistoryBudget): FittedHistory {
  const { maxHistoryTokens, maxToolResultTokens, numHistoryMediaRuns = Infinity } = budget;
  const countTokens = budget.countTokens === undefined ? estimatedTokens : checkedCounter(budget.countTokens);
  const shown = turns.map((turn, index) => {
    const short =
      maxToolResultTokens === undefined
        ? { messages: turn, count: 0 }
        : withShortResults(turn, { most: maxToolResultTokens, countTokens });
    const messages = turns.length - index > numHistoryMediaRuns ? withoutMedia(short.messages) : short.messages;
    return { messages, toolResults: short.count, media: mediaIn(short.messages).length - mediaIn(messages).length };
  });
  const fitting =
    maxHistoryTokens === undefined
      ? shown
      : shown.slice(
          firstWithin(
            shown.map(({ messages }) => messages),
            maxHistoryTokens,
            countTokens,
          ),
        );
  const leftOut = Object.entries({
    runs: shown.length - fitting.length,
    tool_results: sum(fitting.map(({ toolResults }) => toolResults)),
    media: sum(fitting.map(({ media }) => media)),
  }).filter(([, count]) => count > 0);
  return {
    turns: fitting.map(({ messages }) => messages),
    leftOut: leftOut.length === 0 ? null : Object.fromEntries(leftOut),
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
