import type { AgentRun, JsonValue, Message, Run, TeamRun } from "@sessiondb/core";
import { isJsonObject } from "@sessiondb/core/adapter";
import { runToReplace } from "@sessiondb/turns";
import type { UIMessage } from "ai";
import { separateResults, spokenParts, withoutWords } from "./message-codec.ts";
import { refusalOf } from "./refusal.ts";
import { citedSources, madeFiles } from "./run-extras.ts";
import { conversationOf, isOfChat } from "./run-messages.ts";
import { kept, shownKey, textOf } from "./stored-json.ts";
import { ToolParts } from "./tool-parts.ts";
import { fileOf, laterPart, providerMetadata, sourceOf, textOrNone, type UIPart } from "./ui-parts.ts";
import { shownError } from "./versions.ts";

/** How stored runs become messages of a page. The options are those of `toUIMessageStream`, with its defaults. */
export interface UIMessageOptions<Shown extends UIMessage = UIMessage> {
  /** Whether to show what the model thought. Default true. */
  sendReasoning?: boolean | undefined;
  /** Whether to show the sources of an answer. Default false. */
  sendSources?: boolean | undefined;
  /**
   * Returns what a page shows of an error of a tool that ran here. Default: "An error occurred." with version 6 of the AI
   * SDK, since an error may say more than a user should know; the error's message with version 7.
   */
  onError?: ((error: unknown) => string) | undefined;
  /** Returns the metadata of a run's answer. Default: what `chatStore` stored, or none. */
  messageMetadata?: ((run: Run) => Shown["metadata"]) | undefined;
}

/**
 * Returns the messages of runs, oldest first, as a page shows them: what it showed before it was reloaded. The answer of a
 * run is one message, whose id is the run's unless another was chosen when it was streamed. Runs of members and replaced
 * ones are left out; an answer without any content is too. Of an answer that a guardrail refused, or could not check, only
 * the calls are shown. `validateUIMessages` accepts what this returns, whoever
 * wrote the runs. Never throws, whatever is stored.
 */
export function toUIMessages<Shown extends UIMessage = UIMessage>(
  { runs }: { readonly runs: readonly Run[] },
  options: UIMessageOptions<Shown> = {},
): Shown[] {
  const messages = withoutReplaced(runs).flatMap((run) => messagesOf(run, options as UIMessageOptions));
  return withOwnIds(messages) as Shown[];
}

/** Gives messages with the id of an earlier one, as a client may have chosen it, an id of their own. */
function withOwnIds(messages: readonly UIMessage[]): UIMessage[] {
  const known = new Set<string>();
  return messages.map((message) => {
    let { id } = message;
    while (known.has(id)) {
      id = `${id}+`;
    }
    known.add(id);
    return id === message.id ? message : { ...message, id };
  });
}

/**
 * Returns the runs of a conversation: without those of members, those that a run in progress will replace, and those that
 * ended before they replaced another.
 */
function withoutReplaced(runs: readonly Run[]): Run[] {
  const shown: Run[] = [];
  for (const run of runs) {
    if ((run.parentRunId ?? null) !== null || run.status === "REGENERATED" || !isOfChat(run)) {
      continue;
    }
    const replaced = runToReplace(run);
    const place = replaced === null ? -1 : shown.findIndex(({ runId }) => runId === replaced);
    shown.splice(place === -1 ? shown.length : place, Infinity, run);
  }
  return shown;
}

function messagesOf(run: Run, options: UIMessageOptions): UIMessage[] {
  if (run.runType === "workflow") {
    return plainMessages(run);
  }
  const isWithheld = refusalOf(run) !== null;
  const whole = conversationOf(run).flatMap(separateResults);
  const messages = isWithheld ? withoutWords(whole) : whole;
  const shown: UIMessage[] = [];
  let answer: Answer | null = null;
  for (const message of messages) {
    if (message.role !== "tool" && message.role !== "assistant" && message.role !== "model") {
      shown.push(questionOf(message, shown.length === 0 ? `${run.runId}:0` : `${run.runId}:${shown.length}`));
      continue;
    }
    if (answer === null) {
      answer = new Answer(run, message, options);
      shown.push(answer.message);
    }
    answer.add(message);
  }
  if (!isWithheld) {
    answer?.end();
  }
  // A store may keep no messages.
  return messages.length === 0
    ? plainMessages(run)
    : shown.filter(({ role, parts }) => role === "user" || isSaid(parts));
}

/** Returns the input and the content of a run as messages. */
function plainMessages(run: Run): UIMessage[] {
  const input = run.runType === "workflow" ? run.input : run.input?.inputContent;
  const text = (role: "user" | "assistant", id: string, content: string): UIMessage[] =>
    content === "" ? [] : [{ id, role, parts: [{ type: "text", text: content }] }];
  return [
    ...text("user", `${run.runId}:0`, textOf(input ?? null)),
    ...(run.status === "ERROR" || refusalOf(run) !== null
      ? []
      : text("assistant", run.runId, textOf(run.content ?? null))),
  ];
}

