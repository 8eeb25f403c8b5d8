import type { AgentRun, JsonObject, JsonValue, TeamRun, ToolExecution } from "@sessiondb/core";
import type { LanguageModel, ToolSet } from "ai";
import type { ComponentOptions } from "./component.ts";
import type { GenerationSettings, GenerationStatus } from "./generation.ts";
import type { RunContext } from "./run-context.ts";
import type { StorageOptions } from "./run-record.ts";
import type { SessionToolOptions } from "./session-tools.ts";
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
