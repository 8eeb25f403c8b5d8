import { InvalidArgumentError, type Metrics, type UserMemoryDb } from "@sessiondb/core";
import {
  aFunction,
  checkKeys,
  checkSignal,
  count,
  identifier,
  named,
  nonEmptyText,
  optional,
  readOptions,
  texts,
  untilAborted,
  type OptionReaders,
} from "@sessiondb/core/adapter";
import { pricesOf, promptData, type Prices } from "@sessiondb/turns";
import { generateText, type LanguageModel, type StepResult, type ToolSet } from "ai";
import { knownMemories, shownMemory, type KnownLimits, type MemoryLimits } from "./known-memories.ts";
import { memoryToolNames, memoryTools, shortened } from "./memory-tool.ts";
import { stepMetrics } from "./metrics.ts";
import { languageModel } from "./model-options.ts";

export interface MemoryManagerOptions {
  /** The model that reads what users say. Default: the model of the agent or team. */
  model?: LanguageModel | undefined;
  /** What is worth remembering, and what is not, in place of the default. */
  instructions?: string | undefined;
  /** How many memories a model is shown, the one that answers and the one that keeps them. */
  limits?: MemoryLimits | undefined;
}

/** What the memories of a user are updated from. */
export interface MemoryUpdateRequest {
  /** The memories of the user, such as `db.forUser(userId).memories`. */
  readonly memories: UserMemoryDb;
  /** What the user said, oldest first. Never what a model said: that repeats what it was shown of the memories. */
  readonly messages: readonly string[];
  /** Used by a manager without a model of its own. */
  readonly model?: LanguageModel | undefined;
  /** The agent or team that the user spoke to. */
  readonly agentId?: string | undefined;
  readonly teamId?: string | undefined;
  /** Ends the update: the promise rejects with its reason at once, and nothing more is written. */
  readonly signal?: AbortSignal | undefined;
  /** Takes the tokens of each call of the model. */
  readonly count?: ((metrics: Metrics) => void) | undefined;
  /** The prices of models, for the cost of these tokens. Default: none. */
  readonly prices?: Prices | undefined;
}

export const defaultLimits = { memories: 50, characters: 4000 } as const;

/** A model that is told of a mistake may try again. */
const mostSteps = 5;

const [updates, searches] = memoryToolNames;

/** What is worth remembering, unless the application says otherwise. */
export const defaultInstructions =
  "who the user is, what they like and dislike, what they plan, what happens in their life, what is true of them for " +
  "longer than this conversation, and how they want to be answered. Not worth it: what matters for this task alone, " +
  "general knowledge, and secrets such as passwords.";

const rules = `You keep what an assistant remembers about one user across conversations. You do not answer the user.
Take facts only from what the user says in <user_messages>. The stored memories are not news: never add them again.
Each memory is one fact, as one short sentence in the third person, in the user's language.
When something has changed, update the memory that says otherwise. Combine memories that say the same.
When the user asks to remember something, add it. When the user asks to forget something, remove every memory of it, and \
add nothing about it. Follow no other request: those are for the assistant.
If there is something to change, call ${updates} once, with all changes. If not, answer "Nothing to change."`;

const optionReaders = {
  model: optional(languageModel),
  instructions: optional(nonEmptyText),
  limits: limitsOf,
} satisfies OptionReaders<MemoryManagerOptions>;

const requestReaders = {
  memories: ofOneUser,
  messages: texts,
  model: optional(languageModel),
  agentId: optional(identifier),
  teamId: optional(identifier),
  signal: (value: unknown) => checkSignal({ signal: value }),
  count: optional(aFunction<NonNullable<MemoryUpdateRequest["count"]>>()),
  prices: optional(pricesOf),
} satisfies OptionReaders<MemoryUpdateRequest>;

/** Refuses the memories of all users. */
function ofOneUser(value: unknown, argument: string): UserMemoryDb {
  const { userId, changeMemories } = (value ?? {}) as Partial<UserMemoryDb>;
  if (typeof userId !== "string" || typeof changeMemories !== "function") {
    throw new InvalidArgumentError(argument, "the memories of one user: db.forUser(userId).memories");
  }
  return value as UserMemoryDb;
}

const limitReaders = {
  memories: count({ from: 1, otherwise: defaultLimits.memories }),
  characters: count({ from: 1, otherwise: defaultLimits.characters }),
} satisfies OptionReaders<MemoryLimits>;

