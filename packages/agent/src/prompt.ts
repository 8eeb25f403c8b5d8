import { InvalidArgumentError, type Run, type SessionSummary } from "@sessiondb/core";
import { promptData, type RunContext } from "@sessiondb/turns";
import type { ModelMessage } from "ai";
import type { ModelComponentSettings, UserInput } from "./model-component-options.ts";
import { fittedHistory, type ShownHistory } from "./history-budget.ts";
import { withoutMedia } from "./history-media.ts";
import { begunByUser, historyTurns } from "./model-history.ts";
import { summaryText } from "./summary.ts";

const defaultHistoryRuns = 10;

/** Returns the number of newest runs to read for the history. */
export function historyRunsOf(settings: ModelComponentSettings): number {
  const { addHistoryToContext, numHistoryRuns, numHistoryMessages } = settings;
  // Each run has at least one message.
  return addHistoryToContext ? (numHistoryRuns ?? numHistoryMessages ?? defaultHistoryRuns) : 0;
}

/** Returns the messages of earlier runs, as far as the model is shown them. */
export function historyOf(settings: ModelComponentSettings, runs: readonly Run[]): ShownHistory {
  const { numHistoryMessages, maxToolCallsFromHistory, addHistoryMediaToContext, addStoppedRunsToContext } = settings;
  const limits = {
    addStoppedRunsToContext,
    maxToolCalls: maxToolCallsFromHistory,
    ...(numHistoryMessages !== undefined && { numHistoryMessages }),
  };
  const turns = historyTurns(runs, limits);
  const wanted = addHistoryMediaToContext ? turns : turns.map((messages) => withoutMedia(messages));
  const fitted = fittedHistory(wanted, settings);
  return { messages: begunByUser(fitted.turns), leftOut: fitted.leftOut };
}

/** Returns whether the session is summarized after each completed run. */
export function makesSummaries({ sessionSummaries, sessionSummaryManager }: ModelComponentSettings): boolean {
  return sessionSummaries ?? sessionSummaryManager !== undefined;
}

/** Returns whether the model is shown the summary of the session. */
export function showsSummary(settings: ModelComponentSettings): boolean {
  return settings.addSessionSummaryToContext ?? makesSummaries(settings);
}

export interface SystemText {
  readonly context: RunContext;
  /** Paragraphs that the kind of component adds. */
  readonly added: readonly string[];
  /** What is remembered about the user, as a paragraph; null for nothing. */
  readonly memories: string | null;
  readonly summary: SessionSummary | null;
  readonly otherSessions: string | null;
}

/** Builds the system message: those that change least first. */
export async function systemText(
  settings: ModelComponentSettings,
  { context, added, memories, summary, otherSessions }: SystemText,
): Promise<string | null> {
  const { instructions = [], addSessionStateToContext } = settings;
  const given = typeof instructions === "function" ? await instructions(context) : instructions;
  const paragraphs = [...paragraphsOf(given), ...added];
  if (memories !== null) {
    paragraphs.push(memories);
  }
  if (addSessionStateToContext) {
    paragraphs.push(promptData("session_state", context.sessionState));
  }
  if (summary !== null && showsSummary(settings)) {
    paragraphs.push(summaryText(summary));
  }
  if (otherSessions !== null) {
    paragraphs.push(otherSessions);
  }
  return paragraphs.length === 0 ? null : paragraphs.join("\n\n");
}

function paragraphsOf(given: unknown): readonly string[] {
  const paragraphs: readonly unknown[] = Array.isArray(given) ? given : [given];
  if (!paragraphs.every((each) => typeof each === "string")) {
    throw new InvalidArgumentError("instructions", "text, paragraphs, or a function that returns text");
  }
  return paragraphs;
}

/** Makes a user message of the input, with `context` in front if given. */
export function userMessage(input: UserInput, context: string | null): ModelMessage {
  // A copy has undefined in the place of a hole.
  if (
    typeof input !== "string" &&
    !(Array.isArray(input) && input.length > 0 && [...(input as unknown[])].every(isPart))
  ) {
    throw new InvalidArgumentError("input", "text, or the parts of a user message");
  }
  if (context === null) {
    return { role: "user", content: input };
  }
  return typeof input === "string"
    ? { role: "user", content: `${context}\n\n${input}` }
    : { role: "user", content: [{ type: "text", text: context }, ...input] };
}

function isPart(part: unknown): boolean {
  return typeof part === "object" && part !== null && "type" in part && typeof part.type === "string";
}
