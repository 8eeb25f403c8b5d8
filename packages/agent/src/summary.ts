import { type Message, type Metrics, type Session, type SessionDb, type SessionSummary } from "@sessiondb/core";
import {
  atLeast,
  flag,
  nonEmptyText,
  optional,
  readOptions,
  type OptionReaders,
  type OptionsRead,
  untilAborted,
} from "@sessiondb/core/adapter";
import { hasAnswer, ownRuns, promptData, readHistory, type SessionAccess } from "@sessiondb/turns";
import { generateText, jsonSchema, Output, type LanguageModel } from "ai";
import { isOfTurn } from "./message-codec.ts";
import { stepMetrics } from "./metrics.ts";
import { languageModel } from "./model-options.ts";

export interface SessionSummaryManagerOptions {
  /** Default: the model of the agent or team. */
  model?: LanguageModel | undefined;
  /** The instructions for the model, in place of the default. */
  prompt?: string | undefined;
  /** The number of newest runs to summarize. Default: all. Ignored when a summary builds on the previous one. */
  lastNRuns?: number | undefined;
  /** The maximum number of newest messages to summarize. Default: all. */
  conversationLimit?: number | undefined;
  /**
   * Whether a summary is made only from the previous one and the newest run, so that its cost does not grow with the
   * session. Default false: each summary is made from the messages.
   */
  incremental?: boolean | undefined;
}

/** The sources of a summary. */
export interface SummaryRequest {
  readonly db: SessionDb;
  readonly sessionId: string;
  /** Used by a manager without a model of its own. */
  readonly model: LanguageModel;
  /** The previous summary; null without one. */
  readonly previous: SessionSummary | null;
  /** The messages of the run that has just ended. */
  readonly messages: readonly Message[];
  /**
   * Set when the previous summary lacks earlier turns, because theirs failed or were cancelled: the time in Unix seconds
   * since when, and the id of the run that has just ended.
   */
  readonly missed?: { readonly since: number; readonly runId: string } | null | undefined;
  /** Ends the summary: the promise rejects with its reason at once. */
  readonly signal?: AbortSignal | undefined;
  /** Takes the tokens of each call of the model. */
  readonly count?: ((metrics: Metrics) => void) | undefined;
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
  incremental: flag(false),
} satisfies OptionReaders<SessionSummaryManagerOptions>;

/** Makes summaries of sessions, as Agno stores them: `{ summary, topics, updated_at }`. */
export class SessionSummaryManager {
  readonly #options: OptionsRead<typeof optionReaders>;

  constructor(options: SessionSummaryManagerOptions = {}) {
    this.#options = readOptions(options, optionReaders);
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
    const { prompt = defaultPrompt, model = request.model, incremental } = this.#options;
    const builtOn = incremental ? request.previous : null;
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
      onStepFinish: (step) => request.count?.(stepMetrics(step, "session_summary_model")),
      ...(request.signal !== undefined && { abortSignal: request.signal }),
    });
    return { summary: output.summary, topics: [...output.topics], updatedAt: localTime(new Date()) };
  }

  async #messages(request: SummaryRequest): Promise<readonly Message[]> {
    const { db, sessionId, previous, messages, access = "owner" } = request;
    const { lastNRuns, conversationLimit, incremental } = this.#options;
    if (incremental && previous !== null) {
      return lastMessages([...(await missedMessages(request)), ...messages], conversationLimit);
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

/** The number of newest runs among which to look for those that a summary lacks. */
const mostMissed = 1000;

/** Returns the messages of the earlier turns that the previous summary lacks. */
async function missedMessages({ db, sessionId, missed, access = "owner" }: SummaryRequest): Promise<Message[]> {
  if (missed === undefined || missed === null) {
    return [];
  }
  const [session, { runs }] = await Promise.all([
    db.getSession({ sessionId, includeRuns: false }),
    db.getRuns({
      sessionId,
      parentRunId: null,
      startTimestamp: missed.since,
      sortOrder: "desc",
      limit: mostMissed,
    }),
  ]);
  const earlier = runs.filter((run) => run.runId !== missed.runId && hasAnswer(run)).toReversed();
  const own = session === null ? [] : await ownRuns({ access }, earlier, { db, session });
  return own.flatMap((run) => (run.runType === "workflow" ? [] : (run.messages ?? []))).filter(isOfTurn);
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

function spokenIn(messages: readonly Message[]): { role: string; content: string }[] {
  return messages.flatMap((message) => {
    const { role } = message;
    const text = typeof message.content === "string" ? message.content : "";
    const content = role === "user" && text === "" ? mediaOf(message) : text;
    return (role === "user" || role === "assistant") && content !== "" ? [{ role, content }] : [];
  });
}

function mediaOf(message: Message): string {
  const kinds = [
    [message.images, "image"],
    [message.audio, "audio file"],
    [message.videos, "video"],
    [message.files, "file"],
  ] as const;
  const provided = kinds.flatMap(([media, kind]) =>
    (media ?? []).length === 0 ? [] : [`${media?.length} ${kind}${media?.length === 1 ? "" : "s"}`],
  );
  return provided.length === 0 ? "" : `[Provided ${provided.join(", ")}]`;
}

/** Returns ISO 8601 in local time without a zone, as Agno writes it. Python before 3.11 cannot read a `Z`. */
function localTime(date: Date): string {
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, -1);
}
