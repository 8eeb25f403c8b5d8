import type { JsonObject } from "@sessiondb/core";
import { identifier, optional, type OptionReaders, type OptionsRead } from "@sessiondb/core/adapter";
import { freeMetadata, runOptionReaders, type RunOptions } from "@sessiondb/turns";
import type { InferGenerateOutput, LanguageModel, OutputInterface, ToolSet } from "ai";
import { checkApprovals, type Approval } from "./approvals.ts";
import { generationSettings, type GenerationSettings } from "./generation.ts";
import type { AnyOutput, ModelComponentSettings } from "./model-component-options.ts";
import {
  bothTools,
  instructionsOf,
  languageModel,
  toolSource,
  type Instructions,
  type ToolSource,
} from "./model-options.ts";
import { sessionsToRead, type SessionToRead } from "./read-sessions.ts";

/** The tools of a call that names none. */
// oxlint-disable-next-line typescript/no-generated-empty-object-type -- It has no name.
export type NoTools = Record<never, never>;

/**
 * The tools of an agent or a team with those of a call, which replace others of the same name. Tools whose names are not known
 * to the compiler add nothing.
 */
export type WithTools<Tools extends ToolSet, More extends ToolSet> = [keyof More] extends [never]
  ? Tools
  : string extends keyof More
    ? Tools
    : string extends keyof Tools
      ? More
      : {
          [Name in keyof Tools | keyof More]: Name extends keyof More
            ? More[Name]
            : Name extends keyof Tools
              ? Tools[Name]
              : never;
        };

/** The structure of the answer of a call, if that describes one; else that of the agent or team. */
export type WithOutput<Output extends OutputInterface, Structure extends OutputInterface> =
  unknown extends InferGenerateOutput<Structure> ? Output : Structure;

/**
 * The options of a run of an agent or a team. They are for this run alone, and only `metadata` is stored: a run that waits
 * for an approval goes on with the options of the call that continues it. The members of a team are given the
 * `dependencies`, and none of the others.
 */
export interface ModelRunOptions<
  State extends object = JsonObject,
  Tools extends ToolSet = ToolSet,
  Output extends OutputInterface = AnyOutput,
> extends RunOptions<State> {
  /** A model in place of the component's. Summaries and names are made by the component's. */
  model?: LanguageModel | undefined;
  /** Instructions in place of the component's. */
  instructions?: Instructions<State> | undefined;
  /** Tools beside the component's. One replaces a tool of the same name. */
  tools?: ToolSource<Tools, State> | undefined;
  /** Settings merged over the component's, name by name; a value that is an object is replaced as a whole. */
  generation?: GenerationSettings<Output> | undefined;
  /**
   * Stored as the metadata of the run. A call that continues a run adds to them. Keys that begin with `sessiondb_` are
   * reserved.
   */
  metadata?: JsonObject | undefined;
  /**
   * Sessions of other components that the model is shown, as data. They are read, never changed, and not copied into
   * this session: name them again on the next turn. The user of the run must be one who may take part in them. In a
   * shared session, one that is a single user's is refused.
   */
  readSessions?: readonly SessionToRead[] | undefined;
}

/** The options of a call that continues a run. */
export interface ContinueOptions<
  State extends object = JsonObject,
  Tools extends ToolSet = ToolSet,
  Output extends OutputInterface = AnyOutput,
> extends Omit<ModelRunOptions<State, Tools, Output>, "replaces"> {
  runId: string;
  sessionId: string;
  /** A decision about each call that waits. */
  approvals: readonly Approval[];
}

export const modelRunReaders = {
  ...runOptionReaders,
  model: optional(languageModel),
  instructions: optional(instructionsOf),
  tools: toolSource,
  generation: generationSettings,
  metadata: optional(freeMetadata),
  readSessions: sessionsToRead,
} satisfies OptionReaders<ModelRunOptions>;

const { replaces: _replaces, ...others } = modelRunReaders;

/** Those of a run that may go on, which replaces none. */
export const goOnReaders = others;

export const continueReaders = {
  ...goOnReaders,
  sessionId: identifier,
  runId: identifier,
  approvals: checkApprovals,
} satisfies OptionReaders<ContinueOptions>;

/** The options of a run of an agent or a team, checked. */
export type ModelRunSettings = OptionsRead<typeof modelRunReaders>;

/** Returns the settings for one run. */
export function settingsFor(component: ModelComponentSettings, run: ModelRunSettings): ModelComponentSettings {
  const { model = component.model, instructions = component.instructions, tools, generation } = run;
  return {
    ...component,
    model,
    instructions,
    tools: bothTools(component.tools, tools),
    generation: { ...component.generation, ...generation },
  };
}
