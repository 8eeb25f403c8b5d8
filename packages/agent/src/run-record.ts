import type {
  AgentRun,
  ConversationRun,
  JsonObject,
  JsonValue,
  Media,
  Message,
  Run,
  RunStatus,
  TeamRun,
  ToolExecution,
} from "@sessiondb/core";
import { flag, type OptionReaders } from "@sessiondb/core/adapter";
import type { ModelMessage } from "ai";
import type { GenerationOutcome } from "./generation.ts";
import { toStoredMessages } from "./message-codec.ts";
import { isObject } from "./stored-json.ts";
import { jsonOf, messageOf } from "./tool-executions.ts";
import { requirementsOf } from "./waiting.ts";

/** What of a run is stored. */
export interface StorageOptions {
  /** Images, audio, videos and files of messages and input. Default true. */
  storeMedia?: boolean;
  /** The results of tools and the calls they answer. Default true. The list of calls in `tools` stays in any case. */
  storeToolMessages?: boolean;
  /** Also a copy of the earlier messages that the model was shown, marked `fromHistory`. Default false. */
  storeHistoryMessages?: boolean;
  /** Teams: also a copy of the members' runs within the leader's, as Agno can keep them. Default false. */
  storeMemberResponses?: boolean;
}

export const storageReaders = {
  storeMedia: flag(true),
  storeToolMessages: flag(true),
  storeHistoryMessages: flag(false),
  storeMemberResponses: flag(false),
} satisfies OptionReaders<StorageOptions>;

/** What a run begins with. */
export interface RunStart {
  readonly runId: string;
  readonly sessionId: string;
  readonly userId: string | null;
  readonly parentRunId: string | null;
  readonly workflowStepId: string | null;
  /** Unix seconds. */
  readonly createdAt: number;
  /** The messages that the input is. */
  readonly input: readonly ModelMessage[];
  /** The earlier messages that the model is shown. */
  readonly history: readonly ModelMessage[];
  /** The runs that tools of this one started, as they end. */
  readonly children: readonly ChildRun[];
}

export interface ChildRun {
  /** The call that started it. */
  readonly toolCallId: string;
  readonly run: Run;
}

/** The component's own fields of a run. */
export type RunOwner =
  | Pick<AgentRun, "runType" | "agentId" | "agentName">
  | Pick<TeamRun, "runType" | "teamId" | "teamName">;

interface RunRecordOptions {
  readonly storage: Required<StorageOptions>;
  /** What a run said and did before it paused, with what was decided; null for one that does not go on. */
  readonly resumed: AgentRun | TeamRun | null;
}

/** Makes the record of one run, as Agno stores it, at its start and at its end. */
export class RunRecord {
  readonly #owner: RunOwner;
  readonly #start: RunStart;
  readonly #storage: Required<StorageOptions>;
  readonly #resumed: AgentRun | TeamRun | null;
  /** As they are stored, made once for both rows: media may be large. */
  #storedInput: readonly Message[] | null = null;
  #storedHistory: readonly Message[] | null = null;
  /** What a paused run had, whoever wrote it: what is not made anew stays. */
  readonly #base: Partial<ConversationRun & Pick<TeamRun, "memberResponses">>;

  constructor(owner: RunOwner, start: RunStart, { storage, resumed }: RunRecordOptions) {
    this.#owner = owner;
    this.#start = start;
    this.#storage = storage;
    this.#resumed = resumed;
    // The state may be empty by the end.
    const { sessionState: _state, ...base } = resumed ?? {};
    this.#base = base;
  }

  /** The row that shows that the run is under way. */
  running(): AgentRun | TeamRun {
    return this.#run({ status: "RUNNING", messages: this.#messages([], { whole: false }) });
  }

