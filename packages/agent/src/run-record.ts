import { toStoredMessages } from "@sessiondb/ai-sdk";
import { withoutMedia } from "@sessiondb/ai-sdk/codec";
import type {
  AgentRun,
  ConversationRun,
  JsonObject,
  JsonValue,
  Media,
  Message,
  RunStatus,
  TeamRun,
  ToolExecution,
} from "@sessiondb/core";
import { flag, isJsonObject, unixSeconds, type OptionReaders, type OptionsRead } from "@sessiondb/core/adapter";
import { jsonOf, messageOf, scopeFields } from "@sessiondb/turns";
import type { ModelMessage, ToolResultPart } from "ai";
import type { GenerationOutcome } from "./generation.ts";
import { leftOutKey } from "./history-budget.ts";
import { continuedMetrics } from "./metrics.ts";
import { refusalKey } from "./stopped-runs.ts";
import { withResult } from "./resumed-run.ts";
import type { RunOwner, RunSetup } from "./run-setup.ts";
import type { Source } from "./said-in-step.ts";
import { requirementsOf } from "./waiting.ts";

/** The parts of a run to store. */
export interface StorageOptions {
  /** Images, audio, videos and files of messages and input. A run that waits keeps them until it ends. Default true. */
  storeMedia?: boolean | undefined;
  /**
   * Tool results and the calls they answer. A run that waits keeps them until it ends. Default true. The list of calls in
   * `tools` is always stored.
   */
  storeToolMessages?: boolean | undefined;
  /** A copy of the earlier messages that the model was shown, marked `fromHistory`. Default false. */
  storeHistoryMessages?: boolean | undefined;
  /** Teams only: a copy of the members' runs inside the leader's, as Agno can store them. Default false. */
  storeMemberResponses?: boolean | undefined;
}

export const storageReaders = {
  storeMedia: flag(true),
  storeToolMessages: flag(true),
  storeHistoryMessages: flag(false),
  storeMemberResponses: flag(false),
} satisfies OptionReaders<StorageOptions>;

type StorageSettings = OptionsRead<typeof storageReaders>;

const usualReasons: ReadonlySet<string> = new Set(["stop", "tool-calls"]);

/** Makes the rows for the start and the end of a run, as Agno stores them. */
export class RunRecord {
  readonly #owner: RunOwner;
  readonly #setup: RunSetup;
  readonly #storage: StorageSettings;
  /** The paused run with the decisions; null for a new run. */
  readonly #resumed: AgentRun | TeamRun | null;
  /** The stored form of the messages, made once for both rows: media may be large. */
  #storedInput: readonly Message[] | null = null;
  #storedHistory: readonly Message[] | null = null;
  /** The fields of a paused run, including Agno's. Those that are not made anew stay. */
  readonly #base: Partial<ConversationRun & Pick<TeamRun, "memberResponses">>;

  constructor(owner: RunOwner, setup: RunSetup, storage: StorageSettings) {
    this.#owner = owner;
    this.#setup = setup;
    this.#storage = storage;
    this.#resumed = setup.resumed?.run ?? null;
    // The state may be empty by the end of the run.
    const { sessionState: _state, ...base } = this.#resumed ?? {};
    this.#base = base;
  }

  /** Returns the run's row while it is in progress. */
  running(): AgentRun | TeamRun {
    return this.#run({ status: "RUNNING", messages: this.#messages([], { whole: false }) });
  }

  /** Returns the row of a run whose outcome cannot be read. */
  unreadable(error: unknown): AgentRun | TeamRun {
    return { ...this.running(), status: "ERROR", content: messageOf(error) };
  }

  /** Returns the run's row as far as the run is. */
  progress(outcome: GenerationOutcome): AgentRun | TeamRun {
    return { ...this.ended(outcome, {}), status: "RUNNING" };
  }

