import { readChatRequest, type ChatRequest } from "@sessiondb/ai-sdk";
import {
  InvalidArgumentError,
  type AgentRun,
  type JsonObject,
  type MemoryPage,
  type Message,
  type Metrics,
  type Run,
  type Session,
  type TeamRun,
} from "@sessiondb/core";
import { anySignal, unixSeconds, present, type OptionsRead } from "@sessiondb/core/adapter";
import {
  Component,
  ownRuns,
  readScope,
  scopeFields,
  withDefaults,
  type EmbeddedContinuation,
  type EmbeddedRequest,
  type EmbeddedResult,
  type Executor,
  type RunScope,
  type StepAnswer,
  type Turn,
} from "@sessiondb/turns";
import type { InferGenerateOutput, OutputInterface, ToolSet } from "ai";
import {
  pendingApprovals,
  pendingReaders,
  type ApprovalPage,
  type PendingApprovalsOptions,
} from "./approval-requests.ts";
import { withModelOutputs } from "./approvals.ts";
import { answeredRun, ChatLines, chatReaders, questionOf, type ChatRunOptions, type StoredChat } from "./chat.ts";
import { askedBy, generateInside, heldParts, resumedInside } from "./embedded-run.ts";
import { FollowUp } from "./follow-up.ts";
import { plainCall, type CallSettings } from "./generation.ts";
import { checkGuardrails, isGuarded } from "./guardrails.ts";
import type { AnyOutput, ModelComponentSettings, RunResult, UserInput } from "./model-component-options.ts";
import type { ShownHistory } from "./history-budget.ts";
import { historyRuns } from "./history-reach.ts";
import { historyMessages } from "./model-history.ts";
import { checkMemories, usesMemories } from "./memory-options.ts";
import { knownTools, toolsOfRun } from "./model-options.ts";
import {
  continueReaders,
  modelRunReaders,
  settingsFor,
  type ContinueOptions,
  type ModelRunOptions,
  type ModelRunSettings,
  type NoTools,
  type WithOutput,
  type WithTools,
} from "./model-run-options.ts";
import { prepareRun } from "./prepare-run.ts";
import { historyOf, historyRunsOf, userMessage } from "./prompt.ts";
import { sessionsText } from "./read-sessions.ts";
import { canGoOn, resumedRun } from "./resumed-run.ts";
import { followUpsOf } from "./run-follow-ups.ts";
import { RunInProgress, type PreparedRun } from "./run-in-progress.ts";
import { memoryToolsAdded, runMemories, type RunMemories } from "./run-memories.ts";
import type { RunOwner, RunSetup } from "./run-setup.ts";
import { RunStream } from "./run-stream.ts";
import { generateName } from "./session-name.ts";
import { sessionAgent, type FindRun, type SessionAgent } from "./session-agent.ts";
import { checkSessionTools, checkToolNames } from "./session-tools.ts";
import { userMemories, userMemoriesReaders, type UserMemoriesOptions } from "./user-memories.ts";

interface BeginOptions {
  readonly input: UserInput;
  /** Returns the message of the input as it is stored. Default: as it is. */
  readonly stored?: ((message: Message) => Message) | undefined;
  /** The name of a session that begins with it; null for none. */
  readonly title?: string | null;
  readonly options: ModelRunSettings;
  readonly call: CallSettings;
}

interface GoOnOptions extends Omit<BeginOptions, "input"> {
  /** Returns the run to continue, with the decisions about its calls. */
  readonly find: FindRun;
}

/** The answer of an agent or a team as the content of a step: text, unless its model answers in a structure. */
type AnswerOf<Output extends OutputInterface> = AnyOutput extends Output ? string : InferGenerateOutput<Output>;

/** A run inside another one, new or about to go on. */
interface RunInside extends Pick<RunSetup, "scope" | "input" | "resumed"> {
  /** The earlier messages that the model is shown. */
  readonly messages: ShownHistory["messages"];
  readonly emit: NonNullable<EmbeddedRequest["emit"]> | null;
}

/** Base class of agents and teams: a model that answers in a session. */
export abstract class ModelComponent<
  Tools extends ToolSet = ToolSet,
  Output extends OutputInterface = AnyOutput,
  State extends object = JsonObject,
