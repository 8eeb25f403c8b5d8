import type { AgentRun, JsonObject, JsonValue, TeamRun, ToolExecution } from "@sessiondb/core";
import type { LanguageModel, ToolSet } from "ai";
import {
  checkSignal,
  checkText,
  count,
  flag,
  objectWith,
  optional,
  type OptionReaders,
  type OptionsRead,
} from "@sessiondb/core/adapter";
import { componentReaders, type ComponentOptions } from "./component.ts";
import { generationSettings, type GenerationSettings, type GenerationStatus } from "./generation.ts";
import { instructionsOf, languageModel, toolSet } from "./model-options.ts";
import { atLeast, identifier, jsonObject } from "./option-readers.ts";
import type { RunContext } from "./run-context.ts";
import { storageReaders, type StorageOptions } from "./run-record.ts";
import { sessionToolReaders, type SessionToolOptions } from "./session-tools.ts";
import type { SessionSummaryManager } from "./summary.ts";

/** What an agent, or the leader of a team, is made from. */
export interface ConversationOptions extends ComponentOptions, StorageOptions, SessionToolOptions {
  /** A model of the AI SDK, or the id of one that its global provider knows. */
  model: LanguageModel;
  /** What the component is for; a team's leader and workflows read it. */
  description?: string;
  /** The system message: text, paragraphs, or a function of the run. */
  instructions?: string | readonly string[] | ((context: RunContext) => string | Promise<string>);
  /** Tools as the AI SDK has them. They get a `RunContext`, see `runContextOf`. */
  tools?: ToolSet;
  /** Further settings of `generateText` and `streamText`. Default: at most 20 steps. */
  generation?: GenerationSettings;
  /** Whether the model is shown the earlier runs of the session. Default true. */
  addHistoryToContext?: boolean;
  /** How many of the newest runs it is shown. Default 10. */
  numHistoryRuns?: number;
  /** How many of the newest messages it is shown at most. Default: all of those runs. */
  numHistoryMessages?: number;
  /** How many of the newest tool calls of those runs it is shown. Default 0: all. */
  maxToolCallsFromHistory?: number;
  /** Whether each completed run is followed by a summary of the session. Default: whether there is a summary manager. */
  sessionSummaries?: boolean;
  /** Whether the model is shown the summary of the session. Default: whether summaries are made. */
  addSessionSummaryToContext?: boolean;
  /** Who makes the summaries. Default: one with the model of the component. */
  sessionSummaryManager?: SessionSummaryManager;
  /** Whether the model is shown the session state. Default false. */
  addSessionStateToContext?: boolean;
  /** What a new session begins with: a message of the assistant, stored as a run of its own. */
  introduction?: string;
}

export const conversationReaders = {
  ...componentReaders,
  ...storageReaders,
  ...sessionToolReaders,
  model: languageModel,
  description: optional(checkText),
  instructions: optional(instructionsOf),
  tools: toolSet,
  generation: generationSettings,
  addHistoryToContext: flag(true),
  numHistoryRuns: optional(atLeast(0)),
  numHistoryMessages: optional(atLeast(0)),
  maxToolCallsFromHistory: count({ from: 0, otherwise: 0 }),
  sessionSummaries: optional(flag(false)),
  addSessionSummaryToContext: optional(flag(false)),
  sessionSummaryManager: optional(
    objectWith<SessionSummaryManager>(["createSummary"], "a SessionSummaryManager, or left out"),
  ),
  addSessionStateToContext: flag(false),
  introduction: optional(checkText),
} satisfies OptionReaders<ConversationOptions>;

/** The options of an agent or a team's leader as they were read. */
export type ConversationSettings = OptionsRead<typeof conversationReaders>;

export const runOptionReaders = {
  sessionId: optional(identifier),
  userId: optional(identifier),
  sessionState: optional(jsonObject),
  signal: (value: unknown) => checkSignal({ signal: value }),
} satisfies OptionReaders<RunOptions>;

/** The options of a run as they were read. */
export type RunSettings = OptionsRead<typeof runOptionReaders>;

export interface RunOptions {
  /** The session to go on with. Default: the component's `sessionId`, or else a new one, whose id the result has. */
  sessionId?: string | undefined;
  /** Default: the component's `userId`. Giving it as `undefined` or `""` is an error: nobody is not everybody. */
  userId?: string;
  /** Merged over the stored state, key by key at every depth, and stored with it. */
  sessionState?: JsonObject;
  /** Ends the run: what has arrived is stored as CANCELLED. */
  signal?: AbortSignal;
}

/** How a run ended. */
export interface RunResult {
  readonly runId: string;
  /** To be passed on to the next run that goes on with this conversation. */
  readonly sessionId: string;
  readonly userId: string | null;
  /** COMPLETED; PAUSED while tools wait for approval, see `continueRun`; CANCELLED, which only a stream resolves with. */
  readonly status: GenerationStatus;
  /** The answer. */
  readonly text: string;
  /** The answer parsed, where `generation.output` asks for a structure. */
  readonly output: JsonValue | undefined;
  /** The calls of tools, with their results. */
  readonly toolCalls: readonly ToolExecution[];
  /** The calls that wait for approval. */
  readonly pendingApprovals: readonly ToolExecution[];
  /** As the run left it. */
  readonly sessionState: JsonObject;
  /** As it was stored. */
  readonly run: AgentRun | TeamRun;
  /** With `onStorageError: "continue"`, what went wrong with the storage; else null. */
  readonly storageError: unknown;
  /** Why no summary was made though one was wanted; else null. The summary before stays. */
  readonly summaryError: unknown;
}
