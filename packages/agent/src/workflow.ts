import {
  InvalidArgumentError,
  WorkflowSession,
  type JsonObject,
  type JsonValue,
  type Session,
  type TurnSession,
} from "@sessiondb/core";
import { runOptionReaders, type RunOptions, type RunSettings } from "./conversation-options.ts";
import type { EmbeddedRequest, EmbeddedResult, Executor } from "./executor.ts";
import { readScope, runIds } from "./run-ids.ts";
import { RunState } from "./run-state.ts";
import { SessionComponent } from "./session-component.ts";
import { nodesOf } from "./steps/nodes.ts";
import { SingleStep } from "./steps/single-step.ts";
import type { StepNode } from "./steps/step-node.ts";
import { Turn } from "./turn.ts";
import {
  workflowReaders,
  type WorkflowEvent,
  type WorkflowOptions,
  type WorkflowRunResult,
  type WorkflowSettings,
} from "./workflow-options.ts";
import { WorkflowExecution, type WorkflowRunOptions } from "./workflow-run.ts";
import { WorkflowStream } from "./workflow-stream.ts";

/** Deeper than that, workflows within workflows are a mistake. */
const deepest = 10;

/** Steps that run one after another, in a session that keeps each run of them as one row. */
export class Workflow extends SessionComponent implements Executor {
  readonly sessionType = "workflow";
  readonly description: string | null;
  readonly #options: WorkflowSettings;
  readonly #nodes: readonly StepNode[];

  constructor(options: WorkflowOptions) {
    const settings = readScope(options, workflowReaders, ["userId", "db"]);
    super(settings, "workflow");
    this.#options = settings;
    this.#nodes = nodesOf(settings.steps, "steps");
    this.description = settings.description ?? null;
  }

  /**
   * Runs the steps and keeps what they gave. Rejects with what a step threw, or with the signal's reason; the run is stored
   * all the same, as ERROR or CANCELLED, with the steps that were done.
   *
   * @throws SessionOwnershipError, SessionTypeMismatchError, SessionComponentMismatchError when the session is not one of
   * this workflow for this user.
   * @throws SessionDbError when the storage fails, unless `onStorageError` is `continue`.
   */
  async run(input: JsonValue, options: RunOptions = {}): Promise<WorkflowRunResult> {
    const { result, error } = await this.#run(input, readScope(options, runOptionReaders), {
      emit: () => {},
      signal: null,
    });
    if (result.status === "CANCELLED") {
      throw error;
    }
    return result;
  }

  /** The same, with what happens while it happens. Leaving the loop over it cancels the run. */
  stream(input: JsonValue, options: RunOptions = {}): WorkflowStream {
    return new WorkflowStream(async (emit, abort) => {
      const { result } = await this.#run(input, readScope(options, runOptionReaders), { emit, signal: abort });
      return result;
    });
  }

  async runEmbedded(request: EmbeddedRequest): Promise<EmbeddedResult> {
    if (request.depth > deepest) {
      throw new InvalidArgumentError("steps", `workflows nested at most ${deepest} deep`);
    }
    const execution = new WorkflowExecution({
      ...this.#identity,
      ...request,
      runId: crypto.randomUUID(),
      input:
        typeof request.input === "string" ? request.input : (JSON.parse(JSON.stringify(request.input)) as JsonValue),
      history: () => null,
    });
    const { run } = await execution.execute();
    await request.store(run);
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
    input: JsonValue,
    options: RunSettings,
    { emit, signal: abort }: { readonly emit: (event: WorkflowEvent) => void; readonly signal: AbortSignal | null },
  ): Promise<{ result: WorkflowRunResult; error: unknown }> {
    if (input === undefined) {
      throw new InvalidArgumentError("input", "JSON");
    }
    const ids = runIds(options, this.#options);
    const { onStorageError, staleAfter } = this.#options;
    const turn = await Turn.open({ ...ids, component: this, runsLimit: this.#runsLimit, onStorageError, staleAfter });
    const controller = new AbortController();
    const signals = [controller.signal, abort, options.signal].filter((each) => each !== undefined && each !== null);
    const signal = AbortSignal.any(signals);
    const stored = turn.session?.sessionState ?? (turn.isFirst ? (this.#options.sessionState ?? {}) : {});
    const state = new RunState(stored, options.sessionState);
    const execution = new WorkflowExecution({
      ...this.#identity,
      ...ids,
      runId: crypto.randomUUID(),
      parentRunId: null,
      workflowStepId: null,
      depth: 0,
      input,
      state,
      signal,
      history: historyOf(turn.session),
      onStart: (name) => emit({ type: "step-started", name }),
      onEnd: (name, output) => emit({ type: "step-completed", name, output }),
    });
    const { running } = execution;
    emit({ type: "workflow-started", runId: running.runId, sessionId: ids.sessionId });
    const executing = execution.execute();
    const begun = turn.start(running, null);
    // A run that may not be stored is not worth its work.
    begun.catch((error: unknown) => controller.abort(error));
    const { run, error } = await executing;
    await begun;
    try {
      await turn.end({ run, state, metrics: execution.metrics });
    } catch (storageError) {
      throw run.status === "ERROR" ? error : storageError;
    }
    if (run.status === "ERROR") {
      throw error;
    }
    const result: WorkflowRunResult = {
      runId: run.runId,
      sessionId: ids.sessionId,
      userId: ids.userId,
      status: run.status === "COMPLETED" ? "COMPLETED" : "CANCELLED",
      content: run.content ?? null,
      stepResults: run.stepResults ?? [],
      sessionState: state.values,
      run,
      storageError: turn.storageError,
    };
    emit({ type: "workflow-completed", result });
    return { result, error };
  }

  get #identity(): Pick<
    WorkflowRunOptions,
    "nodes" | "workflowId" | "workflowName" | "historyRuns" | "storesExecutorRuns"
  > {
    const { addWorkflowHistoryToSteps, numHistoryRuns, storeExecutorOutputs } = this.#options;
    return {
      nodes: this.#nodes,
      workflowId: this.id,
      workflowName: this.name,
      historyRuns: addWorkflowHistoryToSteps ? numHistoryRuns : null,
      storesExecutorRuns: storeExecutorOutputs,
    };
  }

  /** As many runs as any step is told. */
  get #runsLimit(): number {
    const asked = allNodes(this.#nodes).map((node) => (node instanceof SingleStep ? node.historyRuns : 0));
    return Math.max(this.#identity.historyRuns ?? 0, ...asked);
  }

  /** As Agno describes a workflow. */
  get #data(): JsonObject {
    const steps = this.#nodes.map(({ name, type }) => ({ name, description: null, type }));
    return { workflow_id: this.id, name: this.name, steps };
  }
}

function historyOf(session: Session | null): (numRuns: number) => string | null {
  return (numRuns) => (session instanceof WorkflowSession ? session.getWorkflowHistoryContext({ numRuns }) : null);
}

function allNodes(nodes: readonly StepNode[]): StepNode[] {
  return nodes.flatMap((node) => [node, ...("nodes" in node ? allNodes(node.nodes as readonly StepNode[]) : [])]);
}
