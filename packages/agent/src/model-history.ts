import type { Message, Run } from "@sessiondb/core";
import { hasAnswer } from "@sessiondb/turns";
import type { ModelMessage } from "ai";
import { callIds, isOfTurn, separateResults, toModelMessages, withCalls } from "./message-codec.ts";

export interface HistoryLimits {
  /** The maximum number of newest messages, as they are stored. Default: all. */
  readonly numHistoryMessages?: number;
  /** The maximum number of newest tool calls, with their results. Default 0: all. */
  readonly maxToolCalls?: number;
}

/**
 * Returns the messages that earlier runs, oldest first, add to a model's context. Models accept them in any case: each
 * tool call is followed by its result, and each result has its call.
 */
export function historyMessages(runs: readonly Run[], limits: HistoryLimits = {}): ModelMessage[] {
  const { numHistoryMessages, maxToolCalls = 0 } = limits;
  const messages = runs.flatMap(messagesOf);
  const newest =
    numHistoryMessages === undefined ? messages : numHistoryMessages === 0 ? [] : messages.slice(-numHistoryMessages);
  return toModelMessages(consistent(newest, maxToolCalls));
}

function messagesOf(run: Run): Message[] {
  if (run.runType === "workflow" || (run.parentRunId ?? null) !== null || !hasAnswer(run)) {
    return [];
  }
  return (run.messages ?? []).filter(isOfTurn).flatMap(separateResults);
}

/** Drops calls without results, results without calls, and all but the newest calls. */
function consistent(messages: readonly Message[], maxToolCalls = 0): Message[] {
  const answered = answeredCalls(messages);
  const kept = maxToolCalls === 0 ? answered : answered.slice(-maxToolCalls);
  const results = new Set(kept.map(({ result }) => result));
  const calls = new Map<Message, Set<string>>();
  for (const { asked, id } of kept) {
    calls.set(asked, (calls.get(asked) ?? new Set()).add(id));
  }
  return messages.flatMap((message): Message[] => {
    if (message.role === "tool") {
      return results.has(message) ? [message] : [];
    }
    const left = isAnswer(message) ? withCalls(message, calls.get(message) ?? new Set()) : message;
    return left === null ? [] : [left];
  });
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
