import * as ai from "ai";
import type { ModelMessage, StepResult, ToolSet } from "ai";

// Where versions 6 and 7 of the AI SDK differ.

const isVersion7 = "isStepCount" in ai;

/** Returns the messages of a generation after a further step. */
export function messagesAfter(before: readonly ModelMessage[], { response }: StepResult<ToolSet>): ModelMessage[] {
  // In 6 a step has the messages of all steps until then, in 7 its own.
  return isVersion7 ? [...before, ...response.messages] : [...response.messages];
}
