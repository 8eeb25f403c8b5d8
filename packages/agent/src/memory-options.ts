import { InvalidArgumentError, type MemoryDb, type SessionDb, type UserMemoryDb } from "@sessiondb/core";
import {
  aFunction,
  checkFlag,
  checkKeys,
  flag,
  milliseconds,
  objectWith,
  oneOf,
  optional,
  texts,
  type OptionReaders,
  type OptionsRead,
} from "@sessiondb/core/adapter";
import type { ComponentSettings, RunScope } from "@sessiondb/turns";
import type { MemoryTopicFilter } from "./known-memories.ts";
import { defaultLimits, type MemoryManager } from "./memory-manager.ts";

/** The place of an error of memories that no result can tell. */
export interface MemoryFailure {
  readonly userId: string;
  readonly sessionId: string;
  /** The run after which the memories were to be updated. */
  readonly runId: string;
}

/**
 * What an agent, or a team's leader, remembers about its users beyond sessions, in the memories of its `db`. A run without a
 * user makes and sees no memories.
 */
export interface MemoryOptions {
  /**
   * Whether a model reads what the user said, after each completed run, and adds, changes and deletes memories accordingly.
   * It follows the answer, as summaries do. Default false.
   */
  updateMemoryOnRun?: boolean | undefined;
  /**
   * Whether the model that answers has a tool to change the memories that it is shown, `update_user_memory`. Then
   * `updateMemoryOnRun` has no effect. Default false.
   */
  agenticMemory?: boolean | undefined;
  /**
   * Whether the model is shown the memories of the user: those changed last, of certain topics if given, within the `limits`
   * of the manager. Default: true if any other option of memories is set.
   */
  addMemoriesToContext?: boolean | MemoryTopicFilter | undefined;
  /** Keeps the memories. Default: a manager that uses the component's model. */
  memoryManager?: MemoryManager | undefined;
  /**
   * Whether results wait for the update of the memories, so that the next turn knows, and tell its error. Default false: it
   * follows the answer.
   */
  awaitMemories?: boolean | undefined;
  /** Takes the errors of updates that no result waits for. Default: a process warning without content. */
  onMemoryError?: ((error: unknown, failure: MemoryFailure) => void) | undefined;
  /** Milliseconds after which an update is given up; those before it of the same user have their own. Default 60,000. */
  memoryTimeout?: number | undefined;
}

const matchOf = oneOf("any", "all");

function shownOf(value: unknown, argument: string): boolean | Required<MemoryTopicFilter> {
  if (typeof value !== "object" || value === null) {
    return checkFlag(value, argument, false);
  }
  checkKeys(value, argument, ["topics", "topicMatch"]);
  const { topics, topicMatch } = value as MemoryTopicFilter;
  const names = texts(topics, `${argument}.topics`);
  if (names.length === 0) {
    throw new InvalidArgumentError(`${argument}.topics`, "one or more topics; true for the memories of any");
  }
  return { topics: names, topicMatch: matchOf(topicMatch, `${argument}.topicMatch`) };
}

export const memoryReaders = {
  updateMemoryOnRun: optional(flag(false)),
  agenticMemory: flag(false),
  addMemoriesToContext: optional(shownOf),
  memoryManager: optional(objectWith<MemoryManager>(["updateMemories"], "a MemoryManager, or left out")),
  awaitMemories: flag(false),
  onMemoryError: optional(aFunction<NonNullable<MemoryOptions["onMemoryError"]>>()),
  memoryTimeout: milliseconds({ from: 1, otherwise: 60_000 }),
} satisfies OptionReaders<MemoryOptions>;

export type MemorySettings = OptionsRead<typeof memoryReaders>;

/** Returns which memories the model is shown; false for none. */
export function shownMemories(settings: MemorySettings): boolean | Required<MemoryTopicFilter> {
  const { addMemoriesToContext, updateMemoryOnRun, agenticMemory, memoryManager } = settings;
  return addMemoriesToContext ?? (updateMemoryOnRun === true || agenticMemory || memoryManager !== undefined);
}

/** Returns whether runs have to do with memories. */
export function usesMemories(settings: MemorySettings): boolean {
  return optionOf(settings) !== null;
}

/** Returns how many memories a model is shown. An application may have a manager of its own making. */
export function limitsOf({ memoryManager }: MemorySettings): MemoryManager["limits"] {
  const { limits = defaultLimits } = (memoryManager ?? {}) as Partial<MemoryManager>;
  return limits;
}

/** Refuses options of memories where there can be none, or where others than the user would see them. */
export function checkMemories(settings: MemorySettings & ComponentSettings): void {
  const { db, sessionStorage, access } = settings;
  const option = optionOf(settings);
  if (option === null) {
    return;
  }
  if (db === undefined || !sessionStorage) {
    throw new InvalidArgumentError(option, "left out without a db to keep memories in");
  }
  if (typeof db === "object") {
    checkKeepsMemories(db, option);
  }
  const seen = settings.agenticMemory
    ? "agenticMemory"
    : shownMemories(settings) !== false
      ? "addMemoriesToContext"
      : null;
  if (access === "shared" && seen !== null) {
    throw new InvalidArgumentError(
      seen,
      'false with access "shared": the other users of a session would see what the answers tell of the memories',
    );
  }
}

/** Returns the memories of a run's user; null for a run that has none, or whose answer others will see. */
export function memoriesOf(
  settings: MemorySettings,
  { db, scope }: { readonly db: SessionDb; readonly scope: Pick<RunScope, "access" | "userId"> },
): UserMemoryDb | null {
  checkKeepsMemories(db, optionOf(settings) ?? "db");
  return scope.userId === null || scope.access === "shared" ? null : db.forUser(scope.userId).memories;
}

/** Returns the memories of a store. */
export function checkKeepsMemories(db: SessionDb, argument: string): MemoryDb {
  if (db.memories === null) {
    throw new InvalidArgumentError(argument, "left out: the store given as db keeps no memories");
  }
  return db.memories;
}

/** Returns the option that asks for memories; null without one. */
function optionOf(settings: MemorySettings): keyof MemoryOptions | null {
  const { agenticMemory, updateMemoryOnRun } = settings;
  if (agenticMemory) {
    return "agenticMemory";
  }
  if (updateMemoryOnRun === true) {
    return "updateMemoryOnRun";
  }
  return shownMemories(settings) === false ? null : "addMemoriesToContext";
}