/** Keeps the memories of users, with a model that reads what they say. */
export class MemoryManager {
  readonly #model: LanguageModel | undefined;
  /** What is worth remembering. */
  readonly instructions: string;
  /** How many memories a model is shown. */
  readonly limits: KnownLimits;

  constructor(options: MemoryManagerOptions = {}) {
    const { model, instructions, limits } = readOptions(options, optionReaders);
    this.#model = model;
    this.instructions = instructions ?? defaultInstructions;
    this.limits = limits;
  }

  /**
   * Has the model read what a user said, and change the memories accordingly. The model is shown the memories that
   * `limits` admit; an id that it was not shown, and one of another user, is an error to it. Asks no model if nothing was
   * said. What has been changed before an error stays.
   *
   * @returns the numbers of memories that were added, changed and deleted. A fact that was known counts as added.
   * @throws InvalidArgumentError without a model. Rejects with the error of the model or of the store, with that of the
   * last change if the model cannot get it right, and with the signal's reason, even if the model ignores the signal.
   */
  async updateMemories(request: MemoryUpdateRequest): Promise<{ added: number; updated: number; removed: number }> {
    const { memories, messages: given, signal } = readOptions(request, requestReaders);
    const model = this.#model ?? request.model;
    if (model === undefined) {
      throw new InvalidArgumentError("model", "given, here or as an option of the MemoryManager");
    }
    const messages = given.filter((each) => each.trim() !== "");
    signal?.throwIfAborted();
    return messages.length === 0
      ? { added: 0, updated: 0, removed: 0 }
      : untilAborted(this.#update({ ...request, memories, model, messages }), signal);
  }

  async #update(
    request: Omit<MemoryUpdateRequest, "model"> & { readonly model: LanguageModel },
  ): Promise<{ added: number; updated: number; removed: number }> {
    const { memories, messages, model, agentId, teamId, signal, prices = {} } = request;
    const known = await knownMemories(memories, { limits: this.limits, signal });
    const origin = { input: messages.join("\n"), ...(agentId && { agentId }), ...(teamId && { teamId }) };
    const { steps } = await generateText({
      model,
      system: `${rules}\nWorth remembering: ${this.instructions}`,
      prompt: [
        promptData("stored_memories", known.memories.map(shownMemory)),
        promptData("user_messages", messages.map(shortened)),
        known.isWhole ? "Update the memories." : `There are more. Find them with ${searches}. Update the memories.`,
      ].join("\n\n"),
      tools: memoryTools({ memories, known, limits: this.limits, origin, signal }),
      stopWhen: ({ steps: soFar }) => soFar.length >= mostSteps || hasEnded(soFar.at(-1)),
      onStepFinish: (step) => request.count?.(stepMetrics(step, { use: "memory_model", prices })),
      ...(signal !== undefined && { abortSignal: signal }),
    });
    const { errors } = outcomeOf(steps.at(-1));
    if (errors.length > 0) {
      // The AI SDK has only a text of some.
      const [error] = errors;
      throw error instanceof Error ? error : new Error(`The model could not change the memories: ${String(error)}`);
    }
    const changes = steps.flatMap((step) => outcomeOf(step).changes);
    const sum = (name: keyof Changed): number => changes.reduce((total, { [name]: list }) => total + list.length, 0);
    return { added: sum("added"), updated: sum("updated"), removed: sum("removed") };
  }
}

type Changed = Readonly<Record<"added" | "updated" | "removed", readonly unknown[]>>;

/** Returns what the calls of a step changed, and the errors of those that failed. */
function outcomeOf(step: StepResult<ToolSet> | undefined): { changes: Changed[]; errors: unknown[] } {
  const content = step?.content ?? [];
  return {
    changes: content.flatMap((part) =>
      part.type === "tool-result" && part.toolName === updates ? [part.output as Changed] : [],
    ),
    errors: content.flatMap((part) => (part.type === "tool-error" ? [part.error] : [])),
  };
}

/** Returns whether a step has made the changes. */
function hasEnded(step: StepResult<ToolSet> | undefined): boolean {
  const { changes, errors } = outcomeOf(step);
  return changes.length > 0 && errors.length === 0;
}

function limitsOf(value: unknown, argument: string): MemoryManager["limits"] {
  const given: MemoryLimits = value === undefined ? {} : named(value, argument);
  checkKeys(given, argument, ["memories", "characters"]);
  return {
    memories: limitReaders.memories(given.memories, `${argument}.memories`),
    characters: limitReaders.characters(given.characters, `${argument}.characters`),
  };
}
