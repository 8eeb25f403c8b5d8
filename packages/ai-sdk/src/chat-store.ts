import {
  InvalidArgumentError,
  type Run,
  type SessionDb,
  type SessionHeader,
  type SessionType,
  type UserSessionDb,
} from "@sessiondb/core";
import { checkText, count, present } from "@sessiondb/core/adapter";
import { admit, findPlace, isInProgress, type RunPlace } from "@sessiondb/turns";
import { safeValidateUIMessages, type UIMessage } from "ai";
import { withAnswers, withoutOpenCalls } from "./answered-calls.ts";
import { readChatRequest, type ChatRequest, type ChatRequestOptions } from "./chat-request.ts";
import { asWaiting, ChatTurn, mayTakeAnswers, type ChatTurnOptions } from "./chat-turn.ts";
import { askedBefore, conversationOf, isAnswerOf, isOfChat, isQuestionOf } from "./run-messages.ts";
import { shownWhole } from "./stored-answer.ts";
import { toUIMessages, type UIMessageOptions } from "./ui-messages.ts";

export interface ChatStoreOptions<Shown extends UIMessage = UIMessage> extends UIMessageOptions<Shown> {
  /** The agent or team whose sessions are the chats: one of `@sessiondb/agent`, or its type and id. Default: the agent `chat`. */
  component?: { readonly sessionType: SessionType; readonly id: string } | undefined;
}

/** A chat in a list. */
export interface ChatHeader {
  readonly id: string;
  /** The name of its session; null without one. */
  readonly title: string | null;
  /** Unix seconds. */
  readonly createdAt: number;
  /** Unix seconds. */
  readonly updatedAt: number;
}

/** A page of a list of chats, the one that was used last first. */
export interface ChatList {
  readonly chats: ChatHeader[];
  /** The cursor of the next page; null on the last one. */
  readonly nextCursor: string | null;
}

/** The newest messages of a chat, or some before them. */
export interface LoadedChat<Shown extends UIMessage = UIMessage> extends ChatHeader {
  /** Oldest first. */
  readonly messages: Shown[];
  /** The cursor of the messages before these; null if these are the first. */
  readonly olderCursor: string | null;
  /**
   * The id of the run whose answer is being made, for a server that keeps its streams by that id; null if there is none. What it has
   * said so far is not among the messages: the stream tells it from its start.
   */
  readonly activeStreamId: string | null;
}

export interface ListChatsOptions {
  /** 1 to 100. Default 50. */
  limit?: number | undefined;
  /** `nextCursor` of the page before. */
  cursor?: string | undefined;
  signal?: AbortSignal | undefined;
}

export interface LoadChatOptions {
  /** The number of turns to load, 1 to 100: a question with its answer each. Default 20. */
  turns?: number | undefined;
  /** `olderCursor` of a chat that was loaded. */
  cursor?: string | undefined;
  signal?: AbortSignal | undefined;
}

export interface TurnOptions extends ChatRequestOptions {
  /** The number of turns before the question that the model is shown, 0 to 100. Default 20. */
  turns?: number | undefined;
  /** Whether the question is stored before there is an answer, so that a page that is reloaded can resume its stream. Default false. */
  resumable?: boolean | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * The chats of a page: lists and loads them, and stores turns of `streamText`. With `db.forUser(userId)` they are those of
 * one user, and no other's can be read, changed or written to: the id of another user's chat is the id of none. Agents and teams store
 * their turns themselves; of theirs, this lists, loads, renames and deletes.
 *
 * ```ts
 * const turn = await chats.turn(await request.json());
 * const result = streamText({ model, messages: await convertToModelMessages(turn.messages) });
 * return result.toUIMessageStreamResponse(turn.streamOptions);
 * ```
 */
export function chatStore<Shown extends UIMessage = UIMessage>(
  db: SessionDb | UserSessionDb,
  options: ChatStoreOptions<Shown> = {},
): ChatStore<Shown> {
  return new ChatStore(db, options);
}

/** The number of newest runs in which a message is looked for. */
const mostRuns = 1000;

/** What a turn is made of, beside what its page asks for. */
interface TurnQuery {
  readonly chatId: string;
  readonly turns: number;
  readonly isFirst: boolean;
  readonly signal: AbortSignal | undefined;
}

export class ChatStore<Shown extends UIMessage = UIMessage> {
  readonly #db: SessionDb | UserSessionDb;
  readonly #options: ChatStoreOptions<Shown>;
  readonly #component: { readonly sessionType: SessionType; readonly id: string };

  constructor(db: SessionDb | UserSessionDb, options: ChatStoreOptions<Shown>) {
    const { component = { sessionType: "agent", id: "chat" } } = options;
    this.#db = db;
    this.#options = options;
    this.#component = component;
  }

  /** The options with which messages are read for the model, and to go on with: with all that is kept. */
  get #whole(): UIMessageOptions<Shown> {
    return { ...this.#options, ...shownWhole };
  }

