import { refusalOf } from "@sessiondb/ai-sdk/codec";
import type { Message, Run } from "@sessiondb/core";
import { hasAnswer, runToReplace } from "@sessiondb/turns";
import type { ModelMessage } from "ai";

// What was said in a run that failed or was cancelled may be part of the history, though the run has no answer.

/** In the place of an answer that was stopped before it began: many providers expect one between two user messages. */
const closing: ModelMessage = { role: "assistant", content: "(The answer was stopped.)" };

/** Returns what tells the runs that a model may be shown. */
export function shownRuns({ addStoppedRunsToContext }: { readonly addStoppedRunsToContext: boolean }) {
  return (run: Run): boolean => hasAnswer(run) || (addStoppedRunsToContext && isStopped(run));
}

/** Returns whether a run failed or was cancelled, no guardrail is the reason, and it was not to replace another. */
export function isStopped(run: Run): boolean {
  const known = (run.status ?? "").toUpperCase();
  const isOver = known === "ERROR" || known === "CANCELLED";
  return isOver && refusalOf(run) === null && runToReplace(run) === null;
}

/**
 * Returns the messages of a run that stopped without what belongs to a whole answer alone: providers refuse reasoning that
 * nothing follows, and a call of theirs without its result.
 */
export function withoutTornParts(messages: readonly Message[]): Message[] {
  const last = messages.findLastIndex(({ role }) => role === "assistant" || role === "model");
  return messages.map((message, index) => {
    if (index !== last) {
      return message;
    }
    const { reasoningContent: _reasoning, providerData: _data, ...said } = message;
    return said;
  });
}

/** Returns the turn of a run that stopped, which ends with the assistant. */
export function closedTurn(messages: readonly ModelMessage[]): ModelMessage[] {
  return messages.length === 0 || messages.at(-1)?.role === "assistant" ? [...messages] : [...messages, closing];
}