function isSaid(parts: UIMessage["parts"]): boolean {
  return parts.some(({ type }) => type !== "step-start");
}

export function questionOf(message: Message, otherwise: string): UIMessage {
  const own = shownOf(message);
  const parts =
    own.parts ??
    spokenParts(message).flatMap((part): UIPart[] =>
      part["type"] === "text"
        ? [{ type: "text", text: textOrNone(part["text"]), ...providerMetadata(part) }]
        : part["type"] === "image" || part["type"] === "file"
          ? fileOf(part)
          : [],
    );
  return {
    id: idOf(message) ?? otherwise,
    role: "user",
    ...own.metadata,
    // The AI SDK refuses a message without parts.
    parts: (parts.length === 0 ? [{ type: "text", text: "" }] : parts) as UIMessage["parts"],
  };
}

/** The answer of a run. */
class Answer {
  readonly message: UIMessage;
  readonly #run: AgentRun | TeamRun;
  readonly #options: UIMessageOptions;
  readonly #parts: UIPart[];
  readonly #tools: ToolParts;
  /** Whether the parts are kept as they were shown. */
  readonly #isKept: boolean;

  constructor(run: AgentRun | TeamRun, first: Message, options: UIMessageOptions) {
    const own = shownOf(first);
    const metadata = options.messageMetadata?.(run);
    this.#run = run;
    this.#options = options;
    this.#isKept = own.parts !== undefined;
    this.#parts = own.parts ?? [];
    this.#tools = new ToolParts(run, this.#parts, (text) =>
      options.onError === undefined ? shownError(text) : options.onError(errorOf(text)),
    );
    const chosen = idOf(first);
    this.message = {
      // Ids that the store made name the place of the message.
      id: chosen === null || chosen.startsWith(`${run.runId}:`) ? run.runId : chosen,
      role: "assistant",
      ...(metadata === undefined ? own.metadata : { metadata }),
      parts: this.#parts as UIMessage["parts"],
    };
  }

  add(message: Message): void {
    if (this.#isKept) {
      return;
    }
    if (message.role === "tool") {
      this.#tools.settle(message);
      return;
    }
    this.#parts.push({ type: "step-start" });
    for (const part of spokenParts(message)) {
      this.#addPart(part);
    }
  }

  /** Adds what is kept with the run. */
  end(): void {
    if (!this.#isKept) {
      this.#parts.push(...madeFiles(this.#run, this.#parts));
      this.#parts.push(...(this.#options.sendSources === true ? citedSources(this.#run, this.#parts) : []));
    }
  }

  #addPart(part: ReturnType<typeof spokenParts>[number]): void {
    const { sendReasoning = true, sendSources = false } = this.#options;
    switch (part["type"] as string) {
      case "text":
        this.#parts.push({ type: "text", text: textOrNone(part["text"]), state: "done", ...providerMetadata(part) });
        break;
      case "reasoning":
        if (sendReasoning) {
          this.#parts.push({
            type: "reasoning",
            text: textOrNone(part["text"]),
            state: "done",
            ...providerMetadata(part),
          });
        }
        break;
      case "file":
      case "image":
        this.#parts.push(...fileOf(part));
        break;
      case "source":
        if (sendSources) {
          this.#parts.push(...sourceOf(part));
        }
        break;
      case "tool-call":
        this.#tools.add(part);
        break;
      case "tool-result":
        this.#tools.settlePart(part);
        break;
      case "custom":
      case "reasoning-file":
        this.#parts.push(...laterPart(part));
        break;
    }
  }
}

/** Returns the error that a stored text tells. Version 7 of the AI SDK stores its name too. */
function errorOf(text: string): Error {
  const [, name, message] = /^(\w*Error): ([^]*)$/.exec(text) ?? [];
  return name === undefined ? new Error(text) : Object.assign(new Error(message), { name });
}

interface KeptMessage {
  /** The parts as a page had them. Undefined: they follow from the stored message. */
  readonly parts?: UIPart[];
  readonly metadata: { readonly metadata?: JsonValue };
}

/** Returns what is kept of a page's message that its stored form does not tell. */
function shownOf(message: Message): KeptMessage {
  const shown = kept(message)?.[shownKey];
  const { parts, metadata } = isJsonObject(shown) ? shown : {};
  return {
    ...(Array.isArray(parts) && { parts: structuredClone(parts.filter(isUIPart)) }),
    metadata: metadata === undefined ? {} : { metadata },
  };
}

function isUIPart(part: JsonValue): part is UIPart {
  return isJsonObject(part) && typeof part["type"] === "string";
}

function idOf({ id }: Message): string | null {
  return typeof id === "string" && id !== "" ? id : null;
}