>
  extends Component<State>
  implements Executor<AnswerOf<Output>>
{
  abstract override readonly sessionType: "agent" | "team";
  declare readonly "~content"?: AnswerOf<Output>;
  declare protected readonly settings: ModelComponentSettings;
  readonly #followUp: FollowUp;
  readonly #chats = new ChatLines();

  protected constructor(settings: ModelComponentSettings, kind: "agent" | "team") {
    super(settings, kind);
    checkSessionTools(settings);
    checkToolNames(knownTools(settings.tools), memoryToolsAdded(settings));
    checkMemories(settings);
    checkGuardrails(settings);
    this.#followUp = new FollowUp(settings);
  }

  get description(): string | null {
    return this.settings.description ?? null;
  }

  /**
   * Takes one turn: reads the session's newest runs, asks the model, and stores the answer. Rejects with the model's
   * error, or with the signal's reason; the run is still stored, as ERROR or CANCELLED.
   *
   * @throws SessionOwnershipError when the session is another user's and `access` is `owner`.
   * @throws SessionTypeMismatchError, SessionComponentMismatchError when it belongs to another component. All three also
   * for those of `readSessions`.
   * @throws SessionDbError when the storage fails, unless `onStorageError` is `continue`.
   */
  async run<More extends ToolSet = NoTools, Structure extends OutputInterface = Output>(
    input: UserInput,
    options: ModelRunOptions<State, More, Structure> = {},
  ): Promise<RunResult<WithTools<Tools, More>, WithOutput<Output, Structure>, State>> {
    return this.#answer(await this.#prepareTurn(input, options));
  }

  /** Takes one turn and streams the answer. Resolves once the session has been read and the model has been asked. */
  async stream<More extends ToolSet = NoTools, Structure extends OutputInterface = Output>(
    input: UserInput,
    options: ModelRunOptions<State, More, Structure> = {},
  ): Promise<RunStream<WithTools<Tools, More>, WithOutput<Output, Structure>, State>> {
    return RunStream.start(await this.#prepareTurn(input, options));
  }

  /** Takes one turn and writes the answer to standard output as it arrives, followed by a newline. */
  async printResponse<More extends ToolSet = NoTools, Structure extends OutputInterface = Output>(
    input: UserInput,
    options: ModelRunOptions<State, More, Structure> = {},
  ): Promise<RunResult<WithTools<Tools, More>, WithOutput<Output, Structure>, State>> {
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
   * that did not finish continues with `approvals: []`: no tool runs twice. The options of the call that paused are not
   * stored: give those that matter again, above all a tool that waits.
   *
   * @throws InvalidArgumentError when the run does not exist or is not paused, or when a call lacks a decision.
   * @throws RunNotContinuableError when it waits for something only Agno can provide, or for a missing tool, and when a
   * guardrail refused its answer.
   */
  async continueRun<More extends ToolSet = NoTools, Structure extends OutputInterface = Output>(
    options: ContinueOptions<State, More, Structure>,
  ): Promise<RunResult<WithTools<Tools, More>, WithOutput<Output, Structure>, State>> {
    return this.#answer(await this.#prepareContinuation(options));
  }

  /** Continues a PAUSED run like `continueRun`, and streams the rest of the answer. */
  async continueStream<More extends ToolSet = NoTools, Structure extends OutputInterface = Output>(
    options: ContinueOptions<State, More, Structure>,
  ): Promise<RunStream<WithTools<Tools, More>, WithOutput<Output, Structure>, State>> {
    return RunStream.start(await this.#prepareContinuation(options));
  }

  /**
   * Answers what `useChat` sends: the body of its request, `{ id, messages, trigger, messageId }`, or `message` with the last
   * message alone. The chat is the session with that id, unless `sessionId` names another. What the page asks for is
   * told from the body and the stored chat:
   *
   * - a new question, which is stored under the id that the page gave its message;
   * - an edited one, whose id is stored: it replaces that question and all that follows once its answer is there;
   * - another answer to a question (`regenerate-message`), in the same way;
   * - decisions about calls that wait, and results of tools that run in the browser: the answer goes on under its id.
   *
   * Nothing else that a page sends has any effect: earlier messages, results and inputs come from the store.
   *
   * @throws InvalidArgumentError when the body is none of these, and for files that are not in the message itself.
   * @throws RunNotContinuableError for an edit or another answer while the old answer is in progress.
   */
  async streamChat<More extends ToolSet = NoTools, Structure extends OutputInterface = Output>(
    body: unknown,
    given: ChatRunOptions<State, More, Structure> = {},
  ): Promise<RunStream<WithTools<Tools, More>, WithOutput<Output, Structure>, State>> {
    const { acceptFileUrl, ...read } = readScope(given, chatReaders);
    const request = await readChatRequest(body, { acceptFileUrl });
    const sessionId = read.sessionId ?? request.chatId;
    // One request of a chat after another, until its run is stored: a request that is sent twice finds the first.
    return this.#chats.next(sessionId, () => this.#answerChat(request, { ...read, sessionId }));
  }

  async #answerChat<Stream>(
    request: ChatRequest,
    read: Omit<OptionsRead<typeof chatReaders>, "acceptFileUrl"> & { readonly sessionId: string },
  ): Promise<Stream> {
    const { sessionId, signal, userId = this.settings.userId } = read;
    const isConfined = this.access === "owner" && userId !== undefined;
    const key = { sessionId, componentId: this.id, ...present({ userId: isConfined ? userId : undefined, signal }) };
    const chat: StoredChat = { db: await this.getDb(), key };
    if (request.type === "answers") {
      const find = answeredRun(request, chat);
      return this.#chatStream(
        await this.#continue({ find, options: { ...read, replaces: undefined }, call: plainCall }),
      );
    }
    const { input, stored, replaces, title } = await questionOf(request, chat);
    const options = { ...read, replaces: replaces ?? undefined };
    return this.#chatStream(await this.#begin({ input, stored, title, options, call: plainCall }));
  }

  /** Streams a run. Resolves when a page that is loaded finds it: one may be as soon as the answer begins. */
  async #chatStream<Stream>(run: RunInProgress): Promise<Stream> {
    const stream = await RunStream.start(run);
    await run.found();
    return stream as Stream;
  }

  /**
   * Lists the calls that wait in paused runs: for approval, for values of the user, or for results of tools that run
   * elsewhere, also those of runs that Agno paused. Those of the runs that have waited longest come first.
   *
   * @throws SchemaMismatchError without a session while runs of Agno 2 are in their old column, see `migrateLegacyRuns`.
   */
  async getPendingApprovals(options: PendingApprovalsOptions = {}): Promise<ApprovalPage> {
    const { userId = this.settings.userId, ...rest } = readScope(options, pendingReaders, ["userId", "sessionId"]);
    return pendingApprovals(this, { ...rest, userId });
  }

  /**
   * Returns a page of what is remembered about a user, whichever agent or team made the memories, by default those that were
   * changed last first: 50, unless `limit` says otherwise.
   *
   * @throws InvalidArgumentError without a user, and when the store keeps no memories.
   */
  async getUserMemories(options: UserMemoriesOptions = {}): Promise<MemoryPage> {
    const { userId = this.settings.userId, ...list } = readScope(options, userMemoriesReaders);
    return userMemories(await this.getDb(), { ...list, userId });
  }

  /**
   * Returns the AI SDK's own `Agent` for one session, for `createAgentUIStreamResponse` and everything else that takes
   * one. Of the messages that it is given it takes the new one of the user, which comes last, or the answers to the calls
   * that wait: approvals, and results of tools without `execute`. Everything else comes from the store, so a client cannot
   * change it. What it returns ends once the run is stored, and fails if that fails. The options are those of each of its
   * runs. Its `tools`, by which the AI SDK checks the messages of a client, are those that are known before a run.
   *
   * @throws InvalidArgumentError without a session.
   */
  forSession<More extends ToolSet = NoTools, Structure extends OutputInterface = Output>(
    given: ModelRunOptions<State, More, Structure>,
  ): SessionAgent<WithTools<Tools, More>, WithOutput<Output, Structure>> {
    const options = readScope(given, modelRunReaders, ["userId", "sessionId"]);
    if ((options.sessionId ?? this.settings.sessionId) === undefined) {
      throw new InvalidArgumentError("sessionId", "given, here or as an option of the component");
    }
    return sessionAgent<WithTools<Tools, More>, WithOutput<Output, Structure>>({
      id: this.id,
      tools: knownTools(settingsFor(this.settings, options).tools) as WithTools<Tools, More>,
      begin: (input, call, signal) => this.#begin({ input, options: alsoUntil(options, signal), call }),
      goOn: (find, call, signal) => this.#continue({ find, options: alsoUntil(options, signal), call }),
    });
  }

  /** Resolves once no work that follows an answer of this component is under way, such as a summary. */
  idle(): Promise<void> {
    return this.#followUp.idle();
  }

  /** Closes the store as `Component.close` does, after `idle()`. */
  override async close(): Promise<void> {
    await this.idle();
    await super.close();
  }

  async runEmbedded({ input, context, history, scope, emit = null }: EmbeddedRequest): Promise<EmbeddedResult> {
    const messages = historyMessages(history);
    return this.#runInside({ scope, input: [userMessage(input, context)], messages, resumed: null, emit });
  }

  async continueEmbedded(run: Run, answer: StepAnswer | null): Promise<EmbeddedContinuation | null> {
    const tools = knownTools(this.settings.tools);
    const isOwn = (run.runType === "agent" ? run.agentId : run.runType === "team" ? run.teamId : null) === this.id;
    const resumed =
      isOwn && run.runType === this.sessionType
        ? await resumedInside(run, { answer, tools, isGuarded: isGuarded(this.settings) })
        : null;
    return (
      resumed && {
        run: resumed.run,
        execute: ({ scope, emit = null }) =>
          this.#runInside({ scope, input: resumed.model, messages: [], resumed, emit }),
      }
    );
  }

  async #runInside({ scope: outer, input, messages, resumed, emit }: RunInside): Promise<EmbeddedResult> {
    const { settings } = this;
    const scope = withDefaults(outer, settings);
    this.fitState(scope);
    const { record, request, denied, ownTools, guardrails, observer } = await this.#prepare({
      scope,
      settings,
      tools: await toolsOfRun(settings.tools, scope),
      metadata: undefined,
      input,
      history: { messages, leftOut: null },
      resumed,
      otherSessions: null,
      memories: await this.#embeddedMemories(scope),
      children: [],
      call: plainCall,
    });
    observer.started();
    const refused = await guardrails.refusedInput();
    const held = emit !== null && guardrails.holdsOutput ? heldParts(emit) : null;
    const asked = held === null ? emit : held.emit;
    const outcome = refused ?? (await guardrails.checked(await generateInside(request, { emit: asked, denied })));
    if (outcome.status === "COMPLETED" || outcome.status === "PAUSED") {
      held?.release();
    }
    const run = record.ended(outcome, scope.state.values);
    await scope.store(run, ...(resumed === null ? [] : [outcome.metrics])).catch((error: unknown) => {
      observer.failed(error, run);
      throw error;
    });
    if (outcome.status === "ERROR") {
      observer.failed(outcome.error, run);
    } else {
      observer.ended(run);
    }
    const content = outcome.status === "PAUSED" ? askedBy(run, ownTools) : (outcome.output ?? run.content ?? null);
    return { run, content, error: outcome.error };
  }

  /** The number of newest runs that a turn needs. */
  protected get runsRead(): number {
    // Those that failed are not read with the session.
    return this.settings.addStoppedRunsToContext ? 0 : historyRunsOf(this.settings);
  }

  /** The component's fields in a run. */
  protected abstract get runOwner(): RunOwner;

  /** Returns the tools and the system message's paragraphs that this kind of component adds. */
  protected abstract additions(setup: RunSetup): { readonly tools: ToolSet; readonly instructions: readonly string[] };

  protected override nameFor(session: Session, count: (metrics: Metrics) => void): Promise<string> {
    const { model, prices } = this.settings;
    return generateName(session, { model, prices, otherwise: "New session", count });
  }

  protected get modelData(): JsonObject {
    const { model } = this.settings;
    return typeof model === "string" ? { id: model } : { id: model.modelId, provider: model.provider };
  }

  async #answer<Result>(run: RunInProgress): Promise<Result> {
    const { result } = await run.answer();
    return result as Result;
  }

  #prepareTurn(input: UserInput, options: object): Promise<RunInProgress> {
    return this.#begin({ input, options: readScope(options, modelRunReaders), call: plainCall });
  }

  #prepareContinuation(given: object): Promise<RunInProgress> {
    const { runId, approvals, ...options } = readScope(given, continueReaders);
    return this.#continue({
      options: { ...options, replaces: undefined },
      call: plainCall,
      find: async ({ db }) => ({
        run: await db.getRun({ runId }),
        approvals: ({ tools: calls }, tools) => withModelOutputs(approvals, { calls: calls ?? [], tools }),
        argument: "runId",
      }),
    });
  }

  /** Begins a turn. */
  async #begin({ input, stored, title = null, options, call }: BeginOptions): Promise<RunInProgress> {
    const message = userMessage(input, null);
    const settings = settingsFor(this.settings, options);
    const turn = await this.openTurn(options, this.runsRead);
    const { scope } = turn;
    const otherSessions = await sessionsText(options.readSessions, this, scope);
    const memories = await turn.look((db) => runMemories(settings, { db, scope }));
    const tools = await toolsOfRun(settings.tools, scope);
    const introduction = this.settings.introduction !== undefined && turn.isFirst ? this.#introduction(scope) : null;
    const history =
      introduction === null
        ? await this.#history(turn, null)
        : historyOf(this.settings, historyRunsOf(this.settings) === 0 ? [] : [introduction]);
    return this.#start(turn, {
      scope,
      settings,
      tools,
      metadata: options.metadata,
      input: [message],
      storedInput: stored,
      history,
      introduction,
      title,
      otherSessions,
      memories,
      asker: scope.userId,
      resumed: null,
      call,
    });
  }

  async #history(turn: Turn, resumedId: string | null): Promise<ShownHistory> {
    const { settings, access } = this;
    return historyOf(settings, await historyRuns(turn, { settings, access, resumedId }));
  }

  /** Takes over a run that stopped. */
  async #continue({ find, options, call }: GoOnOptions): Promise<RunInProgress> {
    const settings = settingsFor(this.settings, options);
    const db = await this.getDb();
    const turn = await this.openTurn(options, this.runsRead);
    const { sessionId, userId, session } = turn.scope;
    const found = await find({ db, sessionId, componentId: this.id });
    const run = found.run?.sessionId === sessionId ? await turn.closedIfStale(found.run) : null;
    if (run === null || run.runType === "workflow" || run.runType !== this.sessionType || !canGoOn(run)) {
      throw notWaiting(found.argument);
    }
    if ((await ownRuns(this, [run], { db, session: session ?? { sessionId, userId } })).length === 0) {
      throw notWaiting(found.argument);
    }
    // What nobody asked is remembered for nobody, whoever decides.
    const asker = run.userId ?? null;
    // The run still belongs to the user who began it, even if another user decides.
    const scope = {
      ...turn.scope,
      runId: run.runId,
      userId: run.userId ?? userId,
      createdAt: run.createdAt ?? unixSeconds(),
    };
    const tools = await toolsOfRun(settings.tools, scope);
    options.signal?.throwIfAborted();
    const resumed = resumedRun(run, await found.approvals(run, tools), {
      createdAt: unixSeconds(),
      isGuarded: isGuarded(settings),
    });
    const history = await this.#history(turn, run.runId);
    const started = await this.#start(turn, {
      scope,
      settings,
      tools,
      metadata: options.metadata,
      input: resumed.model,
      history,
      introduction: null,
      title: null,
      otherSessions: await sessionsText(options.readSessions, this, turn.scope),
      memories: await turn.look((store) => runMemories(settings, { db: store, scope: { ...scope, userId: asker } })),
      asker,
      resumed,
      call,
    });
    options.signal?.throwIfAborted();
    await turn.takeOver(resumed);
    return started;
  }

  async #start(
    turn: Turn,
    {
      introduction,
      title,
      asker,
      ...setup
    }: Omit<RunSetup, "children"> & {
      readonly introduction: Run | null;
      readonly title: string | null;
      readonly asker: string | null;
    },
  ): Promise<RunInProgress> {
    const prepared = await this.#prepare({ ...setup, children: [] });
    return new RunInProgress(prepared, {
      turn,
      title,
      introduction,
      ...followUpsOf({
        component: this,
        settings: this.settings,
        scope: setup.scope,
        asker,
        followUp: this.#followUp,
      }),
    });
  }

  #prepare(setup: RunSetup): Promise<PreparedRun> {
    return prepareRun(setup, {
      component: this,
      owner: this.runOwner,
      added: this.additions(setup),
      hooks: this.#followUp.hooks,
    });
  }

  /** Reads the memories of the user of a run around this component's. */
  async #embeddedMemories(scope: RunScope): Promise<RunMemories | null> {
    return usesMemories(this.settings) ? runMemories(this.settings, { db: await this.getDb(), scope }) : null;
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

function notWaiting(argument: string): InvalidArgumentError {
  const expected =
    argument === "runId" ? "the id of a paused run of this session" : "answers to calls that wait in this session";
  return new InvalidArgumentError(argument, expected);
}

/** Returns options with a further signal. */
function alsoUntil(options: ModelRunSettings, signal: AbortSignal | undefined): ModelRunSettings {
  const signals = [options.signal, signal].filter((each) => each !== undefined);
  return { ...options, signal: signals.length === 0 ? undefined : anySignal(...signals) };
}
