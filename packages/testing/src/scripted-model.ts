import type { LanguageModelV3CallOptions, LanguageModelV3Content, LanguageModelV3StreamPart } from "@ai-sdk/provider";
import { MockLanguageModelV3 } from "ai/test";

/** The answer of a scripted model: text, tool calls, or an error. */
export type Answer =
  | string
  | {
      readonly calls: readonly { readonly name: string; readonly input?: object; readonly id?: string }[];
      readonly text?: string;
    }
  | Error
  /** Whatever a model can answer. */
  | { readonly content: readonly LanguageModelV3Content[] }
  /** Text that stalls in the middle for ever. `whenStuck` is called once all of it has been read. */
  | { readonly stuckAfter: string; readonly whenStuck?: () => void }
  /** Text after which the model fails, while it streams. */
  | { readonly failsAfter: string; readonly error: Error };

export type Script =
  | readonly Answer[]
  | ((call: LanguageModelV3CallOptions, index: number) => Answer | Promise<Answer>);

const usage = {
  inputTokens: { total: 10, noCache: 10, cacheRead: undefined, cacheWrite: undefined },
  outputTokens: { total: 5, text: 5, reasoning: undefined },
};

/** A model that answers by a script, streaming or not. `prompts` records its input. */
export function scriptedModel(
  script: Script,
): MockLanguageModelV3 & { readonly prompts: LanguageModelV3CallOptions["prompt"][] } {
  let calls = 0;
  const prompts: LanguageModelV3CallOptions["prompt"][] = [];
  const next = async (options: LanguageModelV3CallOptions): Promise<Exclude<Answer, Error>> => {
    const index = calls;
    calls += 1;
    prompts.push(copyOf(options.prompt));
    const answer = typeof script === "function" ? await script(options, index) : script[index];
    if (answer === undefined) {
      throw new Error(`The script has no answer ${index}`);
    }
    if (answer instanceof Error) {
      throw answer;
    }
    return answer;
  };
  const model = new MockLanguageModelV3({
    modelId: "scripted",
    provider: "test",
    doGenerate: async (options) => {
      const answer = await next(options);
      if (isStuck(answer)) {
        answer.whenStuck?.();
        await new Promise(() => {});
      }
      if (isFailing(answer)) {
        throw answer.error;
      }
      const content = contentOf(answer);
      return { content, usage, finishReason: finishOf(content), warnings: [] };
    },
    doStream: async (options) => {
      const answer = await next(options);
      if (isFailing(answer)) {
        return { stream: ReadableStream.from<LanguageModelV3StreamPart>(failingParts(answer)) };
      }
      return { stream: isStuck(answer) ? stuck(answer) : streamOf(contentOf(answer)) };
    },
  });
  return Object.assign(model, { prompts });
}

function copyOf(prompt: LanguageModelV3CallOptions["prompt"]): LanguageModelV3CallOptions["prompt"] {
  try {
    return structuredClone(prompt);
  } catch {
    // It holds a function: providers send what JSON makes of it.
    return JSON.parse(JSON.stringify(prompt)) as typeof prompt;
  }
}

/** The text of each message shown to a model, after its role. */
export function shown(prompt: LanguageModelV3CallOptions["prompt"]): string[] {
  return prompt.map(({ role, content }) => {
    const parts =
      typeof content === "string" ? [content] : content.map((part) => ("text" in part ? part.text : part.type));
    return `${role}: ${parts.join(" ")}`;
  });
}

function isStuck(answer: Exclude<Answer, Error>): answer is Extract<Answer, { stuckAfter: string }> {
  return typeof answer === "object" && "stuckAfter" in answer;
}

function isFailing(answer: Exclude<Answer, Error>): answer is { readonly failsAfter: string; readonly error: Error } {
  return typeof answer === "object" && "failsAfter" in answer;
}

function contentOf(answer: Exclude<Answer, Error>): LanguageModelV3Content[] {
  if (typeof answer === "string") {
    return [{ type: "text", text: answer }];
  }
  if (isStuck(answer) || isFailing(answer)) {
    return [];
  }
  if ("content" in answer) {
    return [...answer.content];
  }
  const { calls, text } = answer;
  return [
    ...(text === undefined ? [] : [{ type: "text" as const, text }]),
    ...calls.map(({ name, input = {}, id = crypto.randomUUID() }) => ({
      type: "tool-call" as const,
      toolCallId: id,
      toolName: name,
      input: JSON.stringify(input),
    })),
  ];
}

function finishOf(content: readonly LanguageModelV3Content[]): { unified: "stop" | "tool-calls"; raw: undefined } {
  return {
    unified: content.some((part) => part.type === "tool-call" && part.providerExecuted !== true)
      ? "tool-calls"
      : "stop",
    raw: undefined,
  };
}

function streamOf(content: readonly LanguageModelV3Content[]): ReadableStream<LanguageModelV3StreamPart> {
  return ReadableStream.from<LanguageModelV3StreamPart>(partsOf(content));
}

function* partsOf(content: readonly LanguageModelV3Content[]): Generator<LanguageModelV3StreamPart> {
  yield { type: "stream-start", warnings: [] };
  for (const [index, part] of content.entries()) {
    if (part.type === "text") {
      yield* textParts(String(index), part.text);
    } else if (part.type === "reasoning") {
      const { providerMetadata } = part;
      const id = String(index);
      yield { type: "reasoning-start", id };
      yield { type: "reasoning-delta", id, delta: part.text };
      yield { type: "reasoning-end", id, ...(providerMetadata && { providerMetadata }) };
    } else {
      yield part;
    }
  }
  yield { type: "finish", usage, finishReason: finishOf(content) };
}

function* failingParts({
  failsAfter,
  error,
}: {
  readonly failsAfter: string;
  readonly error: Error;
}): Generator<LanguageModelV3StreamPart> {
  yield { type: "stream-start", warnings: [] };
  yield* textParts("0", failsAfter);
  yield { type: "error", error };
}

function* textParts(id: string, text: string): Generator<LanguageModelV3StreamPart> {
  yield { type: "text-start", id };
  for (const word of text.split(/(?<= )/)) {
    yield { type: "text-delta", id, delta: word };
  }
  yield { type: "text-end", id };
}

function stuck({
  stuckAfter: text,
  whenStuck = () => {},
}: Extract<Answer, { stuckAfter: string }>): ReadableStream<LanguageModelV3StreamPart> {
  const parts = [
    { type: "stream-start" as const, warnings: [] },
    { type: "text-start" as const, id: "0" },
    { type: "text-delta" as const, id: "0", delta: text },
  ];
  return new ReadableStream({
    pull: (controller) => {
      const part = parts.shift();
      if (part !== undefined) {
        controller.enqueue(part);
        return undefined;
      }
      whenStuck();
      // Nothing more ever arrives.
      return new Promise<void>(() => {});
    },
  });
}