  ended(outcome: GenerationOutcome, state: JsonObject): AgentRun | TeamRun {
    const { status, error, text, output, reasoning, metrics, finishReason, sources, model, modelProvider } = outcome;
    const { children, scope } = this.#setup;
    const { refusal } = outcome;
    const { createdAt } = scope;
    const tools = mergedTools(this.#resumed?.tools ?? [], outcome.tools).map((tool) => {
      const child = children.find(({ toolCallId }) => toolCallId === tool.toolCallId);
      return child === undefined ? tool : { ...tool, childRunId: child.run.runId };
    });
    const responses = [
      ...(this.#base.memberResponses ?? []),
      ...(this.#storage.storeMemberResponses ? children.map(({ run }) => run) : []),
    ];
    // The turn's end reports a state that is not JSON.
    const stateCopy = jsonOf(state);
    // A schema may make of an answer what JSON cannot hold.
    const content: JsonValue =
      jsonOf(output) ?? (text === "" && status === "ERROR" ? (refusal?.reason ?? messageOf(error)) : text);
    const isPaused = status === "PAUSED";
    const before = this.#resumed?.requirements ?? [];
    const requirements = isPaused || before.length > 0 ? requirementsOf(tools, { before, createdAt }) : [];
    return this.#run({
      status,
      content,
      contentType: output === undefined || typeof output === "string" ? "str" : "dict",
      reasoningContent: joined(this.#base.reasoningContent, reasoning),
      messages:
        refusal?.stage === "input" ? [] : this.#messages(outcome.messages, { whole: this.#mayContinue(status) }),
      ...(refusal !== undefined && {
        metadata: { ...this.#metadata, [refusalKey]: { stage: refusal.stage, reason: refusal.reason } },
      }),
      metrics: this.#base.metrics ? continuedMetrics(this.#base.metrics, metrics) : metrics,
      model,
      modelProvider,
      // The usual reasons follow from the status and the calls.
      ...(finishReason !== null &&
        !usualReasons.has(finishReason) && {
          modelProviderData: { ...this.#base.modelProviderData, finish_reason: finishReason },
        }),
      ...(sources.length > 0 && { citations: citationsOf(sources) }),
      ...(tools.length > 0 && { tools }),
      ...(responses.length > 0 && { memberResponses: responses }),
      ...(requirements.length > 0 && { requirements }),
      ...(isJsonObject(stateCopy) && Object.keys(stateCopy).length > 0 && { sessionState: stateCopy }),
    });
  }

  /** Returns a run with the result of a call, as it is stored; the same object if the run has it. */
  withResult(run: AgentRun | TeamRun, result: ToolResultPart): AgentRun | TeamRun {
    const createdAt = unixSeconds();
    const told = toStoredMessages([{ role: "tool", content: [result] }], { createdAt });
    const keepsMedia = this.#storage.storeMedia || this.#mayContinue(run.status);
    return withResult(run, result, { messages: keepsMedia ? told : told.map(withoutMedia), createdAt });
  }

  /** Returns whether a run may continue: then it needs all of its messages. */
  #mayContinue(status: AgentRun["status"]): boolean {
    return status === "PAUSED" || (this.#resumed !== null && status !== "COMPLETED");
  }

  /** What the run says of itself, for applications; undefined for nothing. */
  get #metadata(): JsonObject | undefined {
    const { leftOut } = this.#setup.history;
    return leftOut === null ? (this.#base.metadata ?? undefined) : { ...this.#base.metadata, [leftOutKey]: leftOut };
  }

  #run(fields: Partial<ConversationRun & TeamRun> & { status: RunStatus }): AgentRun | TeamRun {
    const metadata = this.#metadata;
    return {
      ...this.#base,
      ...this.#owner,
      ...scopeFields(this.#setup.scope),
      ...(this.#resumed === null && { input: this.#input() }),
      ...(metadata !== undefined && { metadata }),
      ...fields,
    };
  }

  #input(): NonNullable<ConversationRun["input"]> {
    const { storeMedia } = this.#storage;
    const stored = this.#inputMessages.filter(({ role }) => role === "user");
    const media = (key: "images" | "audio" | "videos" | "files"): Media[] =>
      storeMedia ? stored.flatMap((message) => message[key] ?? []) : [];
    const lists = { images: media("images"), audios: media("audio"), videos: media("videos"), files: media("files") };
    return {
      inputContent: stored.map(({ content }) => (typeof content === "string" ? content : "")).join("\n"),
      ...Object.fromEntries(Object.entries(lists).filter(([, list]) => list.length > 0)),
    };
  }

  #messages(added: readonly ModelMessage[], { whole }: { readonly whole: boolean }): Message[] {
    const { storeMedia, storeToolMessages } = this.#storage;
    const all = [...this.#historyMessages, ...(this.#resumed?.messages ?? this.#inputMessages), ...this.#stored(added)];
    if (whole) {
      return all;
    }
    const messages = storeMedia ? all : all.map(withoutMedia);
    return storeToolMessages ? messages : withoutTools(messages);
  }

  get #inputMessages(): readonly Message[] {
    return (this.#storedInput ??= this.#stored(this.#setup.input));
  }

  get #historyMessages(): readonly Message[] {
    // A continued run has its copy of the history among its messages.
    const wanted = this.#storage.storeHistoryMessages && this.#resumed === null;
    return (this.#storedHistory ??= wanted
      ? this.#stored(this.#setup.history.messages).map((message) => ({ ...message, fromHistory: true }))
      : []);
  }

  #stored(messages: readonly ModelMessage[]): Message[] {
    return toStoredMessages(messages, { createdAt: this.#setup.scope.createdAt });
  }
}

function withoutTools(messages: readonly Message[]): Message[] {
  return messages.flatMap((message) => {
    if (message.role === "tool") {
      return [];
    }
    if ((message.toolCalls ?? []).length === 0) {
      return [message];
    }
    const { toolCalls: _calls, providerData: _data, ...rest } = message;
    return typeof rest.content === "string" && rest.content !== "" ? [rest] : [];
  });
}

/** Merges the calls of a run before and after its pause, so that a call that waited gets its result. */
function mergedTools(before: readonly ToolExecution[], after: readonly ToolExecution[]): ToolExecution[] {
  const merged = [...before];
  for (const tool of after) {
    const place = merged.findIndex(({ toolCallId }) => toolCallId === tool.toolCallId);
    merged.splice(place === -1 ? merged.length : place, 1, { ...merged[place], ...tool });
  }
  return merged;
}

/** Returns the sources of an answer as Agno's citations. */
function citationsOf(sources: readonly Source[]): JsonObject {
  const urls = sources.flatMap((source) =>
    source.sourceType === "url" ? [{ url: source.url, title: source.title ?? null }] : [],
  );
  const documents = sources.flatMap((source) =>
    source.sourceType === "document" ? [{ document_title: source.title, file_name: source.filename ?? null }] : [],
  );
  return { ...(urls.length > 0 && { urls }), ...(documents.length > 0 && { documents }) };
}

function joined(before: string | null | undefined, added: string | null): string | null {
  return [before ?? "", added ?? ""].filter((text) => text !== "").join("\n\n") || null;
}
