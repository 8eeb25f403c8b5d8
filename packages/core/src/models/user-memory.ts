import { CorruptDataError } from "../errors.ts";
import { foldName } from "../session-rules.ts";

/** One fact about a user, kept across sessions: Agno's `UserMemory`. */
export interface UserMemory {
  readonly memoryId: string;
  /** The fact, as text. */
  readonly memory: string;
  /** Null when none were given. */
  readonly topics: readonly string[] | null;
  /** Null for a memory of nobody, which only another program can write. */
  readonly userId: string | null;
  /** The message that the memory was made from, or null. */
  readonly input: string | null;
  /** What the user said about the memory, or null. Agno has the column, and leaves it empty. */
  readonly feedback: string | null;
  /** The agent whose run made the memory, or null. */
  readonly agentId: string | null;
  /** The team whose run made the memory, or null. */
  readonly teamId: string | null;
  /** Unix seconds. */
  readonly createdAt: number;
  /** The last change, in Unix seconds: `createdAt` for a memory that was never changed. */
  readonly updatedAt: number;
}

/** The fields of a memory to change. Those left out stay, and null clears one. */
export interface UserMemoryPatch {
  memory?: string;
  topics?: readonly string[] | null;
  input?: string | null;
  feedback?: string | null;
  agentId?: string | null;
  teamId?: string | null;
}

/** A memory to add, with a new id. */
export interface NewUserMemory extends UserMemoryPatch {
  memory: string;
}

/** A memory to store. */
export interface UserMemoryInit extends NewUserMemory {
  /** The user whom the memory is about. */
  userId: string;
  /** Default: a new one, a random UUID. */
  memoryId?: string;
}

/**
 * One row of the memories table, a property per column; JSON columns as JSON text. What a store binds. `memory` is a
 * JSON string, `topics` a JSON array or `null`, as Agno writes them.
 */
export interface MemoryRow {
  memoryId: string;
  memory: string;
  feedback: string | null;
  input: string | null;
  agentId: string | null;
  teamId: string | null;
  userId: string | null;
  topics: string | null;
  /** Unix seconds. */
  createdAt: number;
  /** Unix seconds. */
  updatedAt: number | null;
}

/** The columns of the memories table, as the properties of their rows, in the order of Agno's table. */
export const memoryColumns = [
  "memoryId",
  "memory",
  "feedback",
  "input",
  "agentId",
  "teamId",
  "userId",
  "topics",
  "createdAt",
  "updatedAt",
] as const satisfies readonly (keyof MemoryRow)[];

/**
 * Decodes a row whose JSON columns are the text that is stored.
 *
 * @param table the name of the table, for the error.
 * @throws CorruptDataError for a memory that is no text, or topics that are no list of texts.
 */
export function decodeMemory(row: MemoryRow, table: string): UserMemory {
  const { memoryId, createdAt } = row;
  return {
    memoryId,
    memory: decodeText(row, table),
    topics: decodeTopics(row, table),
    userId: row.userId,
    input: row.input,
    feedback: row.feedback,
    agentId: row.agentId,
    teamId: row.teamId,
    createdAt,
    updatedAt: row.updatedAt ?? createdAt,
  };
}

/** The text of a memory: a JSON string; an object around it in rows of Agno 1; "" where Agno stored JSON null. */
export function decodeText({ memoryId, memory }: Pick<MemoryRow, "memoryId" | "memory">, table: string): string {
  const stored = parsed(memory);
  const text = isObject(stored) ? stored["memory"] : stored;
  if (typeof text === "string") {
    return text;
  }
  if (text === null) {
    return "";
  }
  throw new CorruptDataError(`${table}.memory`, memoryId, { wanted: "a JSON string" });
}

function decodeTopics({ memoryId, topics }: MemoryRow, table: string): readonly string[] | null {
  const stored = topics === null ? null : parsed(topics);
  if (stored === null || (Array.isArray(stored) && stored.every((topic) => typeof topic === "string"))) {
    return stored;
  }
  throw new CorruptDataError(`${table}.topics`, memoryId, { wanted: "a JSON array of strings" });
}

/** Parses once: text that looks like JSON is text. A column that is not declared as JSON holds the bare text. */
function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return json;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Returns the form in which facts are compared: two texts with the same form say the same. Case, white space, the
 * spelling of Unicode and a full stop at the end make no difference.
 */
export function sameFact(text: string): string {
  // Most texts are plain, and all memories of a user are compared.
  const isPlain = /^[ -~]*$/.test(text);
  const folded = isPlain ? text.toLowerCase() : foldName(text.normalize("NFKC"));
  const blanks = isPlain && !text.includes("  ") ? folded : folded.replace(/\s+/gu, " ");
  const trimmed = blanks.trim();
  let end = trimmed.length;
  // A text of nothing else keeps its first character.
  while (end > 1 && /[\s.!。]/u.test(trimmed.charAt(end - 1))) {
    end -= 1;
  }
  return trimmed.slice(0, end);
}
