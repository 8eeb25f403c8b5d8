import { InvalidArgumentError } from "../errors.ts";
import type { JsonObject, JsonValue } from "../json.ts";
import type { Message } from "./messages.ts";
import { skippedHistoryStatuses, type Run } from "./runs.ts";

// The parts of history that the sessions of agents, teams and workflows share.

/** The selection of messages. Conditions on runs apply first, then those on messages, then the limit. */
export interface MessageOptions {
  /** Only the last n of the runs that meet the other conditions; none for 0. */
  lastNRuns?: number | undefined;
  /**
   * At most the last n messages. The system message counts, and stays in front unless n is 1. Tool results whose calls
   * fall outside are dropped, since no model accepts them.
   */
  limit?: number | undefined;
  skipRoles?: readonly string[] | undefined;
  /** Default for agents and teams: PAUSED, CANCELLED, ERROR and REGENERATED; for workflows: none. */
  skipStatuses?: readonly string[] | undefined;
  /** Leaves out messages that were copied into a run from earlier ones. Default true. */
  skipHistoryMessages?: boolean | undefined;
}

/** One turn of a team or workflow as text. JSON values are rendered as JSON. */
export interface HistoryTurn {
  input: string;
  output: string;
}

function messagesOf(run: Run): Message[] {
  return run.runType === "workflow" ? [] : (run.messages ?? []);
}

export function isMemberRun(run: Run): boolean {
  return (run.parentRunId ?? null) !== null;
}

/** Returns the last n items: none when n is not positive, all when it is absent. */
export function lastOf<Item>(items: readonly Item[], count: number | undefined, argument: string): readonly Item[] {
  if (count === undefined) {
    return items;
  }
  if (!Number.isSafeInteger(count)) {
    throw new InvalidArgumentError(argument, "a whole number");
  }
  return count <= 0 ? [] : items.slice(-count);
}

/**
 * Selects messages of runs already chosen by component. Keeps only the first system message: each run repeats it, and a
 * model wants it once.
 */
export function selectMessages(runs: readonly Run[], options: MessageOptions): Message[] {
  const { skipRoles = [], skipHistoryMessages = true } = options;
  const skipped = (options.skipStatuses ?? skippedHistoryStatuses).map((status) => status.toUpperCase());
  const counted = runs.filter(({ status }) => !skipped.includes((status ?? "").toUpperCase()));
  const messages: Message[] = [];
  let hasSystem = false;
  for (const message of lastOf(counted, options.lastNRuns, "lastNRuns").flatMap(messagesOf)) {
    if (skipHistoryMessages && message.fromHistory === true) {
      continue;
    }
    if (skipRoles.includes(message.role)) {
      continue;
    }
    if (message.role === "system") {
      if (hasSystem) {
        continue;
      }
      hasSystem = true;
    }
    messages.push(message);
  }
  return options.limit === undefined ? messages : limitMessages(messages, options.limit);
}

function limitMessages(messages: Message[], limit: number): Message[] {
  const system = messages.filter(({ role }) => role === "system");
  const others = messages.filter(({ role }) => role !== "system");
  // A single place goes to the newest message: the system message alone says nothing about the conversation.
  const kept = limit > 1 ? system : [];
  const last = lastOf(others, limit - kept.length, "limit");
  const start = last.findIndex(({ role }) => role !== "tool");
  return [...kept, ...(start === -1 ? [] : last.slice(start))];
}

/** Returns the tool calls of all messages, newest run first, in order within a run: only `count` if it is positive. */
export function selectToolCalls(runs: readonly Run[], count: number | undefined): JsonObject[] {
  const calls = runs.toReversed().flatMap((run) => messagesOf(run).flatMap((message) => message.toolCalls ?? []));
  return count === undefined || count <= 0 ? calls : calls.slice(0, count);
}

/** Returns the turns of completed runs. */
export function completedTurns(runs: readonly Run[], count: number | undefined): HistoryTurn[] {
  const completed = runs.filter(({ status }) => status?.toUpperCase() === "COMPLETED");
  return lastOf(completed, count, "numRuns").map((run) => ({
    input: textOf(inputOf(run)),
    output: textOf(run.content),
  }));
}

export function inputOf(run: Run): JsonValue | undefined {
  return run.runType === "workflow" ? run.input : run.input?.inputContent;
}

function textOf(value: JsonValue | undefined): string {
  if (value === undefined || value === null) {
    return "";
  }
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** The wording of the text that tells a model about earlier turns. */
export interface HistoryWording {
  tag: string;
  /** The heading of a turn, before its number. */
  heading: string;
  input: string;
  output: string;
}

/** Returns the text that tells a model about turns, or null when there are none. */
export function describeTurns(turns: readonly HistoryTurn[], wording: HistoryWording): string | null {
  if (turns.length === 0) {
    return null;
  }
  const blocks = turns.map(({ input, output }, index) => {
    const lines = [`[${wording.heading}-${index + 1}]`];
    if (input !== "") {
      lines.push(`${wording.input}: ${input}`);
    }
    if (output !== "") {
      lines.push(`${wording.output}: ${output}`);
    }
    return `${lines.join("\n")}\n\n`;
  });
  return `<${wording.tag}>\n${blocks.join("")}</${wording.tag}>\n`;
}
