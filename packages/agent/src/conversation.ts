import {
  InvalidArgumentError,
  type AgentRun,
  type JsonObject,
  type Run,
  type Session,
  type SessionSummary,
  type TeamRun,
} from "@sessiondb/core";
import type { ModelMessage, ToolResultPart, ToolSet } from "ai";
import { unixSeconds, type OptionReaders } from "@sessiondb/core/adapter";
import { checkApprovals, type Approval } from "./approvals.ts";
import { ConversationRun, type PreparedRun } from "./conversation-run.ts";
import {
  runOptionReaders,
  type ConversationSettings,
  type RunOptions,
  type RunResult,
  type RunSettings,
} from "./conversation-options.ts";
import type { EmbeddedRequest, EmbeddedResult, Executor, RunInput } from "./executor.ts";
import { generate } from "./generation.ts";
import { historyOf, historyRunsOf, makesSummaries, systemText, userMessage } from "./conversation-context.ts";
import { identifier } from "./option-readers.ts";
import { canGoOn, resumedRun, withResult, type ResumedRun } from "./resumed-run.ts";
import { Resumption } from "./resumption.ts";
import { makeRunContext } from "./run-context.ts";
import { readScope, runIds } from "./run-ids.ts";
import { ownRuns } from "./own-runs.ts";
import { RunRecord, type ChildRun, type RunOwner } from "./run-record.ts";
import { RunState } from "./run-state.ts";
import { RunStream } from "./run-stream.ts";
import { SessionComponent } from "./session-component.ts";
import { generateName } from "./session-name.ts";
import { sessionTools } from "./session-tools.ts";
import { SessionSummaryManager } from "./summary.ts";
import { Turn } from "./turn.ts";

/** All that a run is made from, whether it is a turn of its own or part of another run. */
export interface RunSetup {
  readonly runId: string;
  readonly sessionId: string;
  readonly userId: string | null;
  readonly parentRunId: string | null;
  readonly workflowStepId: string | null;
  /** Unix seconds. */
  readonly createdAt: number;
  readonly input: readonly ModelMessage[];
  readonly history: readonly ModelMessage[];
  readonly state: RunState;
  readonly summary: SessionSummary | null;
  readonly signal: AbortSignal;
  /** The runs of the session that were read, oldest first. */
  readonly runs: readonly Run[];
  /** The session as this component's store has it, if it was read and the user may take part in it; else null. */
  readonly session: Pick<Session, "sessionId" | "userId"> | null;
  /** Stores a run that belongs to this one. When that fails, this one ends. */
  readonly store: (run: Run) => Promise<void>;
  /** How many runs this one is inside of. */
  readonly depth: number;
  /** Gets the runs that tools of this one start, as they end. */
  readonly children: ChildRun[];
}

interface ContinueOptions extends RunOptions {
  runId: string;
  sessionId: string;
  approvals: readonly Approval[];
}

const continueReaders = {
  ...runOptionReaders,
  sessionId: identifier,
  runId: identifier,
  approvals: checkApprovals,
} satisfies OptionReaders<ContinueOptions>;

/** What agents and teams have in common: a model that answers, with the session behind it. */
export abstract class Conversation extends SessionComponent implements Executor {
  declare protected readonly settings: ConversationSettings;

  protected constructor(settings: ConversationSettings, kind: "agent" | "team") {
    super(settings, kind);
  }

  get description(): string | null {
    return this.settings.description ?? null;
  }

  /**
   * One turn: reads the session's newest runs, asks the model, and keeps the answer. Rejects with what the model threw, or
   * with the signal's reason; the run is stored all the same, as ERROR or CANCELLED.
   *
   * @throws SessionOwnershipError when the session is another user's and `access` is `owner`.
   * @throws SessionTypeMismatchError, SessionComponentMismatchError when it is another component's.
   * @throws SessionDbError when the storage fails, unless `onStorageError` is `continue`.
   */
  async run(input: RunInput, options: RunOptions = {}): Promise<RunResult> {
    return this.#answer(await this.#prepareTurn(input, options));
  }

