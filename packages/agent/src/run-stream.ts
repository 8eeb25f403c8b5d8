import { untilAborted, within } from "@sessiondb/core/adapter";
import {
  createUIMessageStreamResponse,
  streamText,
  type InferUIMessageChunk,
  type TextStreamPart,
  type ToolSet,
  type UIMessage,
  type UIMessageStreamOptions,
} from "ai";
import { Generation, type GenerationOutcome } from "./generation.ts";
import type { RunResult } from "./model-component-options.ts";
import type { RunInProgress } from "./run-in-progress.ts";

type AiStream = ReturnType<typeof streamText<ToolSet>>;
type Part = TextStreamPart<ToolSet>;

/**
 * A run whose answer can be read as it arrives. The run continues whether or not anyone reads; a reader that leaves the
 * loop or disconnects cancels it. A stream ends when the run is stored, and fails if that fails.
 */
export class RunStream {
  readonly runId: string;
  readonly sessionId: string;
  /**
   * The outcome of the run, once it is stored; a cancelled run resolves with what had arrived. Rejects with the error
   * of the model or of the storage.
   */
  readonly result: Promise<RunResult>;
  readonly #run: RunInProgress;
  readonly #stream: AiStream;

  private constructor(run: RunInProgress, stream: AiStream, result: Promise<RunResult>) {
    this.#run = run;
    this.#stream = stream;
    this.result = result;
    ({ runId: this.runId, sessionId: this.sessionId } = run.prepared.scope);
  }

  /** Asks the model and starts storing the run. */
  static start(run: RunInProgress): RunStream {
    const { stream, outcome } = startStream(run);
    const result = outcome.then((ended) => run.end(ended));
    // The streams report the rejection too.
    result.catch(() => {});
    return new RunStream(run, stream, result);
  }

  /** The parts of the answer, as the AI SDK streams them. An error of the model is a part. */
  get fullStream(): ReadableStream<Part> {
    return this.#guarded(this.#stream.fullStream, { failed: () => true });
  }

  /** The text of the answer, piece by piece. */
  get textStream(): ReadableStream<string> {
    return this.#guarded(this.#stream.textStream, { failed: () => false });
  }

  /** Returns a stream of the answer for the hooks of `@ai-sdk/react` and similar packages. */
  toUIMessageStream(options?: UIMessageStreamOptions<UIMessage>): ReadableStream<InferUIMessageChunk<UIMessage>> {
    return this.#guarded(this.#stream.toUIMessageStream(options), { failed: (chunk) => chunk.type === "error" });
  }

  /** Returns an HTTP response for those hooks. */
  toUIMessageStreamResponse(options: ResponseInit & UIMessageStreamOptions<UIMessage> = {}): Response {
    const { status, statusText, headers, ...rest } = options;
    const init = {
      ...(status !== undefined && { status }),
      ...(statusText !== undefined && { statusText }),
      ...(headers !== undefined && { headers }),
    };
    return createUIMessageStreamResponse({ ...init, stream: this.toUIMessageStream(rest) });
  }

  /** Returns an HTTP response with the answer as plain text. */
  toTextStreamResponse(init: ResponseInit = {}): Response {
    const headers = new Headers(init.headers);
    if (!headers.has("content-type")) {
      headers.set("content-type", "text/plain; charset=utf-8");
    }
    return new Response(this.textStream.pipeThrough(new TextEncoderStream()), { ...init, headers });
  }

  /** Passes items on, ends when the run is stored, and cancels the run when the reader leaves. */
  #guarded<Item>(source: ReadableStream<Item>, { failed }: { failed: (item: Item) => boolean }): ReadableStream<Item> {
    const reader = source.getReader();
    const ended = this.result.then(
      () => null,
      () => null,
    );
    let told = false;
    return new ReadableStream<Item>(
      {
        pull: async (controller) => {
          // A model that ignores the cancellation would keep its readers waiting.
          const next = await Promise.race([reader.read(), ended.then(() => drained(reader))]);
          if (next === null || next.done) {
            try {
              await this.result;
              controller.close();
            } catch (error) {
              if (told) {
                controller.close();
              } else {
                controller.error(error);
              }
            }
            return;
          }
          told ||= isError(next.value) && failed(next.value);
          controller.enqueue(next.value);
        },
        cancel: (reason: unknown) => {
          this.#run.abort(reason ?? new DOMException("The reader of the run's answer stopped reading.", "AbortError"));
          reader.cancel(reason).catch(() => {});
        },
      },
      { highWaterMark: 0 },
    );
  }
}

function isError(item: unknown): boolean {
  return typeof item === "object" && item !== null && "type" in item && item.type === "error";
}

/** Returns what a source has ready when the run has ended; null if nothing is left. */
async function drained<Item>(
  reader: ReadableStreamDefaultReader<Item>,
): Promise<Awaited<ReturnType<typeof reader.read>> | null> {
  const nothing = new Promise<null>((resolve) => setImmediate(() => resolve(null)));
  return Promise.race([reader.read(), nothing]);
}

/** The milliseconds that a model has to end its stream after an abort. */
const abortGrace = 1000;

function startStream(run: RunInProgress): { stream: AiStream; outcome: Promise<GenerationOutcome> } {
  const { request } = run.prepared;
  const generation = new Generation(request);
  let finished = false;
  const failures: unknown[] = [];
  const stream = streamText({
    ...generation.options,
    onChunk: ({ chunk }: { chunk: Part }) => generation.see(chunk),
    onError: ({ error }: { error: unknown }) => {
      failures.push(error);
    },
    onFinish: () => {
      finished = true;
    },
  });
  const outcome = (async (): Promise<GenerationOutcome> => {
    try {
      await consume(stream, { signal: request.signal, onError: (error) => void failures.push(error) });
      if (finished && failures.length === 0) {
        return generation.completed(request.settings.output === undefined ? undefined : await stream.output);
      }
      return generation.failed(request.signal.aborted ? request.signal.reason : failures[0]);
    } catch (error) {
      return generation.failed(error);
    }
  })();
  run.begin();
  return { stream, outcome };
}

/** Reads a stream to its end, so that the run does not depend on its readers. */
async function consume(
  stream: AiStream,
  { signal, onError }: { readonly signal: AbortSignal; readonly onError: (error: unknown) => void },
): Promise<void> {
  const ended = Promise.resolve(stream.consumeStream({ onError }));
  try {
    await untilAborted(ended, signal);
  } catch {
    await within(ended, abortGrace, () => {});
  }
}
