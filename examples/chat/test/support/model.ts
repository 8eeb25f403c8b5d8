import type { LanguageModelV3, LanguageModelV3CallOptions, LanguageModelV3StreamPart } from "@ai-sdk/provider";
import { scriptedModel, type Answer } from "@sessiondb/testing/scripted-model";

export interface ChatModel {
  readonly model: LanguageModelV3;
  /** Lets slow answers go on. */
  readonly release: () => void;
}

export const slowStart = "Once upon a time";
export const slowEnd = " they lived happily ever after.";

/** A model that answers by the words of the last question; each answer has its number, so that no two are the same. */
export function chatModel(): ChatModel {
  let number = 0;
  let waiting: (() => void)[] = [];
  const failed = new Set<string>();

  const answerTo = ({ prompt }: LanguageModelV3CallOptions): Answer => {
    number += 1;
    const question = questionOf(prompt);
    const once = (first: Answer): Answer => {
      const isFirst = !failed.has(question);
      failed.add(question);
      return isFirst ? first : `Answer ${number} after a failure`;
    };
    const last = prompt.at(-1);
    if (last?.role === "tool" && question.startsWith("Order, then fail")) {
      return once(new Error("secret of the model"));
    }
    if (last?.role === "tool") {
      const outputs = last.content
        .map((part) => (part.type === "tool-result" ? JSON.stringify(part.output) : ""))
        .join();
      return `Answer ${number} after ${outputs}`;
    }
    switch (question.split(":")[0]) {
      case "Think":
        return {
          content: [
            { type: "reasoning", text: "Let me think." },
            { type: "source", sourceType: "url", id: "1", url: "https://example.com/tea", title: "All about tea" },
            { type: "file", mediaType: "image/png", data: dot },
            { type: "text", text: `Answer ${number}, thought over.` },
          ],
        };
      case "Roll":
        return { text: "Let me roll.", calls: [{ name: "rollDice", input: { count: 2, sides: 6 } }] };
      case "Roll too many":
        return { calls: [{ name: "rollDice", input: { count: 11, sides: 6 } }] };
      case "Order":
      case "Order, then fail":
      case "Order slowly":
        return { text: "Shall I?", calls: [{ name: "placeOrder", input: { item: "tea", quantity: 2 } }] };
      case "Where":
        return { calls: [{ name: "timeZone" }] };
      case "Fail":
        return once(new Error("secret of the model"));
      case "Fail halfway":
        return once({ failsAfter: "It was ", error: new Error("secret of the model") });
      default:
        return `Answer ${number} to “${question}”`;
    }
  };
  const model = scriptedModel(answerTo);
  const { doStream } = model;
  model.doStream = async (options) => {
    const slow = slowAnswerTo(options.prompt);
    return slow === null ? doStream(options) : { stream: withPause(slow, new Promise((go) => waiting.push(go))) };
  };
  return {
    model,
    release: () => {
      waiting.forEach((go) => go());
      waiting = [];
    },
  };
}

const dot = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

function questionOf(prompt: LanguageModelV3CallOptions["prompt"]): string {
  const question = prompt.findLast(({ role }) => role === "user");
  const parts = question?.role === "user" ? question.content : [];
  return parts.map((part) => (part.type === "text" ? part.text : "")).join("");
}

/** An answer that stops in the middle until it is let go on. */
interface SlowAnswer {
  readonly before: readonly LanguageModelV3StreamPart[];
  readonly after: readonly LanguageModelV3StreamPart[];
}

const slowText: SlowAnswer = {
  before: [
    { type: "text-start", id: "0" },
    { type: "text-delta", id: "0", delta: slowStart },
  ],
  after: [{ type: "text-delta", id: "0", delta: slowEnd }, { type: "text-end", id: "0" }, finish("stop")],
};

const silence: SlowAnswer = { before: [], after: [{ type: "text-start", id: "0" }, ...slowText.after] };

const slowCall: SlowAnswer = {
  before: [
    { type: "tool-input-start", id: "slow-call", toolName: "rollDice" },
    { type: "tool-input-delta", id: "slow-call", delta: `{"count":1,` },
  ],
  after: [
    { type: "tool-input-delta", id: "slow-call", delta: `"sides":6}` },
    { type: "tool-input-end", id: "slow-call" },
    { type: "tool-call", toolCallId: "slow-call", toolName: "rollDice", input: `{"count":1,"sides":6}` },
    finish("tool-calls"),
  ],
};

function slowAnswerTo(prompt: LanguageModelV3CallOptions["prompt"]): SlowAnswer | null {
  const isAfterTool = prompt.at(-1)?.role === "tool";
  switch (questionOf(prompt)) {
    case "Slowly":
      return isAfterTool ? null : slowText;
    case "Silently":
      return isAfterTool ? null : silence;
    case "Order slowly":
      return isAfterTool ? slowText : null;
    case "Roll slowly":
      return isAfterTool ? null : slowCall;
    default:
      return null;
  }
}

function withPause({ before, after }: SlowAnswer, pause: Promise<void>): ReadableStream<LanguageModelV3StreamPart> {
  async function* parts(): AsyncGenerator<LanguageModelV3StreamPart> {
    yield { type: "stream-start", warnings: [] };
    yield* before;
    await pause;
    yield* after;
  }
  return ReadableStream.from(parts());
}

function finish(unified: "stop" | "tool-calls"): LanguageModelV3StreamPart {
  const inputTokens = { total: 10, noCache: 10, cacheRead: undefined, cacheWrite: undefined };
  const outputTokens = { total: 5, text: 5, reasoning: undefined };
  return { type: "finish", usage: { inputTokens, outputTokens }, finishReason: { unified, raw: undefined } };
}
