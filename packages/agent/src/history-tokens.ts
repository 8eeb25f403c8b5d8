import { InvalidArgumentError } from "@sessiondb/core";
import type { ModelMessage } from "ai";
import { isMedium, partsOf, type Part } from "./history-media.ts";

/** Returns the tokens of messages, as a model would count them. */
export type CountTokens = (messages: readonly ModelMessage[]) => number;

const charactersPerToken = 4;
/** What providers take for a picture, a page or some seconds of sound is of this order. */
const tokensPerMedium = 1000;
const tokensPerMessage = 4;

/** Estimates the tokens of messages: a quarter of the characters, 1,000 for each medium, and 4 for each message. */
export const estimatedTokens: CountTokens = (messages) =>
  messages.reduce((sum, { content }) => {
    const parts = typeof content === "string" ? [{ type: "text", text: content }] : partsOf(content);
    return sum + tokensPerMessage + parts.reduce((tokens, part) => tokens + tokensOf(part), 0);
  }, 0);

function tokensOf(part: Part & { readonly text?: unknown; readonly input?: unknown }): number {
  if (isMedium(part)) {
    return tokensPerMedium;
  }
  if (part.output?.type === "content") {
    return partsOf(part.output.value).reduce((sum, each) => sum + tokensOf(each), 0);
  }
  const said = part.text ?? (part.output === undefined ? part.input : part.output.value) ?? "";
  const text = typeof said === "string" ? said : JSON.stringify(said);
  return Math.ceil(text.length / charactersPerToken);
}

/**
 * Returns a counter that checks what another returns.
 *
 * @throws InvalidArgumentError when that throws or returns no number.
 */
export function checkedCounter(countTokens: CountTokens): CountTokens {
  return (messages) => {
    const expected = "a function that returns a number of tokens, 0 or more";
    let tokens: unknown;
    try {
      tokens = countTokens(messages);
    } catch (cause) {
      throw new InvalidArgumentError("countTokens", expected, { cause });
    }
    if (typeof tokens !== "number" || !(tokens >= 0)) {
      throw new InvalidArgumentError("countTokens", expected);
    }
    return tokens;
  };
}
