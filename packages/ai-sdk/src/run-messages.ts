import type { Message, Run } from "@sessiondb/core";
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
