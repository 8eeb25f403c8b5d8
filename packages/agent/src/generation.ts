import { InvalidArgumentError, type JsonValue, type Metrics, type ToolExecution } from "@sessiondb/core";
import { named, present, untilAborted } from "@sessiondb/core/adapter";
import {
  generateText,
  type Output,
  stepCountIs,
  streamText,
  type LanguageModel,
  type ModelMessage,
  type StepResult,
  type TextStreamPart,
  type ToolSet,
} from "ai";
import { runMetrics } from "./metrics.ts";
import type { Resumption } from "./resumption.ts";
import { toolExecutions } from "./tool-executions.ts";

type GenerateOptions = Parameters<typeof generateText<ToolSet>>[0];
type PrepareStep = NonNullable<GenerateOptions["prepareStep"]>;
type StreamOptions = Parameters<typeof streamText<ToolSet>>[0];

/** Settings of `generateText` and `streamText`, such as temperature, output, stop conditions and provider options. */
export type GenerationSettings = Partial<
  Omit<
    GenerateOptions & StreamOptions,
    | "model"
    | "tools"
    | "system"
    | "prompt"
    | "messages"
    | "abortSignal"
    | "experimental_context"
    | `on${string}`
    | "_internal"
    | "output"
  >
> & {
  /** The structure of the answer, such as `Output.object({ schema })`. Default: text. */
  output?: Output.Output<unknown, unknown, unknown>;
};

/** The settings of the AI SDK that agents and teams have options for, or set themselves. */
const ownSettings = /^(model|tools|system|prompt|messages|abortSignal|experimental_context|_internal|on[A-Z].*)$/;

/** Reads the settings. Omits undefined ones, which would override a default. */
export function generationSettings(value: unknown, argument: string): GenerationSettings {
  const settings = named(value === undefined ? {} : value, argument);
  for (const name of Object.keys(settings)) {
    if (ownSettings.test(name)) {
      throw new InvalidArgumentError(`${argument}.${name}`, "left out: the agent or team sets it");
    }
  }
  return present(settings);
}

export interface GenerationRequest {
  readonly model: LanguageModel;
  readonly system: string | null;
  readonly messages: ModelMessage[];
  readonly tools: ToolSet;
  readonly settings: GenerationSettings;
  readonly signal: AbortSignal;
  /** Passed to tools as `experimental_context`. */
  readonly context: unknown;
  /** The approved calls to run before the model is asked, in a run that continues; else null. */
  readonly resumption: Resumption | null;
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
  readonly metrics: Metrics;
  readonly model: string;
  readonly modelProvider: string;
}

/** Limits the cost of a model that never stops calling tools. */
const mostSteps = 20;

/** Collects the results of a generation as they arrive. */
export class Generation {
  readonly #request: GenerationRequest;
  readonly #start = performance.now();
  #firstToken: number | null = null;
  #steps: StepResult<ToolSet>[] = [];
  #messages: ModelMessage[] = [];
  /** The current step of a stream, part by part. */
  #text = "";
  #reasoning = "";
  #calls: { toolCallId: string; toolName: string; input: unknown }[] = [];

  constructor(request: GenerationRequest) {
    this.#request = request;
  }

  get options(): StreamOptions & GenerateOptions {
    const { model, system, messages, tools, settings, signal, context, resumption } = this.#request;
    return {
      stopWhen: stepCountIs(mostSteps),
      ...settings,
      model,
      messages,
      tools,
      ...(system !== null && { system }),
      abortSignal: signal,
      experimental_context: context,
      onStepFinish: (step: StepResult<ToolSet>) => this.#finishStep(step),
      ...(resumption !== null && {
        prepareStep: async (step: Parameters<PrepareStep>[0]) => {
          resumption.begin();
          if (step.stepNumber === 0) {
            this.#messages = step.messages.slice(messages.length);
          }
          return settings.prepareStep?.(step);
        },
      }),
    } as StreamOptions & GenerateOptions;
  }

  /** Records a part of a stream. */
  see(part: TextStreamPart<ToolSet>): void {
    if (part.type === "text-delta") {
      this.#firstToken ??= performance.now();
      this.#text += part.text;
    } else if (part.type === "reasoning-delta") {
      this.#firstToken ??= performance.now();
      this.#reasoning += part.text;
    } else if (part.type === "tool-call") {
      this.#calls.push(part);
    }
  }

  completed(output?: JsonValue): GenerationOutcome {
    const waits = this.#steps.at(-1)?.content.some((part) => part.type === "tool-approval-request") === true;
    return this.#outcome(waits ? "PAUSED" : "COMPLETED", { output });
  }

  failed(error: unknown): GenerationOutcome {
    return this.#outcome(this.#request.signal.aborted ? "CANCELLED" : "ERROR", { error });
  }

  #finishStep(step: StepResult<ToolSet>): void {
    this.#firstToken ??= performance.now();
    this.#steps.push(step);
    this.#messages = [...step.response.messages];
    [this.#text, this.#reasoning, this.#calls] = ["", "", []];
  }

  #outcome(
    status: GenerationStatus,
    { error = null, output }: { error?: unknown; output?: JsonValue | undefined },
  ): GenerationOutcome {
    const last = this.#steps.at(-1);
    const { model } = this.#request;
    const id = last?.model.modelId ?? (typeof model === "string" ? model : model.modelId);
    const provider = last?.model.provider ?? (typeof model === "string" ? "" : model.provider);
    const partial = this.#partialMessage();
    const messages = this.#messages.length > 0 ? this.#messages : (this.#request.resumption?.messages ?? []);
    const reasoning = [...this.#steps.map((step) => step.reasoningText ?? ""), this.#reasoning].filter(
      (text) => text !== "",
    );
    return {
      status,
      error,
      messages: partial === null ? messages : [...messages, partial],
      text: partial === null ? (last?.text ?? "") : this.#text,
      reasoning: reasoning.length === 0 ? null : reasoning.join("\n\n"),
      output,
      tools: toolExecutions({ steps: this.#steps, unfinished: this.#calls, messages }),
      metrics: runMetrics(
        { id, provider, usage: this.#steps.map(({ usage }) => usage) },
        {
          duration: (performance.now() - this.#start) / 1000,
          timeToFirstToken: this.#firstToken === null ? null : (this.#firstToken - this.#start) / 1000,
        },
      ),
      model: id,
      modelProvider: provider,
    };
  }

  /** Returns the message of an unfinished step as far as it got; null if it said nothing. */
  #partialMessage(): ModelMessage | null {
    if (this.#text === "" && this.#reasoning === "" && this.#calls.length === 0) {
      return null;
    }
    return {
      role: "assistant",
      content: [
        ...(this.#reasoning === "" ? [] : [{ type: "reasoning" as const, text: this.#reasoning }]),
        ...(this.#text === "" ? [] : [{ type: "text" as const, text: this.#text }]),
        ...this.#calls.map(({ toolCallId, toolName, input }) => ({
          type: "tool-call" as const,
          toolCallId,
          toolName,
          input,
        })),
      ],
    };
  }
}

/** Asks the model and runs its tools until there is an answer. Never rejects; an abort ends it at once. */
export async function generate(request: GenerationRequest): Promise<GenerationOutcome> {
  const generation = new Generation(request);
  try {
    // The AI SDK would still run approved tools.
    request.signal.throwIfAborted();
    const result = await untilAborted(generateText(generation.options), request.signal);
    return generation.completed(request.settings.output === undefined ? undefined : result.output);
  } catch (error) {
    return generation.failed(error);
  }
}
