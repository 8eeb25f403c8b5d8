import type { Message, NewUserMemory, SessionDb, UserMemoryDb } from "@sessiondb/core";
import type { RunScope } from "@sessiondb/turns";
import type { ModelMessage, ToolSet } from "ai";
import { knownMemories, memoriesText, type KnownMemories } from "./known-memories.ts";
import { defaultInstructions } from "./memory-manager.ts";
import { limitsOf, memoriesOf, shownMemories, usesMemories, type MemorySettings } from "./memory-options.ts";
import { memoryToolNames, memoryTools } from "./memory-tool.ts";

/** The memories of a run's user. */
export interface RunMemories {
  readonly of: UserMemoryDb;
  /** Those that the model is shown. */
  readonly known: KnownMemories;
}

/** Reads the memories that the model of a run is shown; null if it has nothing to do with memories. */
export async function runMemories(
  settings: MemorySettings,
  { db, scope }: { readonly db: SessionDb; readonly scope: Pick<RunScope, "access" | "userId" | "signal"> },
): Promise<RunMemories | null> {
  const only = shownMemories(settings);
  const memories = usesMemories(settings) ? memoriesOf(settings, { db, scope }) : null;
  if (memories === null || (only === false && !settings.agenticMemory)) {
    return null;
  }
  const options = { limits: limitsOf(settings), only: only === true || only === false ? null : only };
  const known =
    only === false
      ? { memories: [], isWhole: false }
      : await knownMemories(memories, { ...options, signal: scope.signal });
  return { of: memories, known };
}

/** The names of the tools that the options of memories add. */
export function memoryToolsAdded({ agenticMemory }: MemorySettings): readonly string[] {
  return agenticMemory ? memoryToolNames : [];
}

/** Returns the tools with which the model of a run changes memories, if it has them. */
export function agenticTools(
  memories: RunMemories | null,
  {
    settings,
    maker,
    said,
    signal,
  }: {
    readonly settings: MemorySettings;
    readonly maker: Pick<NewUserMemory, "agentId" | "teamId">;
    /** The messages of the run, or those of its input. */
    readonly said: readonly (ModelMessage | Message)[];
    readonly signal: AbortSignal;
  },
): ToolSet {
  if (memories === null || !settings.agenticMemory) {
    return {};
  }
  const input = said.flatMap((message) => (message.role === "user" ? textsOf(message.content) : [])).join("\n");
  const origin = { ...(input !== "" && { input }), ...maker };
  const { of, known } = memories;
  return memoryTools({ memories: of, known, limits: limitsOf(settings), origin, signal });
}

/** Returns what the model is told of the memories, as a paragraph of the system message; null for nothing. */
export function memoriesParagraph(memories: RunMemories | null, settings: MemorySettings): string | null {
  if (memories === null) {
    return null;
  }
  const { agenticMemory, memoryManager } = settings;
  const shown = memoriesText(memories.known, { withIds: agenticMemory });
  const keeping = agenticMemory
    ? `Use ${memoryToolNames[0]} when the user says something that is worth remembering, when a memory is no longer true, and ` +
      `when the user asks to remember or to forget something. Worth remembering: ${memoryManager?.instructions ?? defaultInstructions}`
    : null;
  return [shown, keeping].filter((each) => each !== null).join("\n\n") || null;
}

function textsOf(content: unknown): string[] {
  if (typeof content === "string") {
    return content.trim() === "" ? [] : [content];
  }
  const parts: readonly unknown[] = Array.isArray(content) ? content : [];
  return parts.flatMap((part) =>
    typeof part === "object" && part !== null && "text" in part && typeof part.text === "string" ? [part.text] : [],
  );
}
