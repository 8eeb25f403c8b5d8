import { type Message, type Metrics, type Session, type SessionDb, type SessionSummary } from "@sessiondb/core";
import {
  atLeast,
  checkLeftOut,
  flag,
  nonEmptyText,
  optional,
  readOptions,
  type OptionReaders,
  type OptionsRead,
  untilAborted,
} from "@sessiondb/core/adapter";
import { ownRuns, promptData, readHistory, type Prices, type SessionAccess } from "@sessiondb/turns";
import { generateText, jsonSchema, Output, type LanguageModel } from "ai";
import { stepMetrics } from "./metrics.ts";
import { languageModel } from "./model-options.ts";
import { spokenIn, spokenTokens } from "./spoken.ts";

export interface SessionSummaryManagerOptions {
  /** Default: the model of the agent or team. */
  model?: LanguageModel | undefined;
  /** The instructions for the model, in place of the default. */
  prompt?: string | undefined;
  /** The number of newest runs to summarize. Default: all. Only for summaries that are not `incremental`. */
  lastNRuns?: number | undefined;
  /** The maximum number of newest messages to summarize. Default: all. */
  conversationLimit?: number | undefined;
  /**
   * Whether a summary is made from the previous one and the runs since, so that its cost does not grow with the session.
   * `false`: each one is made from the messages of the session. Default true, without `lastNRuns`.
   */
  incremental?: boolean | undefined;
  /** The number of runs that the summary must lack before the next one is made. Default 1, without `everyTokens`. */
  every?: number | undefined;
  /** The number of tokens in these runs, estimated, from which on the next summary is made. Default: any number. */
  everyTokens?: number | undefined;
}

/** The sources of a summary. */
export interface SummaryRequest {
  readonly db: SessionDb;
  readonly sessionId: string;
  /** Used by a manager without a model of its own. */
  readonly model: LanguageModel;
  /** The previous summary; null without one. */
  readonly previous: SessionSummary | null;
  /** The messages of the runs that the previous summary lacks, oldest first. */
  readonly messages: readonly Message[];
  /** Ends the summary: the promise rejects with its reason at once. */
  readonly signal?: AbortSignal | undefined;
  /** Takes the tokens of each call of the model. */
  readonly count?: ((metrics: Metrics) => void) | undefined;
  /** The prices of models, for the cost of these tokens. Default: none. */
  readonly prices?: Prices | undefined;
  /** The component's `access`. Default `owner`: runs that others wrote into the owner's session are left out. */
  readonly access?: SessionAccess;
}

const defaultPrompt = `Summarize a conversation between a user and an assistant for use in later conversations.
Summary: the important points, in few words. Leave out anything that will not matter later.
Topics: the subjects discussed, in one or two words each.
Do not invent anything.`;

const schema = jsonSchema<{ summary: string; topics: string[] }>({
  type: "object",
  properties: {
    summary: { type: "string", description: "The summary." },
    topics: { type: "array", items: { type: "string" }, description: "The topics of the conversation." },
  },
  required: ["summary", "topics"],
  additionalProperties: false,
});

const optionReaders = {
  model: optional(languageModel),
  prompt: optional(nonEmptyText),
  lastNRuns: optional(atLeast(1)),
  conversationLimit: optional(atLeast(1)),
  incremental: optional(flag(true)),
  every: optional(atLeast(1)),
  everyTokens: optional(atLeast(1)),
} satisfies OptionReaders<SessionSummaryManagerOptions>;

/** Makes summaries of sessions, as Agno stores them: `{ summary, topics, updated_at }`. */
export class SessionSummaryManager {
  readonly #options: OptionsRead<typeof optionReaders>;

  constructor(options: SessionSummaryManagerOptions = {}) {
    this.#options = readOptions(options, optionReaders);
    if (this.#options.incremental === true) {
      checkLeftOut(options, ["lastNRuns"], "incremental");
    }
  }

  /** Whether a summary is made from the previous one and the runs since. */
  get incremental(): boolean {
    return this.#options.incremental ?? this.#options.lastNRuns === undefined;
  }

  /** The number of runs that the summary must lack before the next one is made; Infinity if only their tokens count. */
  get every(): number {
    const { every, everyTokens } = this.#options;
    return every ?? (everyTokens === undefined ? 1 : Infinity);
  }

  /** Returns whether there is enough that the summary lacks for a new one. */
  isDue({ runs, messages }: { readonly runs: number; readonly messages: readonly Message[] }): boolean {
    const { everyTokens = Infinity } = this.#options;
    return runs >= this.every || (everyTokens < Infinity && spokenTokens(messages) >= everyTokens);
  }

  /**
   * Makes a summary; null when there is nothing to summarize. Rejects with the error of the model or of the store, or with
   * the signal's reason, even if the model ignores the signal.
   */
  async createSummary(request: SummaryRequest): Promise<SessionSummary | null> {
    request.signal?.throwIfAborted();
    return untilAborted(this.#create(request), request.signal);
  }

  async #create(request: SummaryRequest): Promise<SessionSummary | null> {
    const { prompt = defaultPrompt, model = request.model } = this.#options;
    const builtOn = this.incremental ? request.previous : null;
    const conversation = spokenIn(await this.#messages(request));
    if (conversation.length === 0) {
      return null;
    }
    const { output } = await generateText({
      model,
      output: Output.object({ schema, name: "SessionSummaryResponse" }),
      system: prompt,
      prompt: [
        ...(builtOn === null ? [] : [promptData("summary_so_far", builtOn.summary)]),
        promptData("conversation", conversation),
        builtOn === null
          ? "Provide a summary of the conversation."
          : "Provide one summary covering the earlier summary and everything said since.",
      ].join("\n\n"),
      onStepFinish: (step) =>
        request.count?.(stepMetrics(step, { use: "session_summary_model", prices: request.prices ?? {} })),
      ...(request.signal !== undefined && { abortSignal: request.signal }),
    });
    return { summary: output.summary, topics: [...output.topics], updatedAt: localTime(new Date()) };
  }

  async #messages(request: SummaryRequest): Promise<readonly Message[]> {
    const { db, sessionId, messages, access = "owner" } = request;
    const { lastNRuns, conversationLimit } = this.#options;
    if (this.incremental) {
      return lastMessages(messages, conversationLimit);
    }
    if (lastNRuns !== undefined) {
      const found = await readHistory({ access }, { db, key: { sessionId }, count: lastNRuns });
      return messagesOf(found?.session ?? null, conversationLimit);
    }
    const session = await db.getSession({ sessionId });
    if (session !== null) {
      session.runs = await ownRuns({ access }, session.runs, { db, session });
    }
    return messagesOf(session, conversationLimit);
  }
}

/** Returns a summary as a paragraph of the system message. */
export function summaryText({ summary }: SessionSummary): string {
  return (
    `A brief summary of the conversation so far. ${promptData("summary_of_previous_interactions", summary)}\n\n` +
    `The summary may be outdated. If later messages contradict it, trust them.`
  );
}

function messagesOf(session: Session | null, limit: number | undefined): Message[] {
  if (session === null || session.sessionType === "workflow") {
    return [];
  }
  return session.getMessages(limit === undefined ? {} : { limit });
}

function lastMessages(messages: readonly Message[], limit: number | undefined): readonly Message[] {
  return limit === undefined ? messages : messages.slice(-limit);
}

/** Returns ISO 8601 in local time without a zone, as Agno writes it. Python before 3.11 cannot read a `Z`. */
function localTime(date: Date): string {
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, -1);
}