  /** The same, with the answer while it is made. Resolves once the session is read and the model asked. */
  async stream(input: RunInput, options: RunOptions = {}): Promise<RunStream> {
    return new RunStream(await this.#prepareTurn(input, options));
  }

  /** Runs and writes the answer to the standard output while it is made, as a line of its own. Ends as the `result` of a stream does. */
  async printResponse(input: RunInput, options: RunOptions = {}): Promise<RunResult> {
    const stream = await this.stream(input, options);
    let hasWritten = false;
    try {
      for await (const text of stream.textStream) {
        process.stdout.write(text);
        hasWritten = true;
      }
    } finally {
      if (hasWritten) {
        process.stdout.write("\n");
      }
    }
    return stream.result;
  }

  /**
   * Goes on with a run that is PAUSED, whether we or Agno paused it: runs the tools that were approved, tells the model of
   * the others, and stores the outcome in the place of the run. Of two calls for one pause only one goes on. What fails
   * before a tool ran or the model was asked leaves the run PAUSED. After that what was decided and done is stored,
   * and a run that did not come to its end goes on with `approvals: []`: no tool runs twice.
   *
   * @throws InvalidArgumentError when the run is not there or not paused, or a call was not decided about.
   * @throws RunNotContinuableError when it waits for what only Agno can be given, or for a tool that is not here.
   */
  async continueRun(options: ContinueOptions): Promise<RunResult> {
    return this.#answer(await this.#prepareContinuation(options));
  }

  async runEmbedded(request: EmbeddedRequest): Promise<EmbeddedResult> {
    const prepared = await this.#prepare({
      ...request,
      runId: crypto.randomUUID(),
      createdAt: unixSeconds(),
      input: [userMessage(request.input, request.context)],
      summary: null,
      runs: [],
      session: null,
      children: [],
    });
    const outcome = await generate(prepared.request);
    const run = prepared.record.ended(outcome, request.state.values);
    await request.store(run);
    return { run, content: outcome.output ?? run.content ?? null };
  }

  /** The component's fields of a run. */
  protected abstract get runOwner(): RunOwner;

  /** Tools and paragraphs of the system message that the kind of component adds. */
  protected abstract additions(setup: RunSetup): { readonly tools: ToolSet; readonly instructions: readonly string[] };

  protected override nameFor(session: Session): Promise<string> {
    return generateName(session, { model: this.settings.model, otherwise: "New session" });
  }

  protected get modelData(): JsonObject {
    const { model } = this.settings;
    return typeof model === "string" ? { id: model } : { id: model.modelId, provider: model.provider };
  }

  async #answer(run: ConversationRun): Promise<RunResult> {
    const answer = generate(run.prepared.request);
    run.begin();
    const outcome = await answer;
    const result = await run.end(outcome);
    if (result.status === "CANCELLED") {
      throw outcome.error;
    }
    return result;
  }

  async #prepareTurn(input: RunInput, given: RunOptions): Promise<ConversationRun> {
    const options = readScope(given, runOptionReaders);
    const ids = runIds(options, this.settings);
    const message = userMessage(input, null);
    const turn = await this.#openTurn(ids);
    const introduction = this.settings.introduction !== undefined && turn.isFirst ? this.#introduction(ids) : null;
    const shown = introduction === null ? turn.runs : [...turn.runs, introduction];
    const setup = {
      ...ids,
      runId: crypto.randomUUID(),
      createdAt: unixSeconds(),
      input: [message],
      history: historyOf(this.settings, shown),
    };
    return this.#conversationRun({ turn, setup, introduction, options });
  }

  async #prepareContinuation(given: ContinueOptions): Promise<ConversationRun> {
    const options = readScope(given, continueReaders);
    const ids = runIds(options, this.settings);
    const db = await this.getDb();
    const turn = await this.#openTurn(ids);
    const { runId } = options;
    const found = await db.getRun({ runId });
    const run = found?.sessionId === ids.sessionId ? await turn.closedIfStale(found) : null;
    if (run === null || run.runType === "workflow" || run.runType !== this.sessionType || !canGoOn(run)) {
      throw notWaiting();
    }
    const session = turn.session ?? { sessionId: ids.sessionId, userId: ids.userId };
    if ((await ownRuns(this, [run], { db, session })).length === 0) {
      throw notWaiting();
    }
    const resumed = resumedRun(run, options.approvals, { createdAt: unixSeconds() });
    const createdAt = run.createdAt ?? unixSeconds();
    const history = historyOf(this.settings, turn.runs);
    // Whoever decides, the run stays that of the user who began it.
    const userId = run.userId ?? ids.userId;
    const setup = { ...ids, userId, runId, createdAt, input: resumed.model, history };
    const conversationRun = await this.#conversationRun({ turn, setup, introduction: null, options, resumed });
    options.signal?.throwIfAborted();
    await turn.takeOver(resumed);
    return conversationRun;
  }

  async #conversationRun({
    turn,
    setup,
    introduction,
    options,
    resumed = null,
  }: {
    turn: Turn;
    setup: Pick<RunSetup, "runId" | "sessionId" | "userId" | "createdAt" | "input" | "history">;
    introduction: Run | null;
    options: RunSettings;
    resumed?: ResumedRun | null;
  }): Promise<ConversationRun> {
    const controller = new AbortController();
    const stored = turn.session?.sessionState ?? (turn.isFirst ? (this.settings.sessionState ?? {}) : {});
    const full: RunSetup = {
      ...setup,
      parentRunId: null,
      workflowStepId: null,
      state: new RunState(stored, options.sessionState),
      summary: turn.session?.getSummary() ?? null,
      signal: options.signal === undefined ? controller.signal : AbortSignal.any([controller.signal, options.signal]),
      runs: turn.runs,
      session: turn.session,
      depth: 0,
      children: [],
      store: async (run) => {
        try {
          await turn.add(run);
        } catch (error) {
          controller.abort(error);
          throw error;
        }
      },
    };
    const keep = async (result: ToolResultPart): Promise<void> => {
      try {
        await turn.settle((run) => (run.runType === "workflow" ? run : withResult(run, result, unixSeconds())));
      } catch (error) {
        controller.abort(error);
      }
    };
    const resumption = resumed === null ? null : new Resumption(resumed, keep);
    const prepared = await this.#prepare(full, { resumed: resumed?.run ?? null, resumption });
    return new ConversationRun(prepared, { turn, controller, introduction, summarize: this.#summarizer(full) });
  }

  async #prepare(
    setup: RunSetup,
    { resumed, resumption }: { readonly resumed: AgentRun | TeamRun | null; readonly resumption: Resumption | null } = {
      resumed: null,
      resumption: null,
    },
  ): Promise<PreparedRun> {
    const { runId, sessionId, userId, state, signal, input, history } = setup;
    const { model, tools, generation } = this.settings;
    const context = makeRunContext({ runId, sessionId, userId }, state);
    const added = this.additions(setup);
    const all = { ...sessionTools(this.settings, { component: this, context }), ...added.tools, ...tools };
    const record = new RunRecord(this.runOwner, setup, { storage: this.settings, resumed });
    return {
      runId,
      sessionId,
      userId,
      record,
      state,
      request: {
        model,
        settings: generation,
        signal,
        context,
        system: await systemText(this.settings, { context, added: added.instructions, summary: setup.summary }),
        messages: [...history, ...input],
        tools: resumption?.watched(all, signal) ?? all,
        resumption,
      },
    };
  }

  #summarizer({ sessionId, summary: previous }: RunSetup): ((run: AgentRun | TeamRun) => Promise<void>) | null {
    if (!this.keepsSessions || !makesSummaries(this.settings)) {
      return null;
    }
    const manager = this.settings.sessionSummaryManager ?? new SessionSummaryManager();
    return async ({ messages }) => {
      const db = await this.getDb();
      const summary = await manager.createSummary({
        db,
        sessionId,
        previous,
        model: this.settings.model,
        messages: messages ?? [],
        access: this.access,
      });
      if (summary !== null) {
        await db.updateSession({ sessionId, sessionType: this.sessionType }, { summary });
      }
    };
  }

  #openTurn(ids: { sessionId: string; userId: string | null; isNew: boolean }): Promise<Turn> {
    const { onStorageError, staleAfter } = this.settings;
    return Turn.open({ ...ids, component: this, runsLimit: historyRunsOf(this.settings), onStorageError, staleAfter });
  }

  #introduction({ sessionId, userId }: { sessionId: string; userId: string | null }): AgentRun | TeamRun {
    return {
      ...this.runOwner,
      runId: crypto.randomUUID(),
      sessionId,
      ...(userId !== null && { userId }),
      status: "COMPLETED",
      createdAt: unixSeconds(),
      content: this.settings.introduction ?? "",
      messages: [{ role: "assistant", content: this.settings.introduction ?? "" }],
    };
  }
}

function notWaiting(): InvalidArgumentError {
  return new InvalidArgumentError("runId", "the id of a paused run of the session");
}
