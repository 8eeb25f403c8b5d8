import { InvalidArgumentError } from "@sessiondb/core";
import type { UIMessage } from "ai";
import { isCallPart, saysAnything, waitOf, type CallPart } from "./call-part.ts";
import type { CallAnswer } from "./chat-request.ts";

/**
 * Returns a stored answer with what a page says about its calls that wait. Whatever else the page says has no effect.
 *
 * @throws InvalidArgumentError unless it says something about each of them.
 */
export function withAnswers<Shown extends UIMessage>(stored: Shown, answers: readonly CallAnswer[]): Shown {
  const parts = (stored.parts as unknown as readonly CallPart[]).map((part) => {
    const wait = isCallPart(part) ? waitOf(part) : null;
    return wait === null
      ? part
      : answered(part, { wait, answer: answers.find((each) => each.toolCallId === part.toolCallId) });
  });
  return { ...stored, parts: parts as unknown as Shown["parts"] };
}

function answered(
  part: CallPart,
  { wait, answer }: { readonly wait: "approval" | "output"; readonly answer: CallAnswer | undefined },
): CallPart {
  const id = JSON.stringify(part.toolCallId);
  if (wait === "approval") {
    const approval = answer?.approval ?? null;
    if (approval === null || approval.id !== part.approval?.id) {
      throw new InvalidArgumentError("messages", `a decision about the call ${id}, which waits for one`);
    }
    const { approved, reason } = approval;
    return {
      ...part,
      state: "approval-responded",
      approval: { ...part.approval, approved, ...(reason !== null && { reason }) },
    };
  }
  const outcome = answer?.outcome ?? null;
  if (outcome === null) {
    throw new InvalidArgumentError("messages", `the result of the call ${id}, whose tool runs in the browser`);
  }
  return "error" in outcome
    ? { ...part, state: "output-error", errorText: outcome.error }
    : { ...part, state: "output-available", output: outcome.output ?? null };
}

const endStates: ReadonlySet<string> = new Set(["output-available", "output-error", "output-denied"]);

/** Returns messages as a model accepts them: without calls that have no result, and without messages that say nothing else. */
export function withoutOpenCalls<Shown extends UIMessage>(messages: readonly Shown[]): Shown[] {
  return messages.flatMap((message): Shown[] => {
    const parts = (message.parts as unknown as readonly CallPart[]).filter(
      (part) => !isCallPart(part) || endStates.has(part.state),
    );
    const whole = { ...message, parts: parts as unknown as Shown["parts"] };
    return saysAnything(whole) ? [whole] : [];
  });
}
