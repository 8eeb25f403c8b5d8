import type { AgentRun, JsonObject, Message, Run, TeamRun } from "@sessiondb/core";
import type { RunScope } from "@sessiondb/turns";
import type { ModelMessage, ToolSet } from "ai";
import type { CallSettings } from "./generation.ts";
import type { ShownHistory } from "./history-budget.ts";
import type { RunMemories } from "./run-memories.ts";
import type { ModelComponentSettings } from "./model-component-options.ts";
import type { ResumedRun } from "./resumed-run.ts";

/** The setup of a model's run, either a turn of its own or inside another run. */
export interface RunSetup {
  readonly scope: RunScope;
  /** The options of the component, with those of the run. */
  readonly settings: ModelComponentSettings;
  /** The tools of the component and the run, without those of this library. */
  readonly tools: ToolSet;
  /** The metadata that the run is given; undefined for none. */
  readonly metadata: JsonObject | undefined;
  /** The input as messages. */
  readonly input: readonly ModelMessage[];
  /** Returns a message of the input as it is stored. Default: as it is. */
  readonly storedInput?: ((message: Message) => Message) | undefined;
  /** The earlier messages that the model is shown. */
  readonly history: ShownHistory;
  /** The run that this one continues, with its decisions; null for a new one. */
  readonly resumed: ResumedRun | null;
  /** The sessions of other components as a paragraph of the system message; null for none. */
  readonly otherSessions: string | null;
  /** The memories of the user; null for none. */
  readonly memories: RunMemories | null;
  /** What the caller set for this run. */
  readonly call: CallSettings;
  /** The runs that this run's tools started, added as they end. */
  readonly children: ChildRun[];
}

/** A run that a tool started. */
export interface ChildRun {
  /** The call that started it. */
  readonly toolCallId: string;
  readonly run: Run;
}

/** The component's own fields in a run. */
export type RunOwner =
  | Pick<AgentRun, "runType" | "agentId" | "agentName">
  | Pick<TeamRun, "runType" | "teamId" | "teamName">;