  /** Returns a page of the chats, the one that was used last first. */
  async list(options: ListChatsOptions = {}): Promise<ChatList> {
    const { sessionType, id: componentId } = this.#component;
    const page = await this.#db.getSessions({ sessionType, componentId, sortBy: "updatedAt", ...present(options) });
    return { chats: page.sessions.map(headerOf), nextCursor: page.nextCursor };
  }

  /** Returns the newest messages of a chat, or those before a cursor; null if there is no such chat. */
  async load(chatId: string, options: LoadChatOptions = {}): Promise<LoadedChat<Shown> | null> {
    const { cursor, signal } = options;
    const turns = turnsIn(options, 1);
    const header = await this.#header(chatId, signal);
    if (header === null) {
      return null;
    }
    const page = await this.#db.getRuns({
      sessionId: chatId,
      parentRunId: null,
      sortOrder: "desc",
      limit: turns,
      ...present({ cursor, signal }),
    });
    const newest = page.runs[0];
    const isActive = cursor === undefined && newest !== undefined && isInProgress(newest);
    const runs = isActive ? [withoutAnswer(newest), ...page.runs.slice(1)] : page.runs.map(asWaiting);
    return {
      ...headerOf(header),
      messages: await shownMessages(this.#options, runs.toReversed()),
      olderCursor: page.nextCursor,
      activeStreamId: isActive ? newest.runId : null,
    };
  }

