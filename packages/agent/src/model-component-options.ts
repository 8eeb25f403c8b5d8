import type { AgentRun, JsonObject, TeamRun } from "@sessiondb/core";
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
import { componentReaders, type ComponentOptions, type Known } from "@sessiondb/turns";
import type {
  FinishReason,
  InferGenerateOutput,
  LanguageModel,
  LanguageModelUsage,
  OutputInterface,
  ToolSet,
  UserContent,
} from "ai";
import type { AnyOutput } from "./any-output.ts";
import { followUpReaders, type FollowUpOptions } from "./follow-up.ts";
import { guardrailReaders, type GuardrailOptions } from "./guardrails.ts";
import { generationSettings, type GenerationSettings, type GenerationStatus } from "./generation.ts";
import { historyBudgetReaders, type HistoryBudgetOptions } from "./history-budget.ts";
import { memoryReaders, type MemoryOptions } from "./memory-options.ts";
import { instructionsOf, languageModel, toolSource, type Instructions, type ToolSource } from "./model-options.ts";
import { hookReaders, type HookOptions } from "./run-hooks.ts";
import type { RunStep } from "./run-steps.ts";
import type { Source } from "./said-in-step.ts";
import { sessionToolReaders, type SessionToolOptions } from "./session-tools.ts";
import { storageReaders, type StorageOptions } from "./storage-options.ts";
import type { SessionSummaryManager } from "./summary.ts";
import type { ToolCall, PendingApproval } from "./tool-calls.ts";

export type { AnyOutput };

/** The input of a run: text, or the parts of a user message of the AI SDK. */
export type UserInput = string | UserContent;

/** The options of an agent, and of the leader of a team. */
export interface ModelComponentOptions<
  Tools extends ToolSet = ToolSet,
  Output extends OutputInterface = AnyOutput,
  State extends object = JsonObject,
>
  extends
    ComponentOptions<State>,
    StorageOptions,
    SessionToolOptions<State>,
    HistoryBudgetOptions,
    FollowUpOptions,
    MemoryOptions,
    GuardrailOptions<Output, State>,
    HookOptions<Known<Tools, ToolSet>, State> {
  /** A model of the AI SDK, or a model id for its global provider. */
  model: LanguageModel;
  /** The purpose of the component, shown to the leader of its team. */
  description?: string | undefined;
  /** The system message: text, paragraphs, or a function that returns text. */
  instructions?: Instructions<Known<State, JsonObject>> | undefined;
  /**
   * Tools of the AI SDK. Inside one, `runContextOf` returns its `RunContext`. A function is called for each run, and returns
   * its tools, such as those of the run's user or of an MCP server; if it fails, so does the run, before anything is stored.
   */
  tools?: ToolSource<Tools, Known<State, JsonObject>> | undefined;
  /** More settings of `generateText` and `streamText`. Default: at most 20 steps. */
  generation?: GenerationSettings<Output> | undefined;
  /** Whether the model is shown the earlier runs of the session. Default true. */
  addHistoryToContext?: boolean | undefined;
  /** Whether it is shown their images, audio and other files. Default true. */
  addHistoryMediaToContext?: boolean | undefined;
  /** The number of newest runs it is shown. Default: `numHistoryMessages` if given, else 10. */
  numHistoryRuns?: number | undefined;
  /**
   * Whether those are also runs that failed or were cancelled: what the user said, and what had arrived of the answer.
   * Costs one more read per turn, or two with summaries, which tell of them too. Default false.
   */
  addStoppedRunsToContext?: boolean | undefined;
  /** The maximum number of newest messages it is shown, in whole runs. Default: all of those runs. */
  numHistoryMessages?: number | undefined;
  /** The maximum number of newest tool calls of those runs it is shown. Default 0: all. */
  maxToolCallsFromHistory?: number | undefined;
  /** Whether the session is summarized after completed runs. Default: true if there is a summary manager. */
  sessionSummaries?: boolean | undefined;
  /** Whether the model is shown the summary of the session. Default: true if summaries are made. */
  addSessionSummaryToContext?: boolean | undefined;
  /**
   * Whether the model is shown also those of the newest runs that the summary covers. Default true. Runs that it lacks are
   * always part of the history, up to 100 of them.
   */
  addSummarizedRunsToContext?: boolean | undefined;
  /** Makes the summaries. Default: a manager that uses the component's model. */
  sessionSummaryManager?: SessionSummaryManager | undefined;
  /** Whether the model is shown the session state. Default false. */
  addSessionStateToContext?: boolean | undefined;
  /** The assistant's first message in a new session, stored as a run of its own. */
  introduction?: string | undefined;
}

