import type { ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { JsonObject } from "@sessiondb/core";
import { present } from "@sessiondb/core/adapter";
import {
  createUIMessageStreamResponse,
  type AsyncIterableStream,
  type InferStreamOutput,
  type InferUIMessageChunk,
  type InferUITools,
  type OutputInterface,
  type TextStreamPart,
  type ToolSet,
  type UIMessage,
  type UIMessageStreamOptions,
} from "ai";
import { guardedStream, nothingReady, type GuardItems } from "./guarded-stream.ts";
import type { AnyOutput, RunResult } from "./model-component-options.ts";
import type { RunInProgress } from "./run-in-progress.ts";
import { startStream, type AiStream, type StartedStream } from "./started-stream.ts";

type Part = TextStreamPart<ToolSet>;
type UIMessageResponseInit = Omit<Parameters<typeof createUIMessageStreamResponse>[0], "stream">;
type Denial = Extract<Part, { type: "tool-output-denied" }>;
/** The UI messages of an agent with these tools. */
type ToolUIMessage<Tools extends ToolSet> = UIMessage<unknown, never, InferUITools<Tools>>;

/** Returns the result of `streamText` for a run, with streams that end, and promises that resolve, once the run is stored. */
export let streamTextResultOf: (stream: RunStream) => AiStream;

/**
 * A run whose answer can be read as it arrives. The run continues whether or not anyone reads; a reader that leaves the
 * loop or disconnects cancels it. A stream ends when the run is stored, and fails if that fails.
 */
export class RunStream<
  Tools extends ToolSet = ToolSet,
  Output extends OutputInterface = AnyOutput,
  State extends object = JsonObject,
> {
  readonly runId: string;
  readonly sessionId: string;
  /**
   * The outcome of the run, once it is stored; a cancelled run resolves with what had arrived. Rejects with the error
   * of the model or of the storage.
   */
  readonly result: Promise<RunResult<Tools, Output, State>>;
  readonly #run: RunInProgress;
  readonly #stream: AiStream;
  readonly #signal: AbortSignal;
  /**
   * Resolves once the run has ended by an abort: a model that ignores it would keep readers waiting. Pending after any
   * other end.
   */
  readonly #abandoned: Promise<void>;

  private constructor(
    run: RunInProgress,
    { stream, signal }: StartedStream,
    result: Promise<RunResult<Tools, Output, State>>,
  ) {
    this.#run = run;
    this.#stream = stream;
    this.#signal = signal;
    this.result = result;
    this.#abandoned = new Promise((resolve) => {
      const ended = (): void => {
        if (signal.aborted) {
          resolve();
        }
      };
      result.then(ended, ended);
    });
    ({ runId: this.runId, sessionId: this.sessionId } = run.prepared.scope);
  }

  /** Asks the model and starts storing the run. Rejects if its signal has aborted, or if its input does not pass. */
  static async start<Tools extends ToolSet, Output extends OutputInterface, State extends object>(
    run: RunInProgress,
  ): Promise<RunStream<Tools, Output, State>> {
    if (run.prepared.scope.signal.aborted) {
      // Stores it as CANCELLED; a stream would ask the model first.
      await run.answer();
    }
    await run.admit();
    const started = startStream(run);
    const result = run.end(started.outcome) as Promise<unknown> as Promise<RunResult<Tools, Output, State>>;
    // The streams report the rejection too.
    result.catch(() => {});
    return new RunStream(run, started, result);
  }

  /** The parts of the answer, as the AI SDK streams them. An error of the model is a part; `finish` waits for the store. */
  get fullStream(): ReadableStream<TextStreamPart<Tools>> {
    const source = this.#stream.fullStream as AsyncIterableStream<TextStreamPart<Tools>>;
    return this.#guarded(source, { opening: this.#denials });
  }

  /** The text of the answer, piece by piece. */
  get textStream(): ReadableStream<string> {
    return this.#guarded(this.#stream.textStream);
  }

  /** The answer to `generation.output` as far as it has arrived, whenever it has grown. */
  get partialOutputStream(): ReadableStream<InferStreamOutput<Output>> {
    return this.#guarded(this.#stream.partialOutputStream as AsyncIterableStream<InferStreamOutput<Output>>);
  }

  /**
   * Returns a stream of the answer for the hooks of `@ai-sdk/react` and similar packages. The id of its message is the run's,
   * as in `toUIMessages`, unless the options choose one. When the run fails, its last chunk
   * is an `error`, and there is no `finish`; that comes once the run is stored.
   */
  toUIMessageStream<Message extends UIMessage = ToolUIMessage<Tools>>(
    options: UIMessageStreamOptions<Message> = {},
  ): ReadableStream<InferUIMessageChunk<Message>> {
    // The AI SDK's default too: a message may tell the client more than it should know.
    const { onError = () => "An error occurred.", generateMessageId = () => this.runId } = options;
    const ids = { ...options, generateMessageId };
    return this.#guarded<InferUIMessageChunk<Message>>(this.#stream.toUIMessageStream(ids), {
      failureItem: (error) => ({ type: "error", errorText: onError(error) }),
      opening: this.#denials.map(({ toolCallId }) => ({ type: "tool-output-denied", toolCallId })),
    });
  }

  /** Returns an HTTP response for those hooks. */
  toUIMessageStreamResponse<Message extends UIMessage = ToolUIMessage<Tools>>(
    options: UIMessageResponseInit & UIMessageStreamOptions<Message> = {},
  ): Response {
    const { status, statusText, headers, keepAliveMs, consumeSseStream, ...rest } = options;
    const init = present({ status, statusText, headers, keepAliveMs, consumeSseStream });
    return createUIMessageStreamResponse({ ...init, stream: this.toUIMessageStream(rest) });
  }

  /**
   * Writes the response for those hooks to one of node:http, Express or the like. Resolves when it has been written, and
   * rejects when the client leaves before, which cancels the run.
   */
  async pipeUIMessageStreamToResponse<Message extends UIMessage = ToolUIMessage<Tools>>(
    response: ServerResponse,
    options: UIMessageResponseInit & UIMessageStreamOptions<Message> = {},
  ): Promise<void> {
    await written(this.toUIMessageStreamResponse(options), response);
  }

  /** Writes the answer as plain text to a response of node:http, like `pipeUIMessageStreamToResponse`. */
  async pipeTextStreamToResponse(response: ServerResponse, init: ResponseInit = {}): Promise<void> {
    await written(this.toTextStreamResponse(init), response);
  }

  /** Returns an HTTP response with the answer as plain text. */
  toTextStreamResponse(init: ResponseInit = {}): Response {
    const headers = new Headers(init.headers);
    if (!headers.has("content-type")) {
      headers.set("content-type", "text/plain; charset=utf-8");
    }
    return new Response(this.textStream.pipeThrough(new TextEncoderStream()), { ...init, headers });
  }

  /** Returns the AI SDK's result, with streams that end, and promises that resolve, once the run is stored. */
  #aiResult(): AiStream {
    const parts = { failureItem: (error: unknown): Part => ({ type: "error", error }), opening: this.#denials };
    const guarded: Readonly<Record<string, () => unknown>> = {
      fullStream: () => this.#guarded<Part>(this.#stream.fullStream, parts),
      // Of version 7.
      stream: () => this.#guarded<Part>(this.#stream.fullStream, parts),
      elementStream: () => this.#guarded(this.#stream.elementStream),
      experimental_partialOutputStream: () => this.partialOutputStream,
      consumeStream: () => async (options?: { readonly onError?: (error: unknown) => void }) => {
        await this.result.catch((error: unknown) => options?.onError?.(error));
      },
    };
    return new Proxy(this.#stream, {
      get: (target, name) => {
        if (typeof name === "string" && Object.hasOwn(guarded, name)) {
          return guarded[name]?.();
        }
        const source = name in RunStream.prototype ? this : target;
        const member: unknown = Reflect.get(source, name, source);
        if (member instanceof Promise) {
          // Version 6 leaves promises pending while a tool goes on after an abort.
          const abandoned = this.#abandoned.then(nothingReady).then(() => {
            throw this.#signal.reason;
          });
          const settled = this.result.then(() => Promise.race([member, abandoned]));
          // Nobody has to read all of them.
          [member, abandoned, settled].forEach((each) => void each.catch(() => {}));
          return settled;
        }
        return typeof member === "function" ? (member.bind(source) as unknown) : member;
      },
    });
  }

  static {
    streamTextResultOf = (stream) => stream.#aiResult();
  }

  /** The parts that tell which calls were denied: the AI SDK was given the outcome of these, as of all that are decided. */
  get #denials(): Denial[] {
    return this.#run.prepared.denied.map((call) => ({ type: "tool-output-denied", ...call }));
  }

  /** Passes the items of a stream of the AI SDK on; see `guardedStream`. */
  #guarded<Item>(source: ReadableStream<Item>, items: GuardItems<Item> = {}): ReadableStream<Item> {
    const { result } = this;
    const abort = (reason: unknown): void => this.#run.abort(reason);
    const isHeld = this.#run.prepared.guardrails.holdsOutput;
    return guardedStream(source, { ...items, result, signal: this.#signal, abandoned: this.#abandoned, abort, isHeld });
  }
}

async function written({ status, statusText, headers, body }: Response, response: ServerResponse): Promise<void> {
  response.writeHead(status, statusText, Object.fromEntries(headers));
  await pipeline(Readable.fromWeb(body ?? new ReadableStream()), response);
}
