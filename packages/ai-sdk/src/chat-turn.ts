import { InvalidArgumentError, type AgentRun, type Run, type SessionDb, type UserSessionDb } from "@sessiondb/core";
import { unixSeconds } from "@sessiondb/core/adapter";
import {
  isInProgress,
  Renewal,
  renewed,
  renewEvery,
  replacing,
  running,
  withoutMark,
  type RunPlace,
} from "@sessiondb/turns";
import { consumeStream, type UIMessage } from "ai";
import { isCallPart, saysAnything, waitOf, type CallPart } from "./call-part.ts";
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
  readonly #renewal = new Renewal();

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

  /** Whether the turn replaces an earlier one. */
  get isReplacing(): boolean {
    return this.#options.replaced !== null;
  }

  /**
   * Stores the question before there is an answer. Resolves once no other turn can take the same answers. Until the end of
   * the turn the run is kept alive; `release` undoes this.
   */
  async begin(): Promise<void> {
    const { db, chatId, continued } = this.#options;
    if (continued === null) {
      await this.#write({ answer: null, status: "RUNNING" });
    } else {
      const row = await this.#row(continued.answer, "RUNNING");
      const taken = await db.updateRun({ runId: this.runId, sessionId: chatId }, (stored) => {
        if (!mayTakeAnswers(stored)) {
          throw answeredBefore();
        }
        return row;
      });
      if (taken === null) {
        throw answeredBefore();
      }
    }
    this.#isBegun = true;
    this.#renewal.start(() => db.updateRun({ runId: this.runId, sessionId: chatId }, renewed), renewEvery);
  }

  /** Undoes `begin` for a turn whose model was not asked, as after an error before that: what waited waits again. */
  async release(): Promise<void> {
    const { db, chatId, continued } = this.#options;
    if (await this.#end()) {
      await (continued === null
        ? db.deleteRuns({ runIds: [this.runId] })
        : db.updateRun({ runId: this.runId, sessionId: chatId }, () => continued.run));
    }
  }

  /**
   * Stores the answer, as it is at its end: complete, waiting for the page, aborted or failed. Without any content it is
   * no answer: the question is stored alone, and what the turn was to replace stays.
   */
  async save({ responseMessage, isAborted, outcome }: AnswerEnd<Shown>): Promise<void> {
    const { db, replaced, isFirst } = this.#options;
    const isBegun = await this.#end();
    const isSaid = saysAnything(responseMessage);
    const failed = outcome?.status === "failed" || (outcome?.status !== "completed" && !isSaid);
    if (!isSaid && replaced !== null) {
      await db.deleteRuns({ runIds: [this.runId] });
      return;
    }
    const answer = isSaid ? { ...responseMessage, id: responseMessage.id || this.runId } : null;
    const waits = (responseMessage.parts as unknown as readonly CallPart[]).some(
      (part) => isCallPart(part) && waitOf(part) !== null,
    );
    await this.#write({
      answer,
      status: isAborted ? "CANCELLED" : failed ? "ERROR" : waits ? "PAUSED" : "COMPLETED",
      // A chat that was deleted meanwhile stays so.
      ...(isBegun ? { onlyIfExists: "run" } : !isFirst && { onlyIfExists: "session" }),
      ...(replaced !== null && { deleteRunsAfter: replaced.after, keepLaterRuns: true }),
    });
  }

  /** Ends the time in which the run is kept alive. Returns whether it had begun. */
  async #end(): Promise<boolean> {
    await this.#renewal.stop();
    return this.#isBegun;
  }

  async #write({
    answer,
    status,
    ...conditions
  }: {
    readonly answer: UIMessage | null;
    readonly status: "RUNNING" | "CANCELLED" | "ERROR" | "PAUSED" | "COMPLETED";
    readonly onlyIfExists?: "run" | "session";
    readonly deleteRunsAfter?: string | null;
    readonly keepLaterRuns?: boolean;
  }): Promise<{ readonly stored: boolean }> {
    const { db, chatId, agentId, question, isFirst, signal } = this.#options;
    const title = isFirst ? titleOf(question) : null;
    const run = await this.#row(answer, status);
    return db.upsertRun({
      session: {
        sessionType: "agent",
        sessionId: chatId,
        agentId,
        ...("userId" in db && { userId: db.userId }),
        ...(title !== null && { sessionData: { session_name: title } }),
      },
      run,
      ...conditions,
      // What was said is stored, even if the page has left.
      ...(signal !== undefined && status === "RUNNING" && { signal }),
    });
  }

  /** Returns the run's row. */
  async #row(answer: UIMessage | null, status: NonNullable<AgentRun["status"]>): Promise<AgentRun> {
    const { chatId, agentId, question, continued, replaced } = this.#options;
    const createdAt = continued?.run.createdAt ?? unixSeconds();
    const identity = { ...continued?.run, runId: this.runId, sessionId: chatId, agentId, createdAt };
    const run = withoutMark(await storedTurn({ run: identity, question, answer, status })) as AgentRun;
    if (status !== "RUNNING") {
      return run;
    }
    // Until its end, a page shows it in the place of what it is to replace.
    return running(replaced === null ? run : replacing(run, replaced.run.runId)) as AgentRun;
  }
}

/** Returns whether a run waits for answers, or began to take some in a process that died. */
export function mayTakeAnswers(run: Run): run is AgentRun {
  return run.runType === "agent" && (run.status === "PAUSED" || wasLeft(run));
}

function wasLeft(run: Run): boolean {
  return run.status === "RUNNING" && !isInProgress(run);
}

/** Returns a run that a dead process left as it was before that took its answers: its calls wait again. */
export function asWaiting(run: Run): Run {
  return run.runType !== "agent" || !wasLeft(run)
    ? run
    : {
        ...run,
        tools: (run.tools ?? []).map((tool) =>
          (tool.requiresConfirmation ?? null) === null || (tool.result ?? null) !== null
            ? tool
            : { ...tool, requiresConfirmation: true, confirmed: null, confirmationNote: null },
        ),
      };
}

function answeredBefore(): InvalidArgumentError {
  return new InvalidArgumentError("messages", "answers to calls that wait: another request has answered them");
}
