import { messagesAfter, type Refusal } from "@sessiondb/ai-sdk/codec";
import { InvalidArgumentError, type JsonValue, type Metrics, type ToolExecution } from "@sessiondb/core";
import { anySignal, named, present, untilAborted } from "@sessiondb/core/adapter";
import {
  generateText,
  stepCountIs,
  streamText,
  type FinishReason,
  type LanguageModel,
  type LanguageModelUsage,
  type ModelMessage,
  type OutputInterface,
  type StepResult,
  type TextStreamPart,
  type ToolSet,
} from "ai";
import { thrownOf, type Prices } from "@sessiondb/turns";
import { withStepCallback, type Callbacks } from "./callbacks.ts";
import { runMetrics, totalUsage } from "./metrics.ts";
import { ModelWatch } from "./model-watch.ts";
import type { RunObserver } from "./run-hooks.ts";
import { outlineOf, type StepOutline } from "./run-steps.ts";
import { SaidInStep, type Source } from "./said-in-step.ts";
import { withShown } from "./shown-parts.ts";
import { toolExecutions, waitingCalls } from "./tool-executions.ts";
import type { ToolWatch } from "./tool-watch.ts";

type GenerateOptions = Parameters<typeof generateText<ToolSet>>[0];
type PrepareStep = NonNullable<GenerateOptions["prepareStep"]>;
type StreamOptions = Parameters<typeof streamText<ToolSet>>[0];

/** Options of which each may also be undefined, as if it were left out. */
type Undefinable<Options> = { [Name in keyof Options]?: Options[Name] | undefined };

/** Settings of `generateText` and `streamText`, such as temperature, output, stop conditions and provider options. */
export type GenerationSettings<Out extends OutputInterface = OutputInterface> = Undefinable<
  Omit<
    GenerateOptions & StreamOptions,
    | "model"
    | "tools"
    | "system"
    | "prompt"
    | "messages"
    | "abortSignal"
    | "experimental_context"
    // Of version 7.
    | "instructions"
    | "runtimeContext"
    | "toolsContext"
    | "allowSystemInMessages"
    | `on${string}`
    | "_internal"
    | "output"
  >
> & {
  /** The structure of the answer, such as `Output.object({ schema })`. Default: text. */
  output?: Out | undefined;
};

/** The settings of the AI SDK that agents and teams have options for, or set themselves. */
const ownSettings =
  /^(model|tools|system|instructions|prompt|messages|allowSystemInMessages|abortSignal|experimental_context|runtimeContext|toolsContext|_internal|on[A-Z].*)$/;

/** Reads the settings. Omits undefined ones, which would override a default. */
export function generationSettings(value: unknown, argument: string): GenerationSettings {
  const settings = named(value === undefined ? {} : value, argument);
  for (const name of Object.keys(settings)) {
    if (ownSettings.test(name)) {
      const instead = name.startsWith("on")
        ? "read the result, or fullStream of a stream"
        : "the agent or team sets it";
      throw new InvalidArgumentError(`${argument}.${name}`, `left out: ${instead}`);
    }
  }
  return present(settings);
}

/** What the caller of one run may set, beside the options of the agent or team. */
export interface CallSettings {
  readonly settings: GenerationSettings;
  readonly callbacks: Callbacks;
}

export const plainCall: CallSettings = { settings: {}, callbacks: {} };

export interface GenerationRequest {
  readonly model: LanguageModel;
  readonly system: string | null;
  readonly messages: ModelMessage[];
  readonly tools: ToolSet;
  readonly settings: GenerationSettings;
  readonly signal: AbortSignal;
  readonly prices: Prices;
  /** Watches the tools, and the approved calls that run before the model is asked in a run that continues. */
  readonly watch: ToolWatch;
  /** The caller's callbacks of the AI SDK. */
  readonly callbacks: Callbacks;
  /** Stores the run as far as it is. */
  readonly checkpoint: (soFar: () => GenerationOutcome) => void;
  readonly observer: Pick<RunObserver, "stepEnded">;
}

export type GenerationStatus = "COMPLETED" | "PAUSED" | "CANCELLED" | "ERROR";

