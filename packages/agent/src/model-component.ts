import {
  InvalidArgumentError,
  type AgentRun,
  type JsonObject,
  type Metrics,
  type Run,
  type Session,
  type TeamRun,
} from "@sessiondb/core";
import { identifier, unixSeconds, type OptionReaders } from "@sessiondb/core/adapter";
import {
  Component,
  ownRuns,
  readScope,
  runContext,
  runOptionReaders,
  scopeFields,
  type EmbeddedRequest,
  type EmbeddedResult,
  type Executor,
  type RunOptions,
  type RunScope,
  type Turn,
} from "@sessiondb/turns";
import type { OutputInterface, ToolSet } from "ai";
import { checkApprovals, type Approval } from "./approvals.ts";
import { generate } from "./generation.ts";
import type { AnyOutput, ModelComponentSettings, RunResult, UserInput } from "./model-component-options.ts";
import { tolerantOfHistory } from "./history-media.ts";
import { historyMessages } from "./model-history.ts";
import { historyOf, historyRunsOf, makesSummaries, systemText, userMessage } from "./prompt.ts";
import { canGoOn, resumedRun, withResult } from "./resumed-run.ts";
import { RunInProgress, type PreparedRun } from "./run-in-progress.ts";
import { RunRecord } from "./run-record.ts";
import type { RunOwner, RunSetup } from "./run-setup.ts";
import { RunStream } from "./run-stream.ts";
import { generateName } from "./session-name.ts";
import { checkSessionTools, sessionTools } from "./session-tools.ts";
import { SessionSummaryManager, updateSummary } from "./summary.ts";
import { ToolWatch } from "./tool-watch.ts";

interface ContinueOptions<State extends object = JsonObject> extends RunOptions<State> {
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

/** Base class of agents and teams: a model that answers in a session. */
export abstract class ModelComponent<
  Tools extends ToolSet = ToolSet,
  Output extends OutputInterface = AnyOutput,
  State extends object = JsonObject,
>
  extends Component<State>
  implements Executor
{
  declare protected readonly settings: ModelComponentSettings;

  protected constructor(settings: ModelComponentSettings, kind: "agent" | "team") {
    super(settings, kind);
    checkSessionTools(settings);
  }

  get description(): string | null {
    return this.settings.description ?? null;
  }

  /**
   * Takes one turn: reads the session's newest runs, asks the model, and stores the answer. Rejects with the model's
   * error, or with the signal's reason; the run is still stored, as ERROR or CANCELLED.
   *
   * @throws SessionOwnershipError when the session is another user's and `access` is `owner`.
   * @throws SessionTypeMismatchError, SessionComponentMismatchError when it belongs to another component.
   * @throws SessionDbError when the storage fails, unless `onStorageError` is `continue`.
   */
  async run(input: UserInput, options: RunOptions<State> = {}): Promise<RunResult<Tools, Output, State>> {
    return this.#answer(await this.#prepareTurn(input, options));
  }

  /** Takes one turn and streams the answer. Resolves once the session has been read and the model has been asked. */
  async stream(input: UserInput, options: RunOptions<State> = {}): Promise<RunStream<Tools, Output, State>> {
    const run = await this.#prepareTurn(input, options);
    if (run.prepared.scope.signal.aborted) {
      // Stores it as CANCELLED and rejects with the reason; a stream would ask the model first.
      await this.#answer(run);
    }
    return RunStream.start(run);
  }

  /** Takes one turn and writes the answer to standard output as it arrives, followed by a newline. */
  async printResponse(input: UserInput, options: RunOptions<State> = {}): Promise<RunResult<Tools, Output, State>> {
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
   * Continues a PAUSED run, whether this library or Agno paused it: runs the approved tools, tells the model about the
   * others, and replaces the run with the outcome. Of two calls for one pause, only one succeeds. A failure before a
   * tool runs or the model is asked leaves the run PAUSED. After that, all decisions and results are stored, and a run
   * that did not finish continues with `approvals: []`: no tool runs twice.
   *
   * @throws InvalidArgumentError when the run does not exist or is not paused, or when a call lacks a decision.
   * @throws RunNotContinuableError when it waits for something only Agno can provide, or for a missing tool.
   */
  async continueRun(options: ContinueOptions<State>): Promise<RunResult<Tools, Output, State>> {
    return this.#answer(await this.#prepareContinuation(options));
  }

  async runEmbedded({ input, context, history, scope }: EmbeddedRequest): Promise<EmbeddedResult> {
    const { record, request } = await this.#prepare({
      scope,
      input: [userMessage(input, context)],
      history: historyMessages(history),
      resumed: null,
      children: [],
    });
    const outcome = await generate(request);
    const run = record.ended(outcome, scope.state.values);
    await scope.store(run);
    return { run, content: outcome.output ?? run.content ?? null };
  }

  /** The component's fields in a run. */
  protected abstract get runOwner(): RunOwner;

  /** Returns the tools and the system message's paragraphs that this kind of component adds. */
  protected abstract additions(setup: RunSetup): { readonly tools: ToolSet; readonly instructions: readonly string[] };

