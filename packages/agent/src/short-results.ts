import { resultOf } from "@sessiondb/ai-sdk/codec";
import type { ModelMessage, ToolResultPart } from "ai";
import type { CountTokens } from "./history-tokens.ts";

interface Shortened {
  readonly messages: readonly ModelMessage[];
  /** The number of results that were shortened. */
  readonly count: number;
}

/** Returns messages with the beginnings of those tool results that have more than `most` tokens. */
export function withShortResults(
  messages: readonly ModelMessage[],
  { most, countTokens }: { readonly most: number; readonly countTokens: CountTokens },
): Shortened {
  let count = 0;
  const shortened = (part: ToolResultPart): ToolResultPart => {
    const tokens = countTokens([{ role: "tool", content: [part] }]);
    const output = tokens > most ? shortOutput(part.output, most / tokens) : null;
    if (output === null) {
      return part;
    }
    count += 1;
    return { ...part, output };
  };
  return {
    messages: messages.map((message) =>
      message.role === "tool"
        ? {
            ...message,
            content: message.content.map((part) => (part.type === "tool-result" ? shortened(part) : part)),
          }
        : message,
    ),
    count,
  };
}

/** Returns a part of an output, as text; null if that is no shorter. */
function shortOutput(output: ToolResultPart["output"], share: number): ToolResultPart["output"] | null {
  if (output.type === "content") {
    const value = output.value.map((part) =>
      part.type === "text" ? { ...part, text: shortText(part.text, share) } : part,
    );
    return value.some((part, index) => part.type === "text" && part.text.length < lengthOf(output.value[index]))
      ? { ...output, value }
      : null;
  }
  const { text, isError } = resultOf(output);
  const short = shortText(text, share);
  return short.length < text.length ? { type: isError ? "error-text" : "text", value: short } : null;
}

function lengthOf(part: object | undefined): number {
  return part !== undefined && "text" in part && typeof part.text === "string" ? part.text.length : 0;
}

function shortText(text: string, share: number): string {
  // Half of a pair of surrogates is no text.
  const beginning = text.slice(0, Math.floor(text.length * share)).replace(/[\uD800-\uDBFF]$/, "");
  const short = `${beginning}\n[Shortened: ${text.length - beginning.length} more characters are not shown.]`;
  return short.length < text.length ? short : text;
}