export const modelComponentReaders = {
  ...componentReaders,
  ...storageReaders,
  ...sessionToolReaders,
  ...historyBudgetReaders,
  ...followUpReaders,
  ...memoryReaders,
  ...guardrailReaders,
  ...hookReaders,
  model: languageModel,
  description: optional(checkText),
  instructions: optional(instructionsOf),
  tools: toolSource,
  generation: generationSettings,
  addHistoryToContext: flag(true),
  addHistoryMediaToContext: flag(true),
  numHistoryRuns: optional(atLeast(0)),
  addStoppedRunsToContext: flag(false),
  numHistoryMessages: optional(atLeast(0)),
  maxToolCallsFromHistory: count({ from: 0, otherwise: 0 }),
  sessionSummaries: optional(flag(false)),
  addSessionSummaryToContext: optional(flag(false)),
  addSummarizedRunsToContext: flag(true),
  sessionSummaryManager: optional(
    objectWith<SessionSummaryManager>(["createSummary"], "a SessionSummaryManager, or left out"),
  ),
  addSessionStateToContext: flag(false),
  introduction: optional(checkText),
} satisfies OptionReaders<ModelComponentOptions>;

/** The options of an agent or a team's leader, checked and with their defaults. */
export type ModelComponentSettings = OptionsRead<typeof modelComponentReaders>;

/** The options that have no effect while a switch is off. */
export const modelComponentSwitches = {
  addHistoryToContext: [
    "numHistoryRuns",
    "numHistoryMessages",
    "maxToolCallsFromHistory",
    "maxHistoryTokens",
    "maxToolResultTokens",
    "numHistoryMediaRuns",
    "countTokens",
    "addHistoryMediaToContext",
    "addSummarizedRunsToContext",
    "addStoppedRunsToContext",
    "storeHistoryMessages",
  ],
  addHistoryMediaToContext: ["numHistoryMediaRuns"],
  sessionSummaries: ["sessionSummaryManager", "awaitSummaries", "onSummaryError", "summaryTimeout"],
  updateMemoryOnRun: ["awaitMemories", "onMemoryError", "memoryTimeout"],
} as const satisfies Partial<Record<keyof ModelComponentOptions, readonly (keyof ModelComponentOptions)[]>>;

/** The outcome of a run. */
export interface RunResult<
  Tools extends ToolSet = ToolSet,
  Output extends OutputInterface = AnyOutput,
  State extends object = JsonObject,
> {
  readonly runId: string;
  /** Pass it to the next run to continue this conversation. */
  readonly sessionId: string;
  readonly userId: string | null;
  /**
   * COMPLETED; PAUSED while calls wait for approval, or for the results of tools without `execute` (see `continueRun`);
   * or CANCELLED, from a stream only.
   */
  readonly status: GenerationStatus;
  /** The answer. */
  readonly text: string;
  /** The parsed answer if `generation.output` asks for a structure; else undefined. */
  readonly output: InferGenerateOutput<Output> | undefined;
  /**
   * Why the model ended its answer: `stop`, `length` when it was cut off, `content-filter`, `tool-calls`, or `other`.
   * Null if it did not end it: the run failed or was cancelled before.
   */
  readonly finishReason: FinishReason | null;
  /** The steps of the run, also those before a pause and one that did not end. Those of a run that Agno paused are left out. */
  readonly steps: readonly RunStep<Tools>[];
  /** The tokens of all steps; undefined where the provider does not count them. */
  readonly usage: LanguageModelUsage;
  /**
   * The cost of the run by `prices`, as in `run.metrics`. The runs of a team's members have their own. Null if a model that it
   * asked has no price or does not count its tokens, and if no answer came.
   */
  readonly cost: number | null;
  /** The sources that the model names, such as web pages, in their order. */
  readonly sources: readonly Source[];
  /** The calls of tools, with their results. */
  readonly toolCalls: readonly ToolCall<Tools>[];
  /** The calls that wait for approval, and those of tools without `execute`, which wait for a result. */
  readonly pendingApprovals: readonly PendingApproval<Tools>[];
  /** The session state as the run left it. */
  readonly sessionState: State;
  /** The run as it was stored. */
  readonly run: AgentRun | TeamRun;
  /** With `onStorageError: "continue"`, the first storage failure that was ignored; else null. */
  readonly storageError: unknown;
  /** With `awaitSummaries`, the error that prevented a summary; else null. The previous summary stays. */
  readonly summaryError: unknown;
  /** With `awaitMemories`, the error that prevented an update of the memories; else null. The memories stay as they were. */
  readonly memoryError: unknown;
}
