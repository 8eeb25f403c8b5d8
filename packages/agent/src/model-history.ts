import { toModelMessages } from "@sessiondb/ai-sdk";
import { callIds, isOfTurn, separateResults, withCalls } from "@sessiondb/ai-sdk/codec";
import type { Message, Run } from "@sessiondb/core";
import type { ModelMessage } from "ai";
import { closedTurn, isStopped, shownRuns, withoutTornParts } from "./stopped-runs.ts";

export interface HistoryLimits {
  /** The maximum number of newest messages. A run that does not fit whole is left out. Default: all. */
  readonly numHistoryMessages?: number;
  /** The maximum number of newest tool calls, with their results. Default 0: all. */
  readonly maxToolCalls?: number;
  /** Whether runs that failed or were cancelled are part of it. Default false. */
  readonly addStoppedRunsToContext?: boolean;
}

/** In front of a history that the assistant begins, such as with an introduction: providers expect the user first. */
const opening: ModelMessage = { role: "user", content: "(The assistant speaks first.)" };

/**
 * Returns the messages that earlier runs, oldest first, add to a model's context. Models accept them in any case: they
 * begin with a user message, each tool call is followed by its result, and each result has its call.
 */
export function historyMessages(runs: readonly Run[], limits: HistoryLimits = {}): ModelMessage[] {
  return begunByUser(historyTurns(runs, limits));
}

/** Returns the messages of each earlier run that has any, oldest first. */
export function historyTurns(runs: readonly Run[], limits: HistoryLimits = {}): ModelMessage[][] {
  const { numHistoryMessages, maxToolCalls = 0, addStoppedRunsToContext = false } = limits;
  const shown = runs.filter(shownRuns({ addStoppedRunsToContext }));
  const turns = consistent(shown.map(messagesOf), maxToolCalls).map((messages, index) => {
    const turn = toModelMessages(messages).map(withContent);
    const run = shown[index];
    return run !== undefined && isStopped(run) ? closedTurn(turn) : turn;
  });
  const said = turns.filter((messages) => messages.length > 0);
  return numHistoryMessages === undefined
    ? said
    : said.slice(firstWithin(said, numHistoryMessages, ({ length }) => length));
}

/** Returns the place from which on the newest turns are no larger together than `most`. The first that is larger ends them. */
export function firstWithin(
  turns: readonly (readonly ModelMessage[])[],
  most: number,
  sizeOf: (messages: readonly ModelMessage[]) => number,
): number {
  let first = turns.length;
  for (let size = 0; first > 0; first -= 1) {
    const turn = turns[first - 1] ?? [];
    size += sizeOf(turn);
    // What is put in front of it counts too.
    if (size + (isBegunByUser(turn) ? 0 : sizeOf([opening])) > most) {
      break;
    }
  }
  return first;
}

/** Returns the messages of turns, the first of which is the user's. */
export function begunByUser(turns: readonly (readonly ModelMessage[])[]): ModelMessage[] {
  const messages = turns.flat();
  return messages.length === 0 || isBegunByUser(messages) ? messages : [opening, ...messages];
}

/** Providers refuse an empty message, as that of a question is whose files are not stored. */
function withContent(message: ModelMessage): ModelMessage {
  return message.role === "user" && message.content.length === 0 ? { ...message, content: "(Not stored.)" } : message;
}

function isBegunByUser([first]: readonly ModelMessage[]): boolean {
  return first?.role === "user";
}

function messagesOf(run: Run): Message[] {
  if (run.runType === "workflow" || (run.parentRunId ?? null) !== null) {
    return [];
  }
  const messages = (run.messages ?? []).filter(isOfTurn).flatMap(separateResults);
  return isStopped(run) ? withoutTornParts(messages) : messages;
}

/** Drops calls without results in their run, results without calls, and all but the newest calls. */
function consistent(turns: readonly Message[][], maxToolCalls: number): Message[][] {
  const answered = turns.flatMap(answeredCalls);
  const kept = maxToolCalls === 0 ? answered : answered.slice(-maxToolCalls);
  const results = new Set(kept.map(({ result }) => result));
  const calls = new Map<Message, Set<string>>();
  for (const { asked, id } of kept) {
    calls.set(asked, (calls.get(asked) ?? new Set()).add(id));
  }
  return turns.map((messages) =>
    messages.flatMap((message): Message[] => {
      if (message.role === "tool") {
        return results.has(message) ? [message] : [];
      }
      const left = isAnswer(message) ? withCalls(message, calls.get(message) ?? new Set()) : message;
      return left === null ? [] : [left];
    }),
  );
}

interface AnsweredCall {
  readonly asked: Message;
  readonly id: string;
  readonly result: Message;
}

function answeredCalls(messages: readonly Message[]): AnsweredCall[] {
  const answered: AnsweredCall[] = [];
  let asked: Message | null = null;
  let open = new Set<string>();
  for (const message of messages) {
    if (message.role !== "tool") {
      asked = message;
      open = new Set(isAnswer(message) ? callIds(message) : []);
    } else if (asked !== null && open.delete(message.toolCallId ?? "")) {
      answered.push({ asked, id: message.toolCallId ?? "", result: message });
    }
  }
  return answered;
}

function isAnswer({ role }: Message): boolean {
  return role === "assistant" || role === "model";
}
