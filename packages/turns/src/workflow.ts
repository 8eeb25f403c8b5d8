import {
  InvalidArgumentError,
  RunNotContinuableError,
  type JsonObject,
  type JsonValue,
  type Run,
  type Session,
  type TurnSession,
} from "@sessiondb/core";
import { anySignal, type OptionsRead } from "@sessiondb/core/adapter";
import { Component } from "./component.ts";
import type { EmbeddedContinuation, EmbeddedRequest, EmbeddedResult, Executor, StepAnswer } from "./executor.ts";
import { PendingWork } from "./hooks.ts";
import { makeKeptChanges } from "./kept-changes.ts";
import type { Known, Unset } from "./known.ts";
import { jsonOf, portable } from "./outside-values.ts";
import { ownRuns } from "./own-runs.ts";
import { isTurnOf } from "./run-control.ts";
import {
  checkSwitches,
  componentScopes,
  readScope,
  runOptionReaders,
  type RunOptions,
  type RunSettings,
} from "./run-options.ts";
import { checkDepth, runContext, withDefaults } from "./run-scope.ts";
import { suspendedSteps } from "./step-requirements.ts";
import { nodesOf } from "./steps/nodes.ts";
import type { StepNode } from "./steps/step-node.ts";
import type { Turn } from "./turn.ts";
import { answerTo, canGoOn, continuedRun } from "./workflow-continuation.ts";
import {
  continueReaders,
  workflowReaders,
  type ContinueWorkflowOptions,
  type WorkflowEvent,
  type WorkflowOptions,
  type WorkflowRunResult,
  type WorkflowSettings,
} from "./workflow-options.ts";
import { RunOfWorkflow, type WorkflowRunOptions } from "./workflow-run.ts";
import { WorkflowObserver } from "./workflow-hooks.ts";
import { WorkflowStream } from "./workflow-stream.ts";

type Result<State extends object, Content> = WorkflowRunResult<Known<State, JsonObject>, Known<Content, JsonValue>>;
type Events<State extends object, Content> = WorkflowStream<Known<State, JsonObject>, Known<Content, JsonValue>>;
type Emit<State extends object, Content> =
  | ((event: WorkflowEvent<Known<State, JsonObject>, Known<Content, JsonValue>>) => void)
  | null;

/** A run that begins or goes on. */
interface Execution<State extends object, Content> extends Pick<WorkflowRunOptions, "scope" | "input" | "continued"> {
  readonly emit: Emit<State, Content>;
}

interface Ended<State extends object, Content> {
  readonly result: Result<State, Content>;
  /** The error of a run that was cancelled. */
  readonly error: unknown;
}