  ended(outcome: GenerationOutcome, state: JsonObject): AgentRun | TeamRun {
    const { status, error, text, output, reasoning, metrics, model, modelProvider } = outcome;
    const { children, createdAt } = this.#start;
    const tools = mergedTools(this.#resumed?.tools ?? [], outcome.tools).map((tool) => {
      const child = children.find(({ toolCallId }) => toolCallId === tool.toolCallId);
      return child === undefined ? tool : { ...tool, childRunId: child.run.runId };
    });
    const responses = [
      ...(this.#base.memberResponses ?? []),
      ...(this.#storage.storeMemberResponses ? children.map(({ run }) => run) : []),
    ];
    // A state that is no JSON the turn's end tells of.
    const stateCopy = jsonOf(state);
    const content: JsonValue = output ?? (text === "" && status === "ERROR" ? messageOf(error) : text);
    const isPaused = status === "PAUSED";
    const before = this.#resumed?.requirements ?? [];
    const requirements = isPaused || before.length > 0 ? requirementsOf(tools, { before, createdAt }) : [];
    return this.#run({
      status,
      content,
      contentType: output === undefined || typeof output === "string" ? "str" : "dict",
      reasoningContent: joined(this.#base.reasoningContent, reasoning),
      messages: this.#messages(outcome.messages, {
        // What may go on needs all of it.
        whole: isPaused || (this.#resumed !== null && status !== "COMPLETED"),
      }),
      metrics,
      model,
      modelProvider,
      ...(tools.length > 0 && { tools }),
      ...(responses.length > 0 && { memberResponses: responses }),
      ...(requirements.length > 0 && { requirements }),
      ...(isObject(stateCopy) && Object.keys(stateCopy).length > 0 && { sessionState: stateCopy }),
    });
  }

  #run(fields: Partial<ConversationRun & TeamRun> & { status: RunStatus }): AgentRun | TeamRun {
    const { runId, sessionId, userId, parentRunId, workflowStepId, createdAt } = this.#start;
    return {
      ...this.#base,
      ...this.#owner,
      runId,
      sessionId,
      ...(userId !== null && { userId }),
      ...(parentRunId !== null && { parentRunId }),
      ...(workflowStepId !== null && { workflowStepId }),
      createdAt,
      ...(this.#resumed === null && { input: this.#input() }),
      ...fields,
    };
  }

  #input(): NonNullable<ConversationRun["input"]> {
    const stored = this.#inputMessages.filter(({ role }) => role === "user");
    const media = (key: "images" | "audio" | "videos" | "files"): Media[] =>
      stored.flatMap((message) => message[key] ?? []);
    const lists = { images: media("images"), audios: media("audio"), videos: media("videos"), files: media("files") };
    return {
      inputContent: stored.map(({ content }) => (typeof content === "string" ? content : "")).join("\n"),
      ...Object.fromEntries(Object.entries(lists).filter(([, list]) => list.length > 0)),
    };
  }

  #messages(added: readonly ModelMessage[], { whole }: { readonly whole: boolean }): Message[] {
    const all = [...this.#historyMessages, ...(this.#resumed?.messages ?? this.#inputMessages), ...this.#stored(added)];
    return this.#storage.storeToolMessages || whole ? all : withoutTools(all);
  }

  get #inputMessages(): readonly Message[] {
    return (this.#storedInput ??= this.#stored(this.#start.input));
  }

  get #historyMessages(): readonly Message[] {
    // A run that goes on has its copy of the history among its messages.
    const wanted = this.#storage.storeHistoryMessages && this.#resumed === null;
    return (this.#storedHistory ??= wanted
      ? this.#stored(this.#start.history).map((message) => ({ ...message, fromHistory: true }))
      : []);
  }

  #stored(messages: readonly ModelMessage[]): Message[] {
    const stored = toStoredMessages(messages, { createdAt: this.#start.createdAt });
    return this.#storage.storeMedia ? stored : stored.map(withoutMedia);
  }
}

function withoutMedia(message: Message): Message {
  const { images: _images, audio: _audio, videos: _videos, files: _files, audioOutput: _output, ...rest } = message;
  const { ai_sdk: _parts, ...providerData } = rest.providerData ?? {};
  return { ...rest, ...(rest.providerData && { providerData }) };
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

/** Of a call that was waiting and has its result now, the result. */
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