/** The outcome of a generation, successful or not. */
export interface GenerationOutcome {
  readonly status: GenerationStatus;
  /** The error that was thrown; null unless the status is ERROR or CANCELLED. */
  readonly error: unknown;
  /** The messages that the model and its tools added before the end. */
  readonly messages: ModelMessage[];
  /** The text of the last step. */
  readonly text: string;
  readonly reasoning: string | null;
  /** The parsed output, if `settings.output` asked for one. */
  readonly output: JsonValue | undefined;
  readonly tools: ToolExecution[];
  /** What tools were passed, by the id of the call. */
  readonly inputs: ReadonlyMap<string, unknown>;
  /** What they returned. */
  readonly outputs: ReadonlyMap<string, unknown>;
  readonly metrics: Metrics;
  /** The tokens of all steps. */
  readonly usage: LanguageModelUsage;
  /** The steps, also one that did not end. */
  readonly steps: readonly StepOutline[];
  /** Why the last step ended; null if it did not, or if there is none. */
  readonly finishReason: FinishReason | null;
  readonly sources: readonly Source[];
  readonly model: string;
  readonly modelProvider: string;
  /** What a guardrail did not let pass. */
  readonly refusal?: Refusal;
}

type StreamPart = TextStreamPart<ToolSet>;

/** What is known of a step that did not end. */
type UnfinishedStep = Pick<SaidInStep, "text" | "reasoning" | "content" | "calls" | "sources">;

/** Limits the cost of a model that never stops calling tools. */
const mostSteps = 20;

/** Collects the results of a generation as they arrive. */
export class Generation {
  /** Aborts with the request's signal, and when a time of `settings.timeout` is over. */
  readonly signal: AbortSignal;
  readonly #timeout = new AbortController();
  /** Aborts when the generation has failed, to end what its tools still do. */
  readonly #failure = new AbortController();
  readonly #request: GenerationRequest;
  readonly #start = performance.now();
  readonly #watch: ModelWatch;
  #firstToken: number | null = null;
  #steps: StepResult<ToolSet>[] = [];
  /** Whether a step has begun and not ended. */
  #isInStep = false;
  #messages: ModelMessage[] = [];
  /** The current step of a stream. */
  #seen: SaidInStep;

