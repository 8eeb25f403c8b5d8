import {
  titleOf,
  toModelMessages,
  type CallAnswer,
  type ChatRequest,
  type ChatRequestOptions,
} from "@sessiondb/ai-sdk";
import {
  askedBefore,
  conversationOf,
  isAnswerOf,
  isOfChat,
  isQuestionOf,
  withShownQuestion,
} from "@sessiondb/ai-sdk/codec";
import {
  InvalidArgumentError,
  RunNotContinuableError,
  type AgentRun,
  type GetRunsOptions,
  type JsonObject,
  type Message,
  type Run,
  type SessionDb,
  type TeamRun,
  type UserScope,
} from "@sessiondb/core";
import { optional, type OptionReaders } from "@sessiondb/core/adapter";
import { isInProgress, jsonOf } from "@sessiondb/turns";
import { convertToModelMessages, type OutputInterface, type ToolSet, type UIMessage } from "ai";
import { withModelOutputs, type Approval, type Decided } from "./approvals.ts";
import type { AnyOutput, UserInput } from "./model-component-options.ts";
import { goOnReaders, type ModelRunOptions } from "./model-run-options.ts";
import type { FindRun } from "./session-agent.ts";
import { isWaiting, waitOf } from "./waiting.ts";

/** The options of a chat's run. */
export interface ChatRunOptions<
  State extends object = JsonObject,
  Tools extends ToolSet = ToolSet,
  Output extends OutputInterface = AnyOutput,
>
  extends Omit<ModelRunOptions<State, Tools, Output>, "replaces">, ChatRequestOptions {}

export const chatReaders = {
  ...goOnReaders,
  acceptFileUrl: optional(fileUrlCheck),
} satisfies OptionReaders<ChatRunOptions>;

function fileUrlCheck(value: unknown, argument: string): (url: URL) => boolean {
  if (typeof value !== "function") {
    throw new InvalidArgumentError(argument, "a function that returns whether a URL is accepted");
  }
  return value as (url: URL) => boolean;
}

/** The requests of each chat, one after another. */
export class ChatLines {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Does work once the work before it on the same chat has ended, however it did. */
  next<Result>(chatId: string, work: () => Promise<Result>): Promise<Result> {
    const before = this.#last.get(chatId) ?? Promise.resolve();
    const result = before.then(work, work);
    this.#last.set(chatId, result);
    const forget = (): void => {
      if (this.#last.get(chatId) === result) {
        this.#last.delete(chatId);
      }
    };
    result.then(forget, forget);
    return result;
  }
}

/** A chat as its store has it. */
export interface StoredChat {
  readonly db: SessionDb;
  /** The runs that count: those of this chat, of its component and its user. */
  readonly key: Pick<GetRunsOptions, "sessionId" | "componentId" | "signal"> & UserScope;
}

/** A question to ask. */
export interface Question {
  readonly input: UserInput;
  /** Returns the question's message as it is stored. */
  readonly stored: (message: Message) => Message;
  /** The name of a chat that begins with it; null without text. */
  readonly title: string | null;
  /** The run that the new one replaces; null for a question that follows the others. */
  readonly replaces: string | null;
}

const pageLength = 50;
/** The number of newest runs in which a message is looked for. */
const mostRuns = 1000;
/** The number of newest runs in which a question is looked for that is not edited: it may have been sent twice. */
const newestRuns = 5;

/**
 * Returns what to ask for a new or edited question, or for another answer to a stored one.
 *
 * @throws InvalidArgumentError when the chat has no such message.
 * @throws RunNotContinuableError when its run is in progress, or when the question was sent before.
 */