  protected override nameFor(session: Session, count: (metrics: Metrics) => void): Promise<string> {
    return generateName(session, { model: this.settings.model, otherwise: "New session", count });
  }

  protected get modelData(): JsonObject {
    const { model } = this.settings;
    return typeof model === "string" ? { id: model } : { id: model.modelId, provider: model.provider };
  }

  async #answer(run: RunInProgress): Promise<RunResult<Tools, Output, State>> {
    const answer = generate(run.prepared.request);
    run.begin();
    const outcome = await answer;
    const result = await run.end(outcome);
    if (result.status === "CANCELLED") {
      throw outcome.error;
    }
    return result as unknown as RunResult<Tools, Output, State>;
  }

  async #prepareTurn(input: UserInput, given: RunOptions<State>): Promise<RunInProgress> {
    const options = readScope(given, runOptionReaders);
    const message = userMessage(input, null);
    const turn = await this.openTurn(options, historyRunsOf(this.settings));
    const { scope, runs } = turn;
    const introduction = this.settings.introduction !== undefined && turn.isFirst ? this.#introduction(scope) : null;
    const history = historyOf(this.settings, introduction === null ? runs : [...runs, introduction]);
    return this.#start(turn, { scope, input: [message], history, introduction, resumed: null });
  }

  async #prepareContinuation(given: ContinueOptions<State>): Promise<RunInProgress> {
    const { runId, approvals, ...options } = readScope(given, continueReaders);
    const db = await this.getDb();
    const turn = await this.openTurn(options, historyRunsOf(this.settings));
    const { sessionId, userId, session } = turn.scope;
    const found = await db.getRun({ runId });
    const run = found?.sessionId === sessionId ? await turn.closedIfStale(found) : null;
    if (run === null || run.runType === "workflow" || run.runType !== this.sessionType || !canGoOn(run)) {
      throw notWaiting();
    }
    if ((await ownRuns(this, [run], { db, session: session ?? { sessionId, userId } })).length === 0) {
      throw notWaiting();
    }
    const resumed = resumedRun(run, approvals, { createdAt: unixSeconds() });
    // The run still belongs to the user who began it, even if another user decides.
    const scope = { ...turn.scope, runId, userId: run.userId ?? userId, createdAt: run.createdAt ?? unixSeconds() };
    const history = historyOf(this.settings, turn.runs);
    const started = await this.#start(turn, { scope, input: resumed.model, history, introduction: null, resumed });
    options.signal?.throwIfAborted();
    await turn.takeOver(resumed);
    return started;
  }

  async #start(
    turn: Turn,
    { introduction, ...setup }: Omit<RunSetup, "children"> & { readonly introduction: Run | null },
  ): Promise<RunInProgress> {
    const prepared = await this.#prepare({ ...setup, children: [] }, turn);
    return new RunInProgress(prepared, { turn, introduction, summarize: this.#summarizer(setup.scope) });
  }

  async #prepare(setup: RunSetup, turn: Turn | null = null): Promise<PreparedRun> {
    const { scope, input, history, resumed } = setup;
    const { signal } = scope;
    const { model, tools, generation } = this.settings;
    const context = runContext(scope);
    const added = this.additions(setup);
    const all = {
      ...sessionTools(this.settings, { component: this, context, access: scope.access }),
      ...added.tools,
      ...tools,
    };
    const watch = new ToolWatch({
      context,
      resumed,
      signal,
      store: async (result) =>
        turn?.settle((run) => (run.runType === "workflow" ? run : withResult(run, result, unixSeconds()))),
    });
    watch.check(all);
    const summary = scope.session?.getSummary() ?? null;
    const record = new RunRecord(this.runOwner, setup, this.settings);
    return {
      scope,
      record,
      ownTools: tools,
      request: {
        ...tolerantOfHistory({ model, settings: generation, history, input, signal }),
        signal,
        system: await systemText(this.settings, { context, added: added.instructions, summary }),
        messages: [...history, ...input],
        tools: all,
        watch,
        checkpoint: (soFar) => turn?.checkpoint(() => record.progress(soFar())),
      },
    };
  }

  #summarizer({ sessionId, session }: RunScope): ((run: AgentRun | TeamRun) => Promise<void>) | null {
    if (!this.keepsSessions || !makesSummaries(this.settings)) {
      return null;
    }
    const manager = this.settings.sessionSummaryManager ?? new SessionSummaryManager();
    return async ({ messages }) =>
      updateSummary(manager, {
        db: await this.getDb(),
        sessionId,
        sessionType: this.sessionType,
        previous: session?.getSummary() ?? null,
        model: this.settings.model,
        messages: messages ?? [],
        access: this.access,
      });
  }

  #introduction(scope: RunScope): AgentRun | TeamRun {
    const content = this.settings.introduction ?? "";
    return {
      ...this.runOwner,
      ...scopeFields(scope),
      runId: crypto.randomUUID(),
      status: "COMPLETED",
      content,
      messages: [{ role: "assistant", content }],
    };
  }
}

function notWaiting(): InvalidArgumentError {
  return new InvalidArgumentError("runId", "the id of a paused run of this session");
}
