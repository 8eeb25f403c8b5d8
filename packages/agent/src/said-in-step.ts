import { argumentsOf, partOf7, plainOutput, textOfData, untagged } from "@sessiondb/ai-sdk/codec";
import type { AssistantModelMessage, StepResult, TextStreamPart, ToolSet } from "ai";
import { withShownCall } from "./shown-parts.ts";
import type { Call } from "./tool-watch.ts";

/** A source that the model used, such as a web page. */
export type Source = StepResult<ToolSet>["sources"][number];

type StreamPart = TextStreamPart<ToolSet>;
type MessagePart = Exclude<AssistantModelMessage["content"], string>[number];
type SpokenPart = Extract<MessagePart, { type: "text" | "reasoning" }>;

/** A part of a model's answer, of any version of the specification. */
export interface ModelPart {
  readonly type: string;
  readonly id?: string;
  readonly text?: string;
  readonly toolCallId?: string;
  readonly input?: string;
  readonly result?: unknown;
  readonly isError?: boolean;
  readonly data?: unknown;
  readonly usage?: unknown;
}

/**
 * The answer of a model in one step, as far as it is known, by the rules of the AI SDK: that reports a step only when its
 * tools have ended.
 */
export class SaidInStep {
  readonly #tools: ToolSet;
  readonly #content: MessagePart[] = [];
  readonly #sources: Source[] = [];
  /** The last text and the last reasoning of each id in a stream. */
  readonly #spoken = new Map<string, SpokenPart>();

  constructor(tools: ToolSet = {}) {
    this.#tools = tools;
  }

  /** Returns the answer of a model that does not stream. */
  static of(content: readonly ModelPart[]): SaidInStep {
    const said = new SaidInStep();
    for (const part of content.flatMap(streamed)) {
      said.see(part);
    }
    return said;
  }

  /** The parts of its message, in order. */
  get content(): readonly MessagePart[] {
    return this.#content.filter(
      (part) =>
        (part.type !== "text" && part.type !== "reasoning") ||
        part.text !== "" ||
        (part.type === "reasoning" && part.providerOptions !== undefined),
    );
  }

  get text(): string {
    return this.#textOf("text");
  }

  get reasoning(): string {
    return this.#textOf("reasoning");
  }

  get calls(): readonly Call[] {
    return this.#content.filter((part) => part.type === "tool-call");
  }

  get sources(): readonly Source[] {
    return this.#sources;
  }

  /** Adds a part of a stream. */
  see(part: StreamPart): void {
    const options = optionsOf(part);
    switch (part.type) {
      case "text-start":
      case "reasoning-start":
        this.#begin(part.type === "text-start" ? "text" : "reasoning", part.id, options);
        break;
      case "text-delta":
      case "text-end":
        this.#goOn("text", part, options);
        break;
      case "reasoning-delta":
      case "reasoning-end":
        this.#goOn("reasoning", part, options);
        break;
      case "source":
        this.#sources.push(part);
        // Pages show it in its place.
        this.#content.push(part as never);
        break;
      case "file": {
        const { base64: data, mediaType } = part.file;
        this.#content.push({ type: "file", data, mediaType, ...options });
        break;
      }
      case "tool-call": {
        const { type, toolCallId, toolName, input, providerExecuted } = part;
        const call = { type, toolCallId, toolName, input };
        const said = { ...call, ...(providerExecuted === true && { providerExecuted }), ...options };
        this.#content.push(withShownCall(said, part, this.#tools));
        break;
      }
      case "tool-result":
      case "tool-error": {
        // Other results belong to a message of their own.
        const { toolCallId, toolName, providerExecuted } = part;
        if (providerExecuted === true && !("preliminary" in part && part.preliminary)) {
          const output =
            part.type === "tool-result" ? plainOutput(part.output) : plainOutput(part.error, { isError: true });
          this.#content.push({ type: "tool-result", toolCallId, toolName, output, ...options });
        }
        break;
      }
      default:
        this.#content.push(...partOf7(part));
    }
  }

  #begin(type: "text" | "reasoning", id: string, options: object): SpokenPart {
    const part: SpokenPart = { type, text: "", ...options };
    this.#spoken.set(`${type} ${id}`, part);
    this.#content.push(part);
    return part;
  }

  #goOn(type: "text" | "reasoning", { id, text = "" }: { id: string; text?: string }, options: object): void {
    const part = this.#spoken.get(`${type} ${id}`) ?? this.#begin(type, id, {});
    Object.assign(part, options, { text: part.text + text });
  }

  #textOf(type: "text" | "reasoning"): string {
    return this.#content.map((part) => (part.type === type ? part.text : "")).join("");
  }
}

function optionsOf(part: object): { readonly providerOptions?: NonNullable<SpokenPart["providerOptions"]> } {
  const metadata = (part as { providerMetadata?: SpokenPart["providerOptions"] }).providerMetadata ?? null;
  return metadata === null ? {} : { providerOptions: metadata };
}

/** Returns a part of an answer as the parts of a stream. */
function streamed(part: ModelPart, index: number): StreamPart[] {
  const { type, text = "" } = part;
  const id = String(index);
  const parts: readonly object[] =
    type === "text" || type === "reasoning"
      ? [
          { ...part, type: `${type}-start`, id },
          { type: `${type}-delta`, id, text },
        ]
      : type === "file" || type === "reasoning-file"
        ? [{ ...part, file: { ...part, base64: textOfData(untagged(part.data)) } }]
        : type === "tool-call"
          ? [{ ...part, input: argumentsOf(part.input) }]
          : type === "tool-result"
            ? // A model's own results are those of its provider.
              [
                part.isError === true
                  ? { ...part, type: "tool-error", error: part.result, providerExecuted: true }
                  : { ...part, output: part.result, providerExecuted: true },
              ]
            : [part];
  return parts as StreamPart[];
}