export async function questionOf(
  request: Extract<ChatRequest, { type: "question" | "regenerate" }>,
  chat: StoredChat,
): Promise<Question> {
  if (request.type === "question") {
    const { message, isEdited } = request;
    let newest: Run | null = null;
    const isMeant = (run: Run): boolean => {
      newest ??= run;
      return isQuestionOf(run, message.id);
    };
    const asked = await findRun(chat, isMeant, isEdited ? mostRuns : newestRuns);
    checkEnded(asked);
    if (asked !== null && !isEdited && (asked.status !== "ERROR" || asked !== newest)) {
      throw askedBefore(asked);
    }
    return newQuestion(message, asked);
  }
  const { messageId, message: last } = request;
  const isMeant = (run: Run): boolean =>
    messageId === null || isQuestionOf(run, messageId) || isAnswerOf(run, messageId);
  const run = await findRun(chat, isMeant, messageId === null ? newestRuns : mostRuns);
  // The request of the question may have been lost.
  if (run === null && last !== null && last.id === messageId) {
    return newQuestion(last, null);
  }
  const message = run === null ? undefined : conversationOf(run).findLast(({ role }) => role === "user");
  const [model] = message === undefined ? [] : toModelMessages([message]);
  if (run === null || message === undefined || model?.role !== "user") {
    throw new InvalidArgumentError("messageId", "the id of a question or of an answer of this chat");
  }
  checkEnded(run);
  return { input: model.content, stored: () => message, title: null, replaces: run.runId };
}

async function newQuestion(message: UIMessage, replaced: Run | null): Promise<Question> {
  const [model] = await convertToModelMessages([message]);
  return {
    input: model?.role === "user" ? model.content : "",
    stored: (stored) => withShownQuestion(stored, message),
    title: titleOf(message),
    replaces: replaced?.runId ?? null,
  };
}

/** Refuses to replace a run in progress: its answer may be there in a moment. */
function checkEnded(run: Run | null): void {
  if (run !== null && isInProgress(run)) {
    throw new RunNotContinuableError(run.runId, {
      why: "it is in progress",
      advice: "Resume its stream, wait for its end, or cancel it.",
    });
  }
}

/** Returns how to find the run whose calls a page answers, with the answers as decisions. */
export function answeredRun(
  { messageId, answers }: Extract<ChatRequest, { type: "answers" }>,
  chat: StoredChat,
): FindRun {
  return async () => ({
    run: await findRun(chat, (each) => isAnswerOf(each, messageId), mostRuns),
    approvals: (run, tools) => decisionsIn(run, { answers, tools }),
    argument: "messages",
  });
}

/** Takes answers to calls that are stored as waiting: whatever else a page says about calls has no effect. */
async function decisionsIn(
  run: AgentRun | TeamRun,
  { answers, tools }: { readonly answers: readonly CallAnswer[]; readonly tools: ToolSet },
): Promise<readonly Decided[]> {
  const waiting = (run.tools ?? []).filter(isWaiting);
  const decisions = waiting.flatMap((tool): Approval[] => {
    const toolCallId = tool.toolCallId ?? "";
    const answer = answers.find((each) => each.toolCallId === toolCallId);
    if (waitOf(tool) === "externalExecution") {
      return outcomeOf(toolCallId, answer?.outcome ?? null);
    }
    const approval = answer?.approval ?? null;
    return approval === null || approval.id !== (tool.approvalId ?? toolCallId)
      ? []
      : [{ toolCallId, approved: approval.approved, ...(approval.reason !== null && { reason: approval.reason }) }];
  });
  return withModelOutputs(decisions, { calls: waiting, tools });
}

function outcomeOf(toolCallId: string, outcome: CallAnswer["outcome"]): Approval[] {
  if (outcome === null) {
    return [];
  }
  return [
    {
      toolCallId,
      approved: true,
      ...("error" in outcome ? { error: outcome.error } : { result: jsonOf(outcome.output) ?? null }),
    },
  ];
}

/** Returns the newest run that is meant, among so many of the newest ones; null if there is none. */
async function findRun({ db, key }: StoredChat, isMeant: (run: Run) => boolean, most: number): Promise<Run | null> {
  const limit = Math.min(most, pageLength);
  let read = 0;
  for await (const { runs } of db.runPages({ ...key, parentRunId: null, sortOrder: "desc", limit })) {
    const found = runs.find((run) => isOfChat(run) && isMeant(run));
    read += runs.length;
    if (found !== undefined || read >= most) {
      return found ?? null;
    }
  }
  return null;
}
