import type { AgentRun, Run, TeamRun } from "@sessiondb/core";
import type { RunScope, Turn } from "@sessiondb/turns";
import type { ToolSet } from "ai";
import { generate, type Generated, type GenerationOutcome, type GenerationRequest } from "./generation.ts";
import type { Guardrails } from "./guardrails.ts";
import type { RunResult } from "./model-component-options.ts";
import type { ResumedRun } from "./resumed-run.ts";
import type { RunObserver } from "./run-hooks.ts";
import type { RunRecord } from "./run-record.ts";
import { stepsWith } from "./run-steps.ts";
import { toolCallsOf, waitingOf } from "./tool-calls.ts";

/** A run that is ready to ask the model. */
export interface PreparedRun {
  readonly scope: RunScope;
  readonly record: RunRecord;
  readonly request: GenerationRequest;
  /** The tools of the agent or team, without those of this library. */
  readonly ownTools: ToolSet;
  /** The calls of the run that continues which were not approved. */
  readonly denied: ResumedRun["denied"];
  /** The run that continues, as it was stored; null for a new one. */
  readonly before: AgentRun | TeamRun | null;
  readonly guardrails: Guardrails;
  readonly observer: RunObserver;
}

interface RunInProgressOptions {
  readonly turn: Turn;
  /** The name of a session that begins with the run, made of its input; null for none. */
  readonly title: string | null;
  /** The introduction of a new session, as a run; null without one. */
  readonly introduction: Run | null;
  /** Summarizes the session after the run; null if no summary is wanted. */
  readonly summarize: RunFollowUp | null;
  /** Updates the memories of the run's user; null if that is not wanted. */
  readonly remember: RunFollowUp | null;
}

/** Work that follows a completed run. Rejects only if results wait for it. */
export type RunFollowUp = (run: AgentRun | TeamRun) => Promise<void>;

/** The results of runs that could not be stored, by the errors that they were rejected with. */
const unstored = new WeakMap<object, RunResult | null>();

/**
 * Returns the answer of a run that could not be stored, from the error with which `run`, `continueRun` or
 * `stream.result` rejected: the model was paid for it, and its tools may have acted. The status is CANCELLED if the
 * storage failed before there was an answer. Null for any other error, and for one that several runs share.
 */
export function unstoredResultOf(error: unknown): RunResult | null {
  return typeof error === "object" && error !== null ? (unstored.get(error) ?? null) : null;
}

/** A run with its turn. The model works while the first row is written; the last row is written after the answer. */
export class RunInProgress {
  readonly prepared: PreparedRun;
  readonly #options: RunInProgressOptions;

  constructor(prepared: PreparedRun, options: RunInProgressOptions) {
    this.prepared = prepared;
    this.#options = options;
  }

  /** Ends the generation. */
  abort(reason: unknown): void {
    this.#options.turn.abort(reason);
  }

