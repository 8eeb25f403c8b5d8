import { untilAborted, within } from "@sessiondb/core/adapter";
import { streamText, type ToolSet } from "ai";
import { withEndCallback } from "./callbacks.ts";
import { Generation, type GenerationOutcome, type GenerationRequest } from "./generation.ts";
import type { RunInProgress } from "./run-in-progress.ts";

export type AiStream = ReturnType<typeof streamText<ToolSet>>;

/** The milliseconds that the AI SDK has after an abort to pass on what had arrived. It waits for tools that ignore it. */
const abortGrace = 100;

/** A generation that streams. */
export interface StartedStream {
  readonly stream: AiStream;
  readonly outcome: Promise<GenerationOutcome>;
  /** The signal that ends it early. */
  readonly signal: AbortSignal;
}

/** Asks the model, and starts storing the run. */
export function startStream(run: RunInProgress): StartedStream {
  const started = streamGeneration(run.prepared.request);
  run.begin();
  return started;
}

/** Asks the model. */
export function streamGeneration(request: GenerationRequest): StartedStream {
  const generation = new Generation(request);
  const { signal } = generation;
  let isFinished = false;
  const failures: unknown[] = [];
  const stream = streamText({
    ...generation.options,
    experimental_transform: generation.transforms,
    onError: ({ error }: { error: unknown }) => {
      failures.push(error);
    },
    // The AI SDK calls onFinish after an abort too, once a step has ended.
    onAbort: () => {
      failures.push(signal.aborted ? signal.reason : new DOMException("generation.timeout expired.", "TimeoutError"));
    },
    ...withEndCallback(request.callbacks, () => {
      isFinished = true;
    }),
  });
  const outcome = (async (): Promise<GenerationOutcome> => {
    try {
      await consume(stream, { signal, onError: (error) => void failures.push(error) });
      if (isFinished && failures.length === 0) {
        return await generation.completed(() => stream.output);
      }
      return generation.failed(signal.aborted ? signal.reason : failures[0]);
    } catch (error) {
      return generation.failed(error);
    }
  })();
  return { stream, outcome, signal };
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