  /** Changes the title of a chat. Resolves with false if there is no such chat. */
  async rename(chatId: string, title: string): Promise<boolean> {
    const sessionName = checkText(title, "title");
    return (
      (await this.#header(chatId, undefined)) !== null &&
      (await this.#db.renameSession({ sessionId: chatId, sessionName })) !== null
    );
  }

  /** Deletes a chat. Resolves with false if there is no such chat. */
  async delete(chatId: string): Promise<boolean> {
    return (await this.#header(chatId, undefined)) !== null && this.#db.deleteSession({ sessionId: chatId });
  }

  /**
   * Reads what `useChat` sends, and returns the turn to take: a new question, an edited one, another answer, or the answers
   * to calls that wait. `ModelComponent.streamChat` tells how these are told apart. Only the last message is read; the
   * others come from the store.
   *
   * @throws InvalidArgumentError when the body is none of these.
   * @throws SessionTypeMismatchError, SessionComponentMismatchError when the session with that id is no chat of this component.
   * @throws SessionOwnershipError from `begin` and `save` when the chat is another user's.
   */
  async turn(body: unknown, options: TurnOptions = {}): Promise<ChatTurn<Shown>> {
    const { resumable = false, acceptFileUrl, signal } = options;
    const turns = turnsIn(options, 0);
    if (this.#component.sessionType !== "agent") {
      throw new InvalidArgumentError("component", "an agent: teams and workflows store their turns themselves");
    }
    const request = await readChatRequest(body, { acceptFileUrl });
    const header = await this.#db.getSession({ sessionId: request.chatId, includeRuns: false, ...present({ signal }) });
    if (header !== null) {
      admit(header, { component: { ...this.#component, access: "shared" }, userId: null });
    }
    const { chatId } = request;
    const turn = await this.#turnFor(request, { chatId, turns, isFirst: header === null, signal });
    if (resumable || request.type === "answers" || turn.isReplacing) {
      await turn.begin();
    }
    return turn;
  }

  async #turnFor(request: ChatRequest, query: TurnQuery): Promise<ChatTurn<Shown>> {
    switch (request.type) {
      case "question":
        return this.#asked(request, query);
      case "regenerate":
        return this.#askedAgain(request, query);
      case "answers":
        return this.#answered(request, query);
    }
  }

  async #asked(request: Extract<ChatRequest, { type: "question" }>, query: TurnQuery): Promise<ChatTurn<Shown>> {
    const { message, isEdited } = request;
    const isMeant = (run: Run): boolean => isQuestionOf(run, message.id);
    if (isEdited) {
      const replaced = await this.#find(isMeant, query);
      const before = replaced?.before ?? (await this.#newest(query));
      return this.#make({ history: await this.#history(before, query), question: message as Shown, replaced }, query);
    }
    const newest = query.isFirst ? [] : await this.#newest(query);
    const asked = newest.findLast(isMeant);
    if (asked !== undefined && (asked.status !== "ERROR" || asked !== newest.at(-1))) {
      throw askedBefore(asked);
    }
    const replaced = asked === undefined ? null : await this.#find(isMeant, query);
    const history = await this.#history(replaced?.before ?? newest, query);
    return this.#make({ history, question: message as Shown, replaced }, query);
  }

  async #askedAgain(
    { messageId, message }: Extract<ChatRequest, { type: "regenerate" }>,
    query: TurnQuery,
  ): Promise<ChatTurn<Shown>> {
    const replaced = await this.#find(
      (run) => messageId === null || isQuestionOf(run, messageId) || isAnswerOf(run, messageId),
      query,
    );
    const [stored] = replaced === null ? [] : await shownMessages(this.#options, [replaced.run]);
    // The request of the question may have been lost.
    const lost = message !== null && message.id === messageId ? (message as Shown) : undefined;
    const question = stored ?? lost;
    if (question?.role !== "user") {
      throw new InvalidArgumentError("messageId", "the id of a question or of an answer of this chat");
    }
    const before = replaced?.before ?? (await this.#newest(query));
    return this.#make({ history: await this.#history(before, query), question, replaced }, query);
  }

  async #answered(request: Extract<ChatRequest, { type: "answers" }>, query: TurnQuery): Promise<ChatTurn<Shown>> {
    const place = await this.#find((run) => isAnswerOf(run, request.messageId), query);
    const [question, answer] = place === null ? [] : await shownMessages(this.#whole, [place.run]);
    const isWaiting = place?.run.runType === "agent" && mayTakeAnswers(place.run);
    if (!isWaiting || question === undefined || answer === undefined) {
      throw new InvalidArgumentError("messages", "answers to calls that wait in this chat");
    }
    const continued = { run: place.run, answer: withAnswers(answer, request.answers) };
    return this.#make({ history: await this.#history(place.before, query), question, continued }, query);
  }

  #make(
    turn: Pick<ChatTurnOptions<Shown>, "history" | "question"> & Partial<ChatTurnOptions<Shown>>,
    { chatId, isFirst, signal }: TurnQuery,
  ): ChatTurn<Shown> {
    const agentId = this.#component.id;
    return new ChatTurn({ db: this.#db, chatId, agentId, isFirst, signal, continued: null, replaced: null, ...turn });
  }

  /** Returns the messages of runs that the model is shown. */
  async #history(before: readonly Run[], { turns }: TurnQuery): Promise<Shown[]> {
    return withoutOpenCalls(await shownMessages(this.#whole, turns === 0 ? [] : before.slice(-turns)));
  }

  /** Finds a run of the conversation, with those before it. */
  async #find(isMeant: (run: Run) => boolean, { chatId, turns, isFirst, signal }: TurnQuery): Promise<RunPlace | null> {
    return isFirst
      ? null
      : findPlace(this.#db, {
          sessionId: chatId,
          isMeant: (run) => isOfChat(run) && isMeant(run),
          isEnough: (before) => before.length >= turns,
          most: mostRuns,
          signal,
        });
  }

  /** Returns the newest runs, oldest first. */
  async #newest({ chatId: sessionId, turns, signal }: TurnQuery): Promise<Run[]> {
    const page = await this.#db.getRuns({
      sessionId,
      parentRunId: null,
      sortOrder: "desc",
      limit: Math.max(turns, 1),
      ...present({ signal }),
    });
    return page.runs.toReversed();
  }

  /** Returns the session of a chat; null if it does not exist, or is another user's or another component's. */
  async #header(sessionId: string, signal: AbortSignal | undefined): Promise<SessionHeader | null> {
    const { sessionType, id } = this.#component;
    const header = await this.#db.getSession({ sessionId, sessionType, includeRuns: false, ...present({ signal }) });
    return header !== null && (header.componentId === null || header.componentId === id) ? header : null;
  }
}

const mostTurns = 100;

function turnsIn({ turns }: { readonly turns?: number | undefined }, from: number): number {
  const read = count({ from, otherwise: 20 })(turns, "turns");
  if (read > mostTurns) {
    throw new InvalidArgumentError("turns", `at most ${mostTurns}`);
  }
  return read;
}

function headerOf({ sessionId, sessionName, createdAt, updatedAt }: SessionHeader): ChatHeader {
  return { id: sessionId, title: sessionName, createdAt, updatedAt: updatedAt ?? createdAt };
}

/** Returns a run without its answer. */
function withoutAnswer(run: Run): Run {
  return run.runType === "workflow"
    ? { ...run, content: null }
    : { ...run, content: null, messages: conversationOf(run).filter(({ role }) => role === "user") };
}

/** Returns the messages of runs. Kept parts that the AI SDK does not accept, as others may have written them, are left unread. */
async function shownMessages<Shown extends UIMessage>(
  options: UIMessageOptions<Shown>,
  runs: readonly Run[],
): Promise<Shown[]> {
  const messages = toUIMessages({ runs }, options);
  const isValid = messages.length === 0 || (await safeValidateUIMessages({ messages })).success;
  return isValid ? messages : toUIMessages({ runs: runs.map(withoutKept) }, options);
}

function withoutKept(run: Run): Run {
  return run.runType === "workflow"
    ? run
    : { ...run, messages: (run.messages ?? []).map(({ providerData: _data, ...message }) => message) };
}
