import { RunNotContinuableError, type Message, type Run } from "@sessiondb/core";
import { isInProgress, runToReplace } from "@sessiondb/turns";
import { isOfTurn } from "./message-codec.ts";

/** Returns the messages of a run's conversation; none of a workflow's. */
export function conversationOf(run: Run): Message[] {
  return run.runType === "workflow" ? [] : (run.messages ?? []).filter(isOfTurn);
}

/** Returns whether a run answers the question with this id. */
export function isQuestionOf(run: Run, messageId: string): boolean {
  return conversationOf(run).some(({ id, role }) => id === messageId && role === "user");
}

/** Returns whether the answer of a run has this id. */
export function isAnswerOf(run: Run, messageId: string): boolean {
  return run.runId === messageId || conversationOf(run).some(({ id, role }) => id === messageId && role !== "user");
}

/** Returns whether a run is part of its chat: one that ended, or whose process died, before it replaced another is not. */
export function isOfChat(run: Run): boolean {
  return runToReplace(run) === null || isInProgress(run);
}

/**
 * Returns the refusal of a question that was sent twice, unless its newest run failed: its tools must not run again, nor
 * its answer or later turns be lost.
 */
export function askedBefore({ runId }: Run): RunNotContinuableError {
  return new RunNotContinuableError(runId, {
    why: "its question was sent before, and this is no edit of it",
    advice: "Load the chat for its answer, or ask for another one.",
  });
}