  constructor(request: GenerationRequest) {
    this.#request = request;
    this.#seen = new SaidInStep(request.tools);
    this.#watch = new ModelWatch(idsIn(request.messages, "tool-call"), (reason) => {
      if (!this.#failure.signal.aborted) {
        this.#timeout.abort(reason);
      }
    });
    request.watch.onResult = () => request.checkpoint(() => this.soFar());
    const { timeout } = request.settings;
    const total = typeof timeout === "object" ? timeout.totalMs : timeout;
    this.signal = anySignal(
      request.signal,
      this.#timeout.signal,
      // The AI SDK leaves it to the model, which may not have been asked yet.
      ...(total === undefined ? [] : [AbortSignal.timeout(total)]),
    );
  }

  get options(): StreamOptions & GenerateOptions {
    const { model, system, messages, tools, settings, watch, callbacks } = this.#request;
    return {
      stopWhen: stepCountIs(mostSteps),
      ...settings,
      model: this.#watch.watched(model),
      messages,
      tools: watch.watched(tools),
      ...(system !== null && { system }),
      abortSignal: anySignal(this.signal, this.#failure.signal),
      ...callbacks,
      ...withStepCallback(callbacks, (step) => this.#finishStep(step)),
      prepareStep: async (step: Parameters<PrepareStep>[0]) => {
        this.signal.throwIfAborted();
        watch.begin();
        this.#isInStep = true;
        const prepared = await settings.prepareStep?.(step);
        return prepared?.model === undefined ? prepared : { ...prepared, model: this.#watch.watched(prepared.model) };
      },
    } as unknown as StreamOptions & GenerateOptions;
  }

  /** The transforms of a stream: those of the settings, and one that notes what readers are given. */
  get transforms(): NonNullable<StreamOptions["experimental_transform"]> {
    return [...[this.#request.settings.experimental_transform ?? []].flat(), () => this.#seeing()];
  }

  #seeing(): TransformStream<StreamPart, StreamPart> {
    return new TransformStream({
      transform: (part, controller) => {
        if (part.type === "text-delta" || part.type === "reasoning-delta") {
          this.#firstToken ??= performance.now();
        }
        this.#seen.see(part);
        controller.enqueue(part);
      },
    });
  }

  /** Returns the outcome of a generation that ended by itself. `readOutput` returns the parsed output. */
  async completed(readOutput: () => unknown): Promise<GenerationOutcome> {
    const last = this.#steps.at(-1);
    if (last?.finishReason === "error") {
      return this.failed(new Error("The model ended its answer with an error. Ask again."));
    }
    const isPaused = last !== undefined && waitingCalls(last, this.#request.tools).size > 0;
    // The AI SDK parses an answer only if the model ended it by itself.
    const hasOutput = this.#request.settings.output !== undefined && !isPaused && last?.finishReason === "stop";
    const output = hasOutput ? ((await readOutput()) as JsonValue) : undefined;
    this.#request.watch.end();
    this.#watch.end();
    return this.#outcome(isPaused ? "PAUSED" : "COMPLETED", { output });
  }

  async failed(thrown: unknown): Promise<GenerationOutcome> {
    const { signal, watch } = this.#request;
    const status = signal.aborted ? "CANCELLED" : "ERROR";
    const error = thrownOf(thrown);
    this.#failure.abort(error);
    await watch.awaitedEnded();
    watch.end();
    this.#watch.end();
    return this.#outcome(status, { error });
  }

  /** Returns the run as far as it is, to be stored. */
  soFar(): GenerationOutcome {
    return this.#outcome("CANCELLED", {});
  }

  #finishStep(step: StepResult<ToolSet>): void {
    this.#firstToken ??= performance.now();
    this.#steps.push(step);
    this.#isInStep = false;
    this.#messages = messagesAfter(this.#messages, step);
    this.#watch.stepEnded();
    this.#seen = new SaidInStep(this.#request.tools);
    this.#request.observer.stepEnded(step);
  }

  #outcome(
    status: GenerationStatus,
    { error = null, output }: { error?: unknown; output?: JsonValue | undefined },
  ): GenerationOutcome {
    const last = this.#steps.at(-1);
    const { model, tools, prices } = this.#request;
    const id = last?.model.modelId ?? (typeof model === "string" ? model : model.modelId);
    const provider = last?.model.provider ?? (typeof model === "string" ? "" : model.provider);
    const unfinished = this.#unfinished();
    const messages = this.#allMessages(unfinished);
    const reasoning = [...this.#steps.map((step) => step.reasoningText ?? ""), unfinished?.reasoning ?? ""].filter(
      (text) => text !== "",
    );
    const used = [
      ...this.#steps.map((step) => ({ id: step.model.modelId, provider: step.model.provider, usage: step.usage })),
      ...(this.#watch.usage === null ? [] : [{ id, provider, usage: this.#watch.usage }]),
    ];
    return {
      status,
      error,
      messages,
      text: unfinished === null ? (last?.text ?? "") : unfinished.text,
      reasoning: reasoning.length === 0 ? null : reasoning.join("\n\n"),
      output,
      tools: toolExecutions({ steps: this.#steps, unfinished: unfinished?.calls ?? [], messages, tools }),
      inputs: new Map(
        [...this.#request.watch.calls, ...callsIn(this.#steps)].map((call) => [call.toolCallId, call.input]),
      ),
      outputs: new Map([...this.#request.watch.outputs, ...outputsIn(this.#steps)]),
      metrics: runMetrics(used, {
        prices,
        duration: (performance.now() - this.#start) / 1000,
        timeToFirstToken: this.#firstToken === null ? null : (this.#firstToken - this.#start) / 1000,
      }),
      usage: totalUsage(used.map(({ usage }) => usage)),
      steps: [...this.#steps.map(outlineOf), ...this.#openStep(unfinished, id)],
      finishReason: this.#isInStep ? null : (last?.finishReason ?? null),
      sources: [...this.#steps.flatMap((step) => step.sources), ...(unfinished?.sources ?? [])],
      model: id,
      modelProvider: provider,
    };
  }

  /** Returns a step that did not end, if anything is known of it. */
  #openStep(unfinished: UnfinishedStep | null, model: string): StepOutline[] {
    const { usage } = this.#watch;
    if (unfinished === null && usage === null) {
      return [];
    }
    const { text = "", calls = [] } = unfinished ?? {};
    const toolCallIds = calls.map(({ toolCallId }) => toolCallId);
    return [{ text, model, finishReason: null, toolCallIds, usage: usage ?? totalUsage([]) }];
  }

  /** Returns what was said and called in a step that did not end; null if nothing was. */
  #unfinished(): UnfinishedStep | null {
    const { text, reasoning, content, calls: said, sources } = this.#watch.said ?? this.#seen;
    const known = new Set([...idsIn(this.#messages, "tool-call"), ...said.map(({ toolCallId }) => toolCallId)]);
    const begun = this.#request.watch.calls.filter(({ toolCallId }) => !known.has(toolCallId));
    const added = begun.map((call) => ({ type: "tool-call" as const, ...call }));
    return content.length + added.length + sources.length === 0
      ? null
      : { text, reasoning, content: [...content, ...added], calls: [...said, ...begun], sources };
  }

  /** Returns the messages of the steps, with what tools returned in a step that did not end. */
  #allMessages(unfinished: UnfinishedStep | null): ModelMessage[] {
    const known = idsIn(this.#messages, "tool-result");
    const { watch } = this.#request;
    const late = [...watch.results, ...(this.#steps.length > 0 ? watch.refused : [])].filter(
      ({ toolCallId }) => !known.has(toolCallId),
    );
    const ofStep = new Set(unfinished?.calls.map(({ toolCallId }) => toolCallId));
    const message = (results: typeof late): ModelMessage[] =>
      results.length === 0 ? [] : [{ role: "tool", content: results }];
    return [
      // Approved tools run before the first step.
      ...message(late.filter(({ toolCallId }) => !ofStep.has(toolCallId))),
      ...withShown(this.#messages, {
        steps: this.#steps,
        tools: this.#request.tools,
        outputs: new Map([...watch.outputs, ...outputsIn(this.#steps)]),
      }),
      ...(unfinished === null || unfinished.content.length === 0
        ? []
        : [{ role: "assistant" as const, content: [...unfinished.content] }]),
      ...message(late.filter(({ toolCallId }) => ofStep.has(toolCallId))),
    ];
  }
}

function callsIn(steps: readonly StepResult<ToolSet>[]): { readonly toolCallId: string; readonly input: unknown }[] {
  return steps.flatMap(({ content }) => content.filter((part) => part.type === "tool-call"));
}

/** Returns what tools of the provider returned, and those that the AI SDK ran. */
function outputsIn(steps: readonly StepResult<ToolSet>[]): [string, unknown][] {
  return steps.flatMap(({ content }) =>
    content.flatMap((part): [string, unknown][] =>
      part.type === "tool-result" && part.preliminary !== true ? [[part.toolCallId, part.output]] : [],
    ),
  );
}

/** Returns the ids of the calls or of the results in messages. */
function idsIn(messages: readonly ModelMessage[], type: "tool-call" | "tool-result"): Set<string> {
  return new Set(
    messages.flatMap(({ content }) =>
      typeof content === "string"
        ? []
        : content.flatMap((part) => (part.type === type && "toolCallId" in part ? [part.toolCallId] : [])),
    ),
  );
}

/** What the AI SDK returns for an answer that is not streamed. */
export type Generated = Awaited<ReturnType<typeof generateText<ToolSet>>>;

/** Asks the model and runs its tools until there is an answer. Never rejects; an abort ends it at once. */
export async function generate(
  request: GenerationRequest,
): Promise<{ readonly outcome: GenerationOutcome; readonly generated: Generated | null }> {
  const generation = new Generation(request);
  try {
    // The AI SDK would still run approved tools.
    request.signal.throwIfAborted();
    const generated = await untilAborted(generateText(generation.options), generation.signal);
    return { outcome: await generation.completed(() => generated.output), generated };
  } catch (error) {
    return { outcome: await generation.failed(error), generated: null };
  }
}
