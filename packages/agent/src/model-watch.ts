import { gateway, wrapLanguageModel, type LanguageModel, type LanguageModelUsage } from "ai";
import { argumentsOf } from "./stored-json.ts";
import type { Call } from "./tool-watch.ts";

/** A model of the version that the AI SDK works with. */
type Wrapped = ReturnType<typeof wrapLanguageModel>;
type Middleware = Exclude<Parameters<typeof wrapLanguageModel>[0]["middleware"], readonly unknown[]>;
type Generated = Awaited<ReturnType<Wrapped["doGenerate"]>>;

/** A model's answer in one step, as far as it is known. */
export interface SaidInStep {
  readonly text: string;
  readonly reasoning: string;
  readonly calls: readonly Call[];
}

/**
 * Notes what a model answers in a step, and what it costs, before the AI SDK reports the step: that happens only when
 * its tools have ended.
 */
export class ModelWatch {
  #said: SaidInStep | null = null;
  #usage: LanguageModelUsage | null = null;

  /** The answer of a model that does not stream, in a step that has not ended; else null. */
  get said(): SaidInStep | null {
    return this.#said;
  }

  /** The tokens of a step that has not ended; null as long as the model has not reported them. */
  get usage(): LanguageModelUsage | null {
    return this.#usage;
  }

  /** Forgets a step that has ended. */
  stepEnded(): void {
    [this.#said, this.#usage] = [null, null];
  }

  /** Returns the model with its answers watched. */
  watched(model: LanguageModel): LanguageModel {
    const middleware = {
      specificationVersion: "v3" as const,
      wrapGenerate: async ({ doGenerate }) => {
        const generated = await doGenerate();
        this.#said = saidIn(generated.content);
        this.#usage = usageOf(generated.usage);
        return generated;
      },
      wrapStream: async ({ doStream }) => {
        const { stream, ...rest } = await doStream();
        const watch = new TransformStream<StreamPart, StreamPart>({
          transform: (part, controller) => {
            if (part.type === "finish") {
              this.#usage = usageOf(part.usage);
            }
            controller.enqueue(part);
          },
        });
        return { ...rest, stream: stream.pipeThrough(watch) };
      },
    } satisfies Middleware;
    return wrapLanguageModel({ model: resolved(model), middleware });
  }
}

type StreamPart = Awaited<ReturnType<Wrapped["doStream"]>>["stream"] extends ReadableStream<infer Part> ? Part : never;

/** Returns the model that the AI SDK takes an id for. */
function resolved(model: LanguageModel): Wrapped {
  return (
    typeof model === "string" ? (globalThis.AI_SDK_DEFAULT_PROVIDER ?? gateway).languageModel(model) : model
  ) as Wrapped;
}

function saidIn(content: Generated["content"]): SaidInStep {
  const textOf = (type: "text" | "reasoning"): string =>
    content.flatMap((part) => (part.type === type ? [part.text] : [])).join("");
  const calls = content.flatMap((part) =>
    part.type === "tool-call"
      ? [{ toolCallId: part.toolCallId, toolName: part.toolName, input: argumentsOf(part.input) }]
      : [],
  );
  return { text: textOf("text"), reasoning: textOf("reasoning"), calls };
}

function usageOf({ inputTokens, outputTokens }: Generated["usage"]): LanguageModelUsage {
  const { total: input, noCache, cacheRead, cacheWrite } = inputTokens;
  const { total: output, text, reasoning } = outputTokens;
  return {
    inputTokens: input,
    inputTokenDetails: { noCacheTokens: noCache, cacheReadTokens: cacheRead, cacheWriteTokens: cacheWrite },
    outputTokens: output,
    outputTokenDetails: { textTokens: text, reasoningTokens: reasoning },
    totalTokens: input === undefined && output === undefined ? undefined : (input ?? 0) + (output ?? 0),
  };
}