  /**
   * Has the input checked. Call it before asking the model. Rejects if the input does not pass, with the run stored.
   */
  async admit(): Promise<void> {
    const { guardrails, observer } = this.prepared;
    observer.started();
    const refused = await guardrails.refusedInput();
    if (refused !== null) {
      this.begin(refused);
      throw (await this.#finish(Promise.resolve(refused))).error;
    }
  }

  /** Asks the model and stores the run. Rejects with the error of the model or of the storage, or the signal's reason. */
  async answer(): Promise<{ readonly result: RunResult; readonly generated: Generated | null }> {
    await this.admit();
    const answering = generate(this.prepared.request);
    this.begin();
    const { result, error } = await this.#finish(answering.then(({ outcome }) => outcome));
    if (result.status === "CANCELLED") {
      throw error;
    }
    const { generated } = await answering;
    return { result, generated };
  }

  /** Resolves once a page that is loaded finds the run, or once that has failed, which the end of the run tells. */
  async found(): Promise<void> {
    await this.#options.turn.begun.catch(() => {});
  }

  /** Starts storing the run. Call it after asking the model, or if its input was refused. */
  begin(refused: GenerationOutcome | null = null): void {
    const { turn, introduction, title } = this.#options;
    const { record } = this.prepared;
    if (refused === null && title !== null) {
      turn.suggestName(title);
    }
    turn.begin(refused === null ? record.running() : record.progress(refused), introduction);
  }

  /** Stores the end of the run. Rejects with the error of the model or of the storage. */
  async end(ending: Promise<GenerationOutcome>): Promise<RunResult> {
    return (await this.#finish(ending)).result;
  }

  /** Stores the end of the run, and tells the hooks. Returns the error too if it was cancelled. */
  async #finish(ending: Promise<GenerationOutcome>): Promise<{ readonly result: RunResult; readonly error: unknown }> {
    const { observer, before } = this.prepared;
    let known = before;
    let stored: { readonly result: RunResult; readonly error: unknown };
    try {
      const ended = await this.#ended(ending);
      if (ended.run === null) {
        await this.#options.turn.release();
        throw ended.outcome.error;
      }
      known = ended.run;
      stored = await this.#store(ended.outcome, ended.run);
    } catch (error) {
      observer.failed(error, known);
      throw error;
    }
    const { result, error } = stored;
    observer.ended(result.run);
    const { summarize, remember } = this.#options;
    const [summaryError, memoryError] = await Promise.all(
      [summarize, remember].map((work) => this.#follow(result.run, work)),
    );
    return { result: { ...result, summaryError, memoryError }, error };
  }

  /** Stores a run with its end. */
  async #store(
    outcome: GenerationOutcome,
    answered: AgentRun | TeamRun,
  ): Promise<{ readonly result: RunResult; readonly error: unknown }> {
    const { turn } = this.#options;
    const { scope, record, ownTools } = this.prepared;
    const toolCalls = toolCallsOf(answered, { ...outcome, tools: ownTools });
    const { steps, usage, sources } = record.whole(outcome);
    const result = {
      runId: scope.runId,
      sessionId: scope.sessionId,
      userId: scope.userId,
      status: outcome.status,
      text: outcome.text,
      output: outcome.output,
      finishReason: outcome.finishReason,
      steps: stepsWith(toolCalls, steps),
      usage,
      cost: answered.metrics?.cost ?? null,
      sources,
      toolCalls,
      pendingApprovals: outcome.status === "PAUSED" ? waitingOf(toolCalls, answered) : [],
      sessionState: scope.state.values,
      run: answered,
      summaryError: null,
      memoryError: null,
    };
    const { run, error } = await turn
      .end({ run: answered, metrics: [outcome.metrics], error: outcome.error })
      .catch((failure: unknown) => {
        // The error of a run that failed says nothing about the storage.
        if (outcome.status !== "ERROR" && typeof failure === "object" && failure !== null) {
          unstored.set(failure, unstored.has(failure) ? null : { ...result, storageError: failure });
        }
        throw failure;
      });
    return {
      result: {
        ...result,
        // Somebody may have cancelled a run that came to its end, or to a pause.
        ...(run.status === "CANCELLED" && { status: "CANCELLED", pendingApprovals: [] }),
        run,
        storageError: turn.storageError,
      },
      error,
    };
  }

  /**
   * Returns the outcome with its row, or with null if it leaves a pause as it was. A run whose outcome cannot be read ends
   * too.
   */
  async #ended(
    ending: Promise<GenerationOutcome>,
  ): Promise<{ readonly outcome: GenerationOutcome; readonly run: AgentRun | TeamRun | null }> {
    const { scope, record, request, guardrails } = this.prepared;
    try {
      const outcome = await guardrails.checked(await ending);
      const hasFailed = outcome.status === "ERROR" || outcome.status === "CANCELLED";
      const run = hasFailed && !request.watch.hasBegun ? null : record.ended(outcome, scope.state.values);
      return { outcome, run };
    } catch (error) {
      await this.#options.turn.end({ run: record.unreadable(error), metrics: [], error });
      throw error;
    }
  }

  /** Does what follows a completed run. Returns its error, or the storage error if nothing of the turn was stored. */
  async #follow(run: AgentRun | TeamRun, work: RunFollowUp | null): Promise<unknown> {
    const { turn } = this.#options;
    if (work === null || run.status !== "COMPLETED") {
      return null;
    }
    if (!turn.isWritten) {
      return turn.storageError;
    }
    try {
      await work(run);
      return null;
    } catch (error) {
      return error;
    }
  }
}
