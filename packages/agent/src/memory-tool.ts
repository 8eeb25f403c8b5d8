import {
  InvalidArgumentError,
  MemoryNotFoundError,
  type MemoryUpdate,
  type NewUserMemory,
  type UserMemoryDb,
} from "@sessiondb/core";
import { named, nonEmptyText, texts } from "@sessiondb/core/adapter";
import { knownMemories, shownMemory, type KnownLimits, type KnownMemories } from "./known-memories.ts";
import { jsonSchema, tool, type JSONSchema7, type ToolSet } from "ai";

/** The tools that change the memories of a user, and find those that are not shown. Agno has one of the first name too. */
export const memoryToolNames = ["update_user_memory", "search_user_memories"] as const;
const [updates, searches] = memoryToolNames;

/** What one call may change, and how long a memory and its topics may be, in characters: a model can go wrong without end. */
const mostChanges = 50;
const longestMemory = 1000;
const mostTopics = 10;
const longestTopic = 100;

/** Characters that are read, and kept, of what a user said: MySQL's column holds 65,535 bytes. */
const longestMessage = 20_000;

export interface MemoryToolOptions {
  readonly memories: UserMemoryDb;
  /** The memories that the model is shown: it can change no others but those that it finds. */
  readonly known: KnownMemories;
  readonly limits: KnownLimits;
  /** Where what it writes comes from. */
  readonly origin: Pick<NewUserMemory, "input" | "agentId" | "teamId">;
  readonly signal: AbortSignal | undefined;
}

interface Changes {
  readonly remove: readonly string[];
  readonly update: readonly MemoryUpdate[];
  readonly add: readonly NewUserMemory[];
}

const topics: JSONSchema7 = {
  type: "array",
  items: { type: "string" },
  description: "Subjects in one or two words each, to find it by.",
};
const memory: JSONSchema7 = { type: "string", description: "One fact, as one short sentence about the user." };
const memoryId: JSONSchema7 = { type: "string", description: "The memory_id of a memory that you were shown." };

const schema = jsonSchema<Readonly<Record<keyof Changes, unknown>>>({
  type: "object",
  properties: {
    add: {
      type: "array",
      description: "New facts.",
      items: { type: "object", properties: { memory, topics }, required: ["memory"] },
    },
    update: {
      type: "array",
      description: "Memories that are not quite true any more, with what they say now.",
      items: { type: "object", properties: { memory_id: memoryId, memory, topics }, required: ["memory_id", "memory"] },
    },
    remove: {
      type: "array",
      description: "Memories to delete: the user asked to forget them, or they are no longer true.",
      items: memoryId,
    },
  },
});

/**
 * Returns the tools with which a model changes the memories of one user: all of a call in one transaction, or nothing; and
 * with which it finds one that is not shown, if there are such. They are bound to the user; a model can name neither another
 * one nor a memory that it has not seen.
 */
export function memoryTools({ memories, known, limits, origin, signal }: MemoryToolOptions): ToolSet {
  const seen = new Set(known.memories.map(({ memoryId: id }) => id));
  return {
    [updates]: updateTool({ memories, seen, origin, signal }),
    ...(!known.isWhole && { [searches]: searchTool({ memories, seen, limits, signal }) }),
  };
}

interface Bound {
  readonly memories: UserMemoryDb;
  /** The ids that the model may use. */
  readonly seen: Set<string>;
  readonly signal: AbortSignal | undefined;
}

function searchTool({ memories, seen, limits, signal }: Bound & Pick<MemoryToolOptions, "limits">): ToolSet[string] {
  return tool({
    description: "Finds memories of the user that you are not shown, by a word or a part of their text. Newest first.",
    inputSchema: jsonSchema<{ readonly text: unknown }>({
      type: "object",
      properties: { text: { type: "string", description: "A part of the text, in any case." } },
      required: ["text"],
    }),
    execute: async ({ text }) => {
      const found = await knownMemories(memories, { limits, text: nonEmptyText(text, "text"), signal });
      for (const { memoryId: id } of found.memories) {
        seen.add(id);
      }
      return { memories: found.memories.map(shownMemory), has_more: !found.isWhole };
    },
  });
}

function updateTool({ memories, seen, origin, signal }: Bound & Pick<MemoryToolOptions, "origin">): ToolSet[string] {
  const { input } = origin;
  const from = { ...origin, ...(typeof input === "string" && { input: shortened(input) }) };
  return tool({
    description: "Changes what is remembered about the user beyond this conversation. Make all changes in one call.",
    inputSchema: schema,
    execute: async (given) => {
      const changes = changesOf(named(given, "input"));
      const unknown = [...changes.remove, ...changes.update.map((each) => each.memoryId)].find((id) => !seen.has(id));
      if (unknown !== undefined) {
        throw new MemoryNotFoundError(unknown);
      }
      signal?.throwIfAborted();
      const changed = await memories.changeMemories({
        remove: changes.remove,
        update: changes.update.map((each) => ({ ...from, ...each })),
        add: changes.add.map((each) => ({ ...from, ...each })),
        ...(signal !== undefined && { signal }),
      });
      for (const id of changes.remove) {
        seen.delete(id);
      }
      for (const { memoryId: id } of changed.added) {
        seen.add(id);
      }
      return {
        added: changed.added.map(shownMemory),
        updated: changed.updated.map(shownMemory),
        removed: changes.remove,
      };
    },
  });
}

/** Returns the beginning and the end of what a user said, if it is too long. */
export function shortened(message: string): string {
  const half = longestMessage / 2 - 5;
  if (message.length <= longestMessage) {
    return message;
  }
  // Half of a surrogate pair is no text.
  const start = message.slice(0, half).replace(/[\uD800-\uDBFF]$/, "");
  return `${start} […] ${message.slice(-half).replace(/^[\uDC00-\uDFFF]/, "")}`;
}

/** Reads what a model asks for. Models write null for what they leave out. */
function changesOf(given: Readonly<Record<string, unknown>>): Changes {
  const changes = {
    remove: [...new Set(texts(given["remove"] ?? [], "remove"))],
    update: entries(given["update"], "update").map((each) => ({
      memoryId: nonEmptyText(each["memory_id"], "memory_id"),
      ...factOf(each),
    })),
    add: entries(given["add"], "add").map(factOf),
  };
  if (changes.remove.length + changes.update.length + changes.add.length > mostChanges) {
    throw new InvalidArgumentError("add, update and remove", `at most ${mostChanges} changes in one call`);
  }
  return changes;
}

function entries(value: unknown, argument: string): readonly Readonly<Record<string, unknown>>[] {
  if (value !== undefined && value !== null && !Array.isArray(value)) {
    throw new InvalidArgumentError(argument, "a list");
  }
  return (value ?? []).map((each: unknown, index) => named(each, `${argument}[${index}]`));
}

function factOf(given: Readonly<Record<string, unknown>>): { memory: string; topics?: readonly string[] } {
  const text = nonEmptyText(given["memory"], "memory");
  if (text.length > longestMemory) {
    throw new InvalidArgumentError("memory", `at most ${longestMemory} characters: keep several short facts instead`);
  }
  const subjects = texts(given["topics"] ?? [], "topics");
  if (subjects.length > mostTopics || subjects.some((topic) => topic.length > longestTopic)) {
    throw new InvalidArgumentError("topics", `at most ${mostTopics} topics of ${longestTopic} characters each`);
  }
  return { memory: text, ...(subjects.length > 0 && { topics: subjects }) };
}
