import { isToolUIPart } from "ai";
import type { ChatMessage } from "./api.ts";

function callsOfLastStep({ parts }: ChatMessage) {
  return parts.slice(parts.findLastIndex(({ type }) => type === "step-start") + 1).filter(isToolUIPart);
}

/** Whether a message has calls that still wait: for an approval, or for a tool that runs in the browser. */
export function isWaiting(message: ChatMessage | undefined): boolean {
  return (
    message !== undefined &&
    callsOfLastStep(message).some(({ state }) => state === "approval-requested" || state === "input-available")
  );
}

/** Whether the user has answered calls of a message. Then its run goes on with them, and no tool runs twice. */
export function hasAnswers({ parts }: ChatMessage): boolean {
  return parts
    .filter(isToolUIPart)
    .some(
      ({ type, state, approval }) =>
        approval?.approved !== undefined || (type === "tool-timeZone" && state === "output-available"),
    );
}

/** Whether a message says nothing: an answer that was stopped or failed before it began. The store keeps none of these. */
export function isEmpty({ parts }: ChatMessage): boolean {
  return parts.every(({ type }) => type === "step-start");
}
