import { toStoredMessages } from "@sessiondb/ai-sdk";
import { withoutMedia, withRefusal } from "@sessiondb/ai-sdk/codec";
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
import { isJsonObject, unixSeconds } from "@sessiondb/core/adapter";
import { jsonOf, messageOf, scopeFields } from "@sessiondb/turns";
import type { ModelMessage, ToolResultPart } from "ai";
import type { GenerationOutcome } from "./generation.ts";
import { leftOutKey } from "./history-budget.ts";
import { continuedMetrics, totalUsage, usageOf } from "./metrics.ts";
import { withResult } from "./resumed-run.ts";
import type { RunOwner, RunSetup } from "./run-setup.ts";
import { citationsWith, sourcesOf, storedSources } from "./run-sources.ts";
import { stepsOf, storedSteps } from "./run-steps.ts";
import type { StorageSettings } from "./storage-options.ts";
import { requirementsOf } from "./waiting.ts";

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
    const { status, error, text, output, reasoning, metrics, sources, model, modelProvider } = outcome;
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
        metadata: withRefusal(this.#metadata, refusal),
      }),
      metrics: this.#base.metrics ? continuedMetrics(this.#base.metrics, metrics) : metrics,
      model,
      modelProvider,
      ...this.#providerData(outcome, content),
      ...(sources.length > 0 && { citations: citationsWith(this.#base.citations, sources) }),
      ...(tools.length > 0 && { tools }),
      ...(responses.length > 0 && { memberResponses: responses }),
      ...(requirements.length > 0 && { requirements }),
      ...(isJsonObject(stateCopy) && Object.keys(stateCopy).length > 0 && { sessionState: stateCopy }),
    });
  }

  /** Returns the whole of a run: what it came to, after what it was when it paused. */
  whole({ steps, usage, sources }: GenerationOutcome): Pick<GenerationOutcome, "steps" | "usage" | "sources"> {
    const before = this.#resumed;
    return before === null
      ? { steps, usage, sources }
      : {
          steps: [...stepsOf(before), ...steps],
          usage: totalUsage([usageOf(before.metrics ?? {}), usage]),
          sources: [...sourcesOf(before), ...sources],
        };
  }

  /** Returns a run with the result of a call, as it is stored; the same object if the run has it. */
  withResult(run: AgentRun | TeamRun, result: ToolResultPart): AgentRun | TeamRun {
    const createdAt = unixSeconds();
    const told = toStoredMessages([{ role: "tool", content: [result] }], { createdAt });
    const keepsMedia = this.#storage.storeMedia || this.#mayContinue(run.status);
    return withResult(run, result, { messages: keepsMedia ? told : told.map(withoutMedia), createdAt });
  }

  /** Returns what Agno has no field for: it keeps the data of the provider as they are. */
  #providerData(outcome: GenerationOutcome, content: JsonValue): Pick<ConversationRun, "modelProviderData"> {
    const { finish_reason: _before, ...before } = this.#base.modelProviderData ?? {};
    const { finishReason, model } = outcome;
    const { steps, sources } = this.whole(outcome);
    const [first] = steps;
    // The fields of the run say everything about a single step that ended.
    const isPlain =
      this.#resumed === null && steps.length === 1 && finishReason !== null && first?.finishReason === finishReason;
    const data = {
      ...before,
      ...(finishReason !== null && { finish_reason: finishReason }),
      ...(steps.length > 0 && !isPlain && { steps: storedSteps(steps, { content, model }) }),
      ...(sources.length > 0 && { sources: storedSources(sources) }),
    };
    return Object.keys(data).length > 0 || this.#base.modelProviderData ? { modelProviderData: data } : {};
  }

  /** Returns whether a run may continue: then it needs all of its messages. */
  #mayContinue(status: AgentRun["status"]): boolean {
    return status === "PAUSED" || (this.#resumed !== null && status !== "COMPLETED");
  }

  /** What the run says of itself, for applications; undefined for nothing. */
  get #metadata(): JsonObject | undefined {
    const { leftOut } = this.#setup.history;
    const metadata = {
      ...this.#base.metadata,
      ...this.#setup.metadata,
      ...(leftOut !== null && { [leftOutKey]: leftOut }),
    };
    return Object.keys(metadata).length === 0 ? undefined : metadata;
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
    const { input, storedInput = (message: Message) => message } = this.#setup;
    return (this.#storedInput ??= this.#stored(input).map(storedInput));
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

function joined(before: string | null | undefined, added: string | null): string | null {
  return [before ?? "", added ?? ""].filter((text) => text !== "").join("\n\n") || null;
}
