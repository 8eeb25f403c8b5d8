import { InvalidArgumentError, type JsonObject, type JsonValue, type Session, type TurnSession } from "@sessiondb/core";
import { anySignal } from "@sessiondb/core/adapter";
import { Component } from "./component.ts";
import type { EmbeddedRequest, EmbeddedResult, Executor } from "./executor.ts";
import type { Known, Unset } from "./known.ts";
import { jsonOf, portable } from "./outside-values.ts";
import {
  checkSwitches,
  componentScopes,
  readScope,
  runOptionReaders,
  type RunOptions,
  type RunSettings,
} from "./run-options.ts";
import { checkDepth, withDefaults, type RunScope } from "./run-scope.ts";
import { nodesOf } from "./steps/nodes.ts";
import type { StepNode } from "./steps/step-node.ts";
import {
  workflowReaders,
  type WorkflowEvent,
  type WorkflowOptions,
  type WorkflowRunResult,
  type WorkflowSettings,
} from "./workflow-options.ts";
import { RunOfWorkflow, type WorkflowRunOptions } from "./workflow-run.ts";
import { WorkflowStream } from "./workflow-stream.ts";

/** Steps that run in order. The session stores each run of the workflow as one row. */
export class Workflow<State extends object = Unset> extends Component<Known<State, JsonObject>> implements Executor {
  readonly sessionType = "workflow";
  readonly description: string | null;
  readonly #options: WorkflowSettings;
  readonly #nodes: readonly StepNode[];

  constructor(options: WorkflowOptions<State>) {
    const settings = readScope(options, workflowReaders, componentScopes);
    checkSwitches(options, settings, { addWorkflowHistoryToSteps: ["numHistoryRuns"] });
    super(settings, "workflow");
    this.#options = settings;
    this.#nodes = nodesOf(settings.steps, "steps");
    this.description = settings.description ?? null;
  }

  /**
   * Runs the steps and stores their outputs. Rejects with the error of a step, or with the signal's reason; the run is
   * still stored, as ERROR or CANCELLED, with the steps that were done.
   *
   * @throws SessionOwnershipError, SessionTypeMismatchError, SessionComponentMismatchError when the session is another
   * user's or another component's.
   * @throws SessionDbError when the storage fails, unless `onStorageError` is `continue`.
   */
  async run(
    input: JsonValue,
    options: RunOptions<Known<State, JsonObject>> = {},
  ): Promise<WorkflowRunResult<Known<State, JsonObject>>> {
    const { result, error } = await this.#run(input, readScope(options, runOptionReaders), () => {});
    if (result.status === "CANCELLED") {
      throw error;
    }
    return result;
  }

  /** Runs the steps like `run`, and reports events meanwhile. Leaving the loop over the events cancels the run. */
  stream(
    input: JsonValue,
    options: RunOptions<Known<State, JsonObject>> = {},
  ): WorkflowStream<Known<State, JsonObject>> {
    return WorkflowStream.start(async (emit, left) => {
      const settings = readScope(options, runOptionReaders);
      const signal = settings.signal === undefined ? left : anySignal(left, settings.signal);
      const { result } = await this.#run(input, { ...settings, signal }, emit);
      return result;
    });
  }

  async runEmbedded({ input, scope: outer }: EmbeddedRequest): Promise<EmbeddedResult> {
    checkDepth(outer, "steps");
    const scope = withDefaults(outer, this.#options);
    this.fitState(scope);
    const { run } = await new RunOfWorkflow(this.#runOptions(scope, input)).execute();
    await scope.store(run);
    return { run, content: run.content ?? null };
  }

  protected override sessionIdentity(sessionId: string): TurnSession {
    return { sessionType: "workflow", sessionId, workflowId: this.id, workflowData: this.#data };
  }

  protected override async nameFor({ createdAt }: Session): Promise<string> {
    const name = this.description?.slice(0, 40) ?? this.name ?? "Workflow session";
    return `${name} - ${new Date(createdAt * 1000).toISOString().slice(0, 16).replace("T", " ")}`;
  }

  async #run(
    given: JsonValue,
    options: RunSettings,
    emit: (event: WorkflowEvent<Known<State, JsonObject>>) => void,
  ): Promise<{ result: WorkflowRunResult<Known<State, JsonObject>>; error: unknown }> {
    if (given === undefined) {
      throw new InvalidArgumentError("input", "JSON");
    }
    const input = jsonOf(portable(given, "input"));
    const turn = await this.openTurn(options, this.#runsLimit);
    const { runId, sessionId, userId, state } = turn.scope;
    const execution = new RunOfWorkflow({
      ...this.#runOptions(turn.scope, input),
      onStart: (name) => emit({ type: "step-started", name }),
      onEnd: (name, output) => emit({ type: "step-completed", name, output }),
    });
    emit({ type: "workflow-started", runId, sessionId });
    const executing = execution.execute();
    turn.begin(execution.running);
    const { run, error } = await turn.end({ ...(await executing), metrics: [] });
    const result: WorkflowRunResult<Known<State, JsonObject>> = {
      runId,
      sessionId,
      userId,
      status: run.status === "COMPLETED" ? "COMPLETED" : "CANCELLED",
      content: run.content ?? null,
      stepResults: run.stepResults ?? [],
      sessionState: state.values as Known<State, JsonObject>,
      run,
      storageError: turn.storageError,
    };
    emit({ type: "workflow-completed", result });
    return { result, error };
  }

  #runOptions(scope: RunScope, input: JsonValue): WorkflowRunOptions {
    return {
      nodes: this.#nodes,
      identity: { workflowId: this.id, ...(this.name !== null && { workflowName: this.name }) },
      historyRuns: this.#historyRuns,
      storesExecutorRuns: this.#options.storeExecutorOutputs,
      scope,
      input,
    };
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
