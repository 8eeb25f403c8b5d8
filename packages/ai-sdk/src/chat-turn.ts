import { InvalidArgumentError, type AgentRun, type SessionDb, type UserSessionDb } from "@sessiondb/core";
import { unixSeconds } from "@sessiondb/core/adapter";
import { replacing, type RunPlace } from "@sessiondb/turns";
import { consumeStream, type UIMessage } from "ai";
import { isCallPart, waitOf, type CallPart } from "./call-part.ts";
import { titleOf } from "./chat-title.ts";
import { storedTurn } from "./stored-answer.ts";

/** The end of an answer, as `onFinish` and `onEnd` of `toUIMessageStream` tell it. */
export interface AnswerEnd<Shown extends UIMessage = UIMessage> {
  readonly responseMessage: Shown;
  readonly isAborted: boolean;
  /** Of later releases of the AI SDK. */
  readonly outcome?: { readonly status: string };
}

export interface ChatTurnOptions<Shown extends UIMessage> {
  readonly db: SessionDb | UserSessionDb;
  readonly chatId: string;
  readonly agentId: string;
  /** The messages before the question that the model is shown. */
  readonly history: readonly Shown[];
  readonly question: Shown;
  /** The run that goes on, with its answer as far as it is, and the decisions of the page; null for a question. */
  readonly continued: { readonly run: AgentRun; readonly answer: Shown } | null;
  /** What the turn replaces; null for nothing. */
  readonly replaced: Pick<RunPlace, "run" | "after"> | null;
  /** Whether the chat begins with this turn. */
  readonly isFirst: boolean;
  readonly signal: AbortSignal | undefined;
}

/** One turn of a chat: what to ask the model, and how to store what it says. */
export class ChatTurn<Shown extends UIMessage = UIMessage> {
  readonly chatId: string;
  /** The id of the run, which is also that of a new answer, and of its stream. */
  readonly runId: string;
  readonly #options: ChatTurnOptions<Shown>;
  #isBegun = false;

  constructor(options: ChatTurnOptions<Shown>) {
    this.#options = options;
    this.chatId = options.chatId;
    this.runId = options.continued?.run.runId ?? crypto.randomUUID();
  }

  /** The messages to answer: the newest turns, and the question, or the answer that goes on. For `convertToModelMessages`. */
  get messages(): Shown[] {
    const { history, question, continued } = this.#options;
    return [...history, question, ...(continued === null ? [] : [continued.answer])];
  }

  /**
   * The options of `toUIMessageStreamResponse` that give the answer its id and store it, also if the page leaves before
   * its end. For `toUIMessageStream`, leave `consumeSseStream` out, and read the stream to its end.
   */
  get streamOptions(): {
    originalMessages: Shown[];
    generateMessageId: () => string;
    onFinish: (end: AnswerEnd<Shown>) => Promise<void>;
    consumeSseStream: (sse: { readonly stream: ReadableStream<string> }) => Promise<void>;
  } {
    return {
      originalMessages: this.messages,
      generateMessageId: () => this.runId,
      onFinish: (end) => this.save(end),
      consumeSseStream: consumeStream,
    };
  }

  /** Stores the question before there is an answer. Resolves once no other turn can take the same answers. */
  async begin(): Promise<void> {
    const { continued } = this.#options;
    const { stored } = await this.#write({
      answer: continued?.answer ?? null,
      status: "RUNNING",
      ...(continued !== null && { onlyIfStatus: "PAUSED" }),
    });
    if (!stored) {
      throw new InvalidArgumentError("messages", "answers to calls that wait: another request has answered them");
    }
    this.#isBegun = true;
  }

  /**
   * Stores the answer, as it is at its end: complete, waiting for the page, aborted or failed. Without any content it is
   * no answer: the question is stored alone, and what the turn was to replace stays.
   */
  async save({ responseMessage, isAborted, outcome }: AnswerEnd<Shown>): Promise<void> {
    const { db, replaced } = this.#options;
    const isSaid = responseMessage.parts.some(({ type }) => type !== "step-start");
    const failed = outcome?.status === "failed" || (outcome?.status !== "completed" && !isSaid);
    if (!isSaid && replaced !== null) {
      if (this.#isBegun) {
        await db.deleteRuns({ runIds: [this.runId] });
      }
      return;
    }
    const answer = isSaid ? { ...responseMessage, id: responseMessage.id || this.runId } : null;
    const waits = (responseMessage.parts as unknown as readonly CallPart[]).some(
      (part) => isCallPart(part) && waitOf(part) !== null,
    );
    await this.#write({
      answer,
      status: isAborted ? "CANCELLED" : failed ? "ERROR" : waits ? "PAUSED" : "COMPLETED",
      ...(this.#isBegun && { onlyIfExists: "run" }),
      ...(replaced !== null && { deleteRunsAfter: replaced.after }),
    });
  }

  async #write({
    answer,
    status,
    ...conditions
  }: {
    readonly answer: UIMessage | null;
    readonly status: "RUNNING" | "CANCELLED" | "ERROR" | "PAUSED" | "COMPLETED";
    readonly onlyIfStatus?: string;
    readonly onlyIfExists?: "run";
    readonly deleteRunsAfter?: string | null;
  }): Promise<{ readonly stored: boolean }> {
    const { db, chatId, agentId, question, continued, replaced, isFirst, signal } = this.#options;
    const title = isFirst ? titleOf(question) : null;
    const run = await storedTurn({
      run: {
        ...continued?.run,
        runId: this.runId,
        sessionId: chatId,
        agentId,
        createdAt: continued?.run.createdAt ?? unixSeconds(),
      },
      question,
      answer,
      status,
    });
    // Until its end, a page shows it in the place of what it is to replace.
    const row = replaced !== null && status === "RUNNING" ? replacing(run, replaced.run.runId) : run;
    return db.upsertRun({
      session: {
        sessionType: "agent",
        sessionId: chatId,
        agentId,
        ...("userId" in db && { userId: db.userId }),
        ...(title !== null && { sessionData: { session_name: title } }),
      },
      run: row,
      ...conditions,
      // What was said is stored, even if the page has left.
      ...(signal !== undefined && status === "RUNNING" && { signal }),
    });
  }
}
