import type { AgentRun, JsonObject, JsonValue, TeamRun, ToolExecution } from "@sessiondb/core";
import {
  atLeast,
  checkText,
  count,
  flag,
  objectWith,
  optional,
  type OptionReaders,
  type OptionsRead,
} from "@sessiondb/core/adapter";
import { componentReaders, type ComponentOptions, type RunContext } from "@sessiondb/turns";
import type { LanguageModel, ToolSet, UserContent } from "ai";
import { generationSettings, type GenerationSettings, type GenerationStatus } from "./generation.ts";
import { instructionsOf, languageModel, toolSet } from "./model-options.ts";
import { storageReaders, type StorageOptions } from "./run-record.ts";
import { sessionToolReaders, type SessionToolOptions } from "./session-tools.ts";
import type { SessionSummaryManager } from "./summary.ts";

/** The input of a run: text, or the parts of a user message of the AI SDK. */
export type UserInput = string | UserContent;

/** The options of an agent, and of the leader of a team. */
export interface ModelComponentOptions extends ComponentOptions, StorageOptions, SessionToolOptions {
  /** A model of the AI SDK, or the id of one that its global provider knows. */
  model: LanguageModel;
  /** The purpose of the component. A team's leader and workflows read it. */
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
  /** The assistant's first message of a new session, stored as a run of its own. */
  introduction?: string;
}

export const modelComponentReaders = {
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
} satisfies OptionReaders<ModelComponentOptions>;

/** The options of an agent or a team's leader as they were read. */
export type ModelComponentSettings = OptionsRead<typeof modelComponentReaders>;

/** The outcome of a run. */
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
  /** With `onStorageError: "continue"`, the failure of the storage that was passed over; else null. */
  readonly storageError: unknown;
  /** The error that prevented a summary that was wanted; else null. The summary before stays. */
  readonly summaryError: unknown;
}
