import { untilAborted } from "@sessiondb/core/adapter";
import type { LanguageModel, LanguageModelUsage } from "ai";
import { SaidInStep, type ModelPart } from "./said-in-step.ts";
import { wrappedModel } from "./wrapped-model.ts";

interface Generated {
  readonly content: readonly ModelPart[];
  readonly usage: unknown;
}

interface Streamed {
  readonly stream: ReadableStream<ModelPart>;
}

interface CallOptions {
  readonly abortSignal?: AbortSignal;
}

/**
 * Notes what a model answers in a step, and what it costs, before the AI SDK reports the step: that happens only when
 * its tools have ended. Renames a call whose id is taken, since some models count their calls anew in each answer. Ends a
 * call whose signal aborts, since some models do not.
 */
export class ModelWatch {
  /** The ids of calls in the conversation. */
  readonly #taken: Set<string>;
  #said: SaidInStep | null = null;
  #usage: LanguageModelUsage | null = null;

  readonly #onAbort: (reason: unknown) => void;
  /** The signal of the last call: most share one. */
  #signal: AbortSignal | undefined = undefined;
  /** Let go of the signals of all calls: Node keeps one that depends on others as long as somebody listens to it. */
  readonly #unfollow: (() => void)[] = [];
  /** Ends the stream of the last call. */
  #endStream = (): void => {};

  /** `onAbort` is called when a model's signal aborts: besides the caller's, the AI SDK has some of its own for time. */
  constructor(callIds: Iterable<string>, onAbort: (reason: unknown) => void) {
    this.#taken = new Set(callIds);
    this.#onAbort = onAbort;
  }

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

  /** Hears no signal any more: the generation has ended. */
  end(): void {
    for (const unfollow of this.#unfollow.splice(0)) {
      unfollow();
    }
  }

  /** Returns the model with its answers watched. */
  watched(model: LanguageModel): LanguageModel {
    return wrappedModel(model, async (call, options, method) => {
      const renamed = this.#renaming();
      const { abortSignal: signal } = options as CallOptions;
      signal?.throwIfAborted();
      this.#follow(signal);
      const answer = await untilAborted((async () => call(options))(), signal);
      if (method === "doGenerate") {
        const generated = answer as Generated;
        const content = generated.content.map(renamed);
        this.#said = SaidInStep.of(content);
        this.#usage = usageOf(generated.usage);
        return { ...generated, content };
      }
      const streamed = answer as Streamed;
      const watch = new TransformStream<ModelPart, ModelPart>({
        start: (controller) => {
          this.#endStream = () => controller.terminate();
        },
        transform: (part, controller) => {
          if (part.type === "finish") {
            this.#usage = usageOf(part.usage);
          }
          controller.enqueue(renamed(part));
        },
      });
      return { ...streamed, stream: streamed.stream.pipeThrough(watch) };
    });
  }

  #follow(signal: AbortSignal | undefined): void {
    if (signal === undefined || signal === this.#signal) {
      return;
    }
    this.#signal = signal;
    const abort = (): void => {
      this.#onAbort(signal.reason);
      this.#endStream();
    };
    signal.addEventListener("abort", abort, { once: true });
    this.#unfollow.push(() => signal.removeEventListener("abort", abort));
  }

  /** Returns what renames the calls of one answer, in all of its parts. */
  #renaming(): (part: ModelPart) => ModelPart {
    const ids = new Map<string, string>();
    const idFor = (id: string, isNew: boolean): string => {
      const known = ids.get(id);
      if (known !== undefined && !isNew) {
        return known;
      }
      const free = this.#taken.has(id) ? `${id}-${crypto.randomUUID()}` : id;
      ids.set(id, free);
      this.#taken.add(free);
      return free;
    };
    const begun = new Set<string>();
    return (part) => {
      if (part.type.startsWith("tool-input-") && part.id !== undefined) {
        const isStart = part.type === "tool-input-start";
        if (isStart) {
          begun.add(part.id);
        }
        return { ...part, id: idFor(part.id, isStart) };
      }
      if (part.toolCallId === undefined) {
        return part;
      }
      // The input of a call may have arrived before, under the same id.
      const isNew = part.type === "tool-call" && !begun.delete(part.toolCallId);
      return { ...part, toolCallId: idFor(part.toolCallId, isNew) };
    };
  }
}

/** Returns the usage as the AI SDK reports it: version 2 of the specification has plain counts, later ones details. */
function usageOf(usage: unknown): LanguageModelUsage {
  const { inputTokens, outputTokens, ...flat } = (usage ?? {}) as Record<string, unknown>;
  const input = countsOf(inputTokens);
  const output = countsOf(outputTokens);
  const isUnknown = input["total"] === undefined && output["total"] === undefined;
  return {
    inputTokens: input["total"],
    inputTokenDetails: {
      noCacheTokens: input["noCache"],
      cacheReadTokens: input["cacheRead"] ?? countsOf(flat["cachedInputTokens"])["total"],
      cacheWriteTokens: input["cacheWrite"],
    },
    outputTokens: output["total"],
    outputTokenDetails: {
      textTokens: output["text"],
      reasoningTokens: output["reasoning"] ?? countsOf(flat["reasoningTokens"])["total"],
    },
    totalTokens: isUnknown ? undefined : (input["total"] ?? 0) + (output["total"] ?? 0),
  };
}

function countsOf(counts: unknown): Readonly<Record<string, number | undefined>> {
  return typeof counts === "number"
    ? { total: counts }
    : ((counts ?? {}) as Readonly<Record<string, number | undefined>>);
}
