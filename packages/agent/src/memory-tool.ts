import {
  InvalidArgumentError,
  MemoryNotFoundError,
  type MemoryUpdate,
  type NewUserMemory,
  type UserMemory,
  type UserMemoryDb,
} from "@sessiondb/core";
import { named, nonEmptyText, texts } from "@sessiondb/core/adapter";
import { jsonSchema, tool, type JSONSchema7, type ToolSet } from "ai";

/** The tool that changes the memories of a user. Agno's has this name too. */
export const memoryToolName = "update_user_memory";

/** What one call may change, and how long a memory may be, in characters: a model can go wrong without end. */
const mostChanges = 50;
const longestMemory = 1000;

export interface MemoryToolOptions {
  readonly memories: UserMemoryDb;
  /** The ids of the memories that the model is shown: it can change no others. */
  readonly shown: readonly string[];
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
 * Returns the tool with which a model changes the memories of one user: all of a call in one transaction, or nothing. It is
 * bound to the user; a model can name neither another one nor a memory that it was not shown.
 */
export function memoryTool({ memories, shown, origin, signal }: MemoryToolOptions): ToolSet[string] {
  const known = new Set(shown);
  return tool({
    description: "Changes what is remembered about the user beyond this conversation. Make all changes in one call.",
    inputSchema: schema,
    execute: async (given) => {
      const changes = changesOf(given);
      const unknown = [...changes.remove, ...changes.update.map((each) => each.memoryId)].find((id) => !known.has(id));
      if (unknown !== undefined) {
        throw new MemoryNotFoundError(unknown);
      }
      signal?.throwIfAborted();
      const changed = await memories.changeMemories({
        remove: changes.remove,
        update: changes.update.map((each) => ({ ...origin, ...each })),
        add: changes.add.map((each) => ({ ...origin, ...each })),
        ...(signal !== undefined && { signal }),
      });
      for (const id of changes.remove) {
        known.delete(id);
      }
      for (const { memoryId: id } of changed.added) {
        known.add(id);
      }
      return {
        added: changed.added.map(shownMemory),
        updated: changed.updated.map(shownMemory),
        removed: changes.remove,
      };
    },
  });
}

/** Returns a memory as a model is shown it that may change it. */
export function shownMemory({ memoryId: id, memory: text, topics: subjects }: UserMemory): {
  memory_id: string;
  memory: string;
  topics: readonly string[];
} {
  return { memory_id: id, memory: text, topics: subjects ?? [] };
}

/** Reads what a model asks for. Models write null for what they leave out. */
function changesOf(given: Readonly<Record<keyof Changes, unknown>>): Changes {
  const changes = {
    remove: texts(given.remove ?? [], "remove"),
    update: entries(given.update, "update").map((each) => ({
      memoryId: nonEmptyText(each["memory_id"], "memory_id"),
      ...factOf(each),
    })),
    add: entries(given.add, "add").map(factOf),
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
  const subjects = given["topics"] ?? undefined;
  return { memory: text, ...(subjects !== undefined && { topics: texts(subjects, "topics") }) };
}