/** Steps that run in order. The session stores each run of the workflow as one row. */
export class Workflow<State extends object = Unset, Input = Unset, Content = Unset>
  extends Component<Known<State, JsonObject>>
  implements Executor<Known<Content, JsonValue>>
{
  declare readonly "~content"?: Known<Content, JsonValue>;
  readonly sessionType = "workflow";
  readonly description: string | null;
  readonly #options: WorkflowSettings;
  readonly #nodes: readonly StepNode[];
  readonly #hooks: PendingWork;

  constructor(options: WorkflowOptions<State, Input, Content>) {
    const settings = readScope(options, workflowReaders, componentScopes);
    checkSwitches(options, settings, { addWorkflowHistoryToSteps: ["numHistoryRuns"] });
    super(settings, "workflow");
    this.#options = settings;
    this.#nodes = nodesOf(settings.steps, "steps");
    this.description = settings.description ?? null;
    this.#hooks = new PendingWork(settings.waitUntil);
  }

  /** Resolves once no hook of this workflow is under way, or after a minute. */
  idle(): Promise<void> {
    return this.#hooks.hooksEnded();
  }

  /** Closes the store as `Component.close` does, after `idle()`. */
  override async close(): Promise<void> {
    await this.idle();
    await super.close();
  }

  /**
   * Runs the steps and stores their outputs. Rejects with the error of a step, or with the signal's reason; the run is
   * still stored, as ERROR or CANCELLED, with the steps that were done. Resolves with the status PAUSED if a step waits.
   * `continueRun` goes on with either.
   *
   * @throws SessionOwnershipError, SessionTypeMismatchError, SessionComponentMismatchError when the session is another
   * user's or another component's.
   * @throws SessionDbError when the storage fails, unless `onStorageError` is `continue`.
   */
  async run(
    input: Known<Input, JsonValue>,
    options: RunOptions<Known<State, JsonObject>> = {},
  ): Promise<Result<State, Content>> {
    return completed(await this.#begin(input, readScope(options, runOptionReaders), null));
  }

  /** Runs the steps like `run`, and reports events meanwhile. Leaving the loop over the events cancels the run. */
  stream(input: Known<Input, JsonValue>, options: RunOptions<Known<State, JsonObject>> = {}): Events<State, Content> {
    return WorkflowStream.start(async (emit, left) => {
      const settings = readScope(options, runOptionReaders);
      return (await this.#begin(input, { ...settings, signal: either(left, settings.signal) }, emit)).result;
    });
  }

  /**
   * Goes on with a run that is PAUSED, that failed or was cancelled, or whose process died: completed steps keep their outputs
   * and do not run again, whatever they are in. The step that waits runs again, with the answer; the steps that failed
   * begin again. Of two calls for one run, only one succeeds. The run stays as it is if the answer does not fit.
   *
   * @throws InvalidArgumentError when there is no such run in the session, when it runs or has completed, or when the
   * answer is missing or does not fit its step.
   * @throws RunNotContinuableError when the workflow no longer has its steps, or when it is not one of this library.
   */
  async continueRun(options: ContinueWorkflowOptions<Known<State, JsonObject>>): Promise<Result<State, Content>> {
    return completed(await this.#continue(readScope(options, continueReaders, ["userId", "sessionId"]), null));
  }

  /** Goes on like `continueRun`, and reports events meanwhile. Leaving the loop over the events cancels the run. */
  continueStream(options: ContinueWorkflowOptions<Known<State, JsonObject>>): Events<State, Content> {
    return WorkflowStream.start(async (emit, left) => {
      const settings = readScope(options, continueReaders, ["userId", "sessionId"]);
      return (await this.#continue({ ...settings, signal: either(left, settings.signal) }, emit)).result;
    });
  }

  async runEmbedded({ input, scope: outer, emit = null }: EmbeddedRequest): Promise<EmbeddedResult> {
    checkDepth(outer, "steps");
    const scope = withDefaults(outer, this.#options);
    this.fitState(scope);
    return this.#executeInside({ scope, input, continued: null, emit });
  }

  async continueEmbedded(run: Run, answer: StepAnswer | null): Promise<EmbeddedContinuation | null> {
    if (run.runType !== "workflow" || run.workflowId !== this.id || !canGoOn(run)) {
      return null;
    }
    const continued = await continuedRun(run, { nodes: this.#nodes, answer });
    return {
      run: continued.run,
      execute: async ({ scope: outer, emit = null }) => {
        const scope = withDefaults(outer, this.#options);
        this.fitState(scope);
        return this.#executeInside({ scope, input: run.input ?? null, continued, emit });
      },
    };
  }

  async #executeInside(
    given: Pick<WorkflowRunOptions, "scope" | "input" | "continued" | "emit">,
  ): Promise<EmbeddedResult> {
    const observer = this.#observer(given);
    const execution = this.#execution(given, observer);
    observer.started();
    const { run, error } = await execution.execute();
    await given.scope.store(run).catch((storageError: unknown) => {
      observer.failed(storageError, run);
      throw storageError;
    });
    if (run.status === "ERROR") {
      observer.failed(error, run);
    } else {
      observer.ended(run);
    }
    return { run, content: run.content ?? null, error };
  }

  protected override sessionIdentity(sessionId: string): TurnSession {
    return { sessionType: "workflow", sessionId, workflowId: this.id, workflowData: this.#data };
  }

  protected override async nameFor({ createdAt }: Session): Promise<string> {
    const name = this.description?.slice(0, 40) ?? this.name ?? "Workflow session";
    return `${name} - ${new Date(createdAt * 1000).toISOString().slice(0, 16).replace("T", " ")}`;
  }

  async #begin(given: unknown, options: RunSettings, emit: Emit<State, Content>): Promise<Ended<State, Content>> {
    if (given === undefined) {
      throw new InvalidArgumentError("input", "JSON");
    }
    const input = jsonOf(portable(given, "input"));
    const turn = await this.openTurn(options, this.#runsLimit);
    return this.#execute(turn, { scope: turn.scope, input, continued: null, emit });
  }

  async #continue(
    { runId, stepId, resumeData, ...options }: OptionsRead<typeof continueReaders>,
    emit: Emit<State, Content>,
  ): Promise<Ended<State, Content>> {
    const db = await this.getDb();
    const turn = await this.openTurn(options, this.#runsLimit);
    const { sessionId, userId, session } = turn.scope;
    const found = await db.getRun({ runId });
    const run = found?.sessionId === sessionId ? await turn.closedIfStale(found) : null;
    const whose = { db, session: session ?? { sessionId, userId } };
    if (run === null || !isTurnOf(this, run) || (await ownRuns(this, [run], whose)).length === 0) {
      throw new InvalidArgumentError("runId", "the id of a run of this session");
    }
    if (run.runType !== "workflow" || run.status === "COMPLETED" || run.status === "RUNNING") {
      throw new InvalidArgumentError("runId", "the id of a run that is paused, or that did not end well");
    }
    if (!canGoOn(run)) {
      throw new RunNotContinuableError(runId, {
        why: "another program stored it, or an earlier release",
        advice: "Continue it there, or run the workflow again.",
      });
    }
    const answer = answerTo(run, { stepId, resumeData });
    const continued = await continuedRun(run, { nodes: this.#nodes, answer });
    makeKeptChanges(run, turn.scope.state);
    options.signal?.throwIfAborted();
    await turn.takeOver({ before: run, run: continued.run });
    // The run still belongs to the user who began it, even if another user answers.
    const scope = {
      ...turn.scope,
      runId,
      userId: run.userId ?? userId,
      createdAt: run.createdAt ?? turn.scope.createdAt,
    };
    return this.#execute(turn, { scope, input: run.input ?? null, continued, emit });
  }

  async #execute(turn: Turn, { scope, emit, ...given }: Execution<State, Content>): Promise<Ended<State, Content>> {
    const { runId, sessionId, userId, state } = scope;
    const observer = this.#observer({ scope, ...given });
    const execution = this.#execution({ scope, ...given, emit }, observer);
    observer.started();
    emit?.({ type: "workflow-started", runId, sessionId });
    const executing = execution.execute();
    turn.begin(execution.running);
    const executed = await executing;
    const { run, error } = await turn.end({ ...executed, metrics: [] }).catch((failure: unknown) => {
      observer.failed(failure, executed.run);
      throw failure;
    });
    observer.ended(run);
    const { status } = run;
    const result = {
      runId,
      sessionId,
      userId,
      status: status === "COMPLETED" ? "COMPLETED" : status === "PAUSED" ? "PAUSED" : "CANCELLED",
      content: run.content ?? null,
      suspended: status === "PAUSED" ? suspendedSteps(run) : [],
      stepResults: run.stepResults ?? [],
      sessionState: state.values as Known<State, JsonObject>,
      run,
      storageError: turn.storageError,
    } as Result<State, Content>;
    emit?.({ type: status === "PAUSED" ? "workflow-suspended" : "workflow-completed", result });
    return { result, error };
  }

  #execution(
    given: Pick<WorkflowRunOptions, "scope" | "input" | "continued" | "emit">,
    observer: WorkflowObserver,
  ): RunOfWorkflow {
    return new RunOfWorkflow({
      ...given,
      nodes: this.#nodes,
      identity: { workflowId: this.id, ...(this.name !== null && { workflowName: this.name }) },
      historyRuns: this.#historyRuns,
      storesExecutorRuns: this.#options.storeExecutorOutputs,
      ended: (step) => observer.stepEnded(step),
    });
  }

  #observer({ scope, continued }: Pick<WorkflowRunOptions, "scope" | "continued">): WorkflowObserver {
    return new WorkflowObserver(this.#options.hooks, {
      event: {
        context: runContext(scope),
        component: { sessionType: "workflow", id: this.id, name: this.name },
        parentRunId: scope.parent?.runId ?? null,
        isContinued: continued !== null,
      },
      pending: this.#hooks,
    });
  }

  get #historyRuns(): number | null {
    return this.#options.addWorkflowHistoryToSteps ? this.#options.numHistoryRuns : null;
  }

  /** The number of runs that the step with the longest history needs. */
  get #runsLimit(): number {
    const asked = allNodes(this.#nodes).map(({ historyRuns }) => historyRuns);
    return Math.max(this.#historyRuns ?? 0, ...asked);
  }

  /** The workflow as Agno describes it. */
  get #data(): JsonObject {
    const steps = this.#nodes.map(({ name, type }) => ({ name, description: null, type }));
    return { workflow_id: this.id, name: this.name, steps };
  }
}

function allNodes(nodes: readonly StepNode[]): StepNode[] {
  return nodes.flatMap((node) => [node, ...("nodes" in node ? allNodes(node.nodes as readonly StepNode[]) : [])]);
}

function completed<State extends object, Content>({
  result,
  error,
}: Ended<State, Content>): Ended<State, Content>["result"] {
  if (result.status === "CANCELLED") {
    throw error;
  }
  return result;
}

function either(left: AbortSignal, signal: AbortSignal | undefined): AbortSignal {
  return signal === undefined ? left : anySignal(left, signal);
}
