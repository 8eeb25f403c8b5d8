import { InvalidArgumentError, type JsonValue, type Metrics, type ToolExecution } from "@sessiondb/core";
import { named, present } from "@sessiondb/core/adapter";
import { unlessAborted } from "@sessiondb/turns";
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

/**
 * What the AI SDK is told about how to generate: temperature, output, stop conditions, provider options and so on, as
 * `generateText` and `streamText` take them.
 */
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

/** What of the AI SDK's settings agents and teams say by options of their own, or do themselves. */
const ownSettings = /^(model|tools|system|prompt|messages|abortSignal|experimental_context|_internal|on[A-Z].*)$/;

/** Reads them: a copy without what was given as undefined, which would take the place of a default. */
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
  /** What tools get as `experimental_context`. */
  readonly context: unknown;
  /** The tools that are run before the model is asked, in a run that goes on; else null. */
  readonly resumption: Resumption | null;
}

export type GenerationStatus = "COMPLETED" | "PAUSED" | "CANCELLED" | "ERROR";

/** How a generation ended, whichever way it did. */
export interface GenerationOutcome {
  readonly status: GenerationStatus;
  /** What was thrown; null unless the status is ERROR or CANCELLED. */
  readonly error: unknown;
  /** The messages that the model and its tools added, as far as they came. */
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

/** A model that calls tools without end costs without end. */
const mostSteps = 20;

/** What has come of a generation so far. */
export class Generation {
  readonly #request: GenerationRequest;
  readonly #start = performance.now();
  #firstToken: number | null = null;
  #steps: StepResult<ToolSet>[] = [];
  #messages: ModelMessage[] = [];
  /** The step that is under way, when its parts are seen one by one. */
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

  /** Notes a part of a stream. */
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

  /** What a step that did not end had said. */
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

/** Asks the model, and its tools, until the answer is there. Never rejects; an abort ends it at once. */
export async function generate(request: GenerationRequest): Promise<GenerationOutcome> {
  const generation = new Generation(request);
  try {
    // The AI SDK would run approved tools all the same.
    request.signal.throwIfAborted();
    const result = await unlessAborted(generateText(generation.options), request.signal);
    return generation.completed(request.settings.output === undefined ? undefined : result.output);
  } catch (error) {
    return generation.failed(error);
  }
}
