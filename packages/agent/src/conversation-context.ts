import { InvalidArgumentError, type Run, type SessionSummary } from "@sessiondb/core";
import type { ModelMessage } from "ai";
import type { ConversationSettings } from "./conversation-options.ts";
import type { RunInput } from "./executor.ts";
import { historyMessages } from "./model-history.ts";
import type { RunContext } from "./run-context.ts";
import { summaryText } from "./summary.ts";

const defaultHistoryRuns = 10;

/** How many of the newest runs are read for the history. */
export function historyRunsOf(settings: ConversationSettings): number {
  const { addHistoryToContext, numHistoryRuns, numHistoryMessages } = settings;
  // Each run has a message at least.
  return addHistoryToContext ? (numHistoryRuns ?? numHistoryMessages ?? defaultHistoryRuns) : 0;
}

/** What the model is shown of the runs read. */
export function historyOf(settings: ConversationSettings, runs: readonly Run[]): ModelMessage[] {
  const { numHistoryMessages, maxToolCallsFromHistory } = settings;
  const count = historyRunsOf(settings);
  const limits = {
    maxToolCalls: maxToolCallsFromHistory,
    ...(numHistoryMessages !== undefined && { numHistoryMessages }),
  };
  return count === 0 ? [] : historyMessages(runs.slice(-count), limits);
}

/** Whether each completed run is followed by a summary. */
export function makesSummaries({ sessionSummaries, sessionSummaryManager }: ConversationSettings): boolean {
  return sessionSummaries ?? sessionSummaryManager !== undefined;
}

export interface SystemText {
  readonly context: RunContext;
  /** What the kind of component adds. */
  readonly added: readonly string[];
  readonly summary: SessionSummary | null;
}

/** The system message: instructions first, since what changes least comes first; then the state, then the summary. */
export async function systemText(
  settings: ConversationSettings,
  { context, added, summary }: SystemText,
): Promise<string | null> {
  const { instructions = [], addSessionStateToContext, addSessionSummaryToContext } = settings;
  const given = typeof instructions === "function" ? await instructions(context) : instructions;
  const paragraphs = [...(typeof given === "string" ? [given] : given), ...added];
  if (addSessionStateToContext) {
    paragraphs.push(`<session_state>\n${JSON.stringify(context.sessionState)}\n</session_state>`);
  }
  if (summary !== null && (addSessionSummaryToContext ?? makesSummaries(settings))) {
    paragraphs.push(summaryText(summary));
  }
  return paragraphs.length === 0 ? null : paragraphs.join("\n\n");
}

/** The input as a message, after `context` if there is any. */
export function userMessage(input: RunInput, context: string | null): ModelMessage {
  if (typeof input !== "string" && !Array.isArray(input)) {
    throw new InvalidArgumentError("input", "text, or the parts of a user message");
  }
  if (context === null) {
    return { role: "user", content: input };
  }
  return typeof input === "string"
    ? { role: "user", content: `${context}\n\n${input}` }
    : { role: "user", content: [{ type: "text", text: context }, ...input] };
}
