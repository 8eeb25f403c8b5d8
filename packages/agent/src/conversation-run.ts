import type { AgentRun, Run, TeamRun } from "@sessiondb/core";
import type { RunResult } from "./conversation-options.ts";
import type { GenerationOutcome, GenerationRequest } from "./generation.ts";
import type { RunRecord } from "./run-record.ts";
import type { RunState } from "./run-state.ts";
import type { Turn } from "./turn.ts";
import { isWaiting } from "./waiting.ts";

/** What one run needs once all is read. */
export interface PreparedRun {
  readonly runId: string;
  readonly sessionId: string;
  readonly userId: string | null;
  readonly record: RunRecord;
  readonly state: RunState;
  readonly request: GenerationRequest;
}

interface ConversationRunOptions {
  readonly turn: Turn;
  readonly controller: AbortController;
  /** The run that a new session begins with; null if it begins with this one. */
  readonly introduction: Run | null;
  /** Sums up the session after the run; null if that is not wanted. */
  readonly summarize: ((run: AgentRun | TeamRun) => Promise<void>) | null;
}

/** A run with its turn: the model works while the first row is written, and the last row follows the answer. */
export class ConversationRun {
  readonly prepared: PreparedRun;
  readonly #options: ConversationRunOptions;
  #begun: Promise<void> = Promise.resolve();

  constructor(prepared: PreparedRun, options: ConversationRunOptions) {
    this.prepared = prepared;
    this.#options = options;
  }

  /** Ends the generation. */
  abort(reason: unknown): void {
    this.#options.controller.abort(reason);
  }

  /** To be called once the model was asked. */
  begin(): void {
    const { turn, introduction } = this.#options;
    this.#begun = turn.start(this.prepared.record.running(), introduction);
    // A run that may not be stored is not worth its tokens.
    this.#begun.catch((error: unknown) => this.abort(error));
  }

  /** Stores how the run ended. Rejects with what the model or the storage threw. */
  async end(outcome: GenerationOutcome): Promise<RunResult> {
    const { turn } = this.#options;
    const { runId, sessionId, userId, record, state } = this.prepared;
    await this.#begun;
    const hasFailed = outcome.status === "ERROR" || outcome.status === "CANCELLED";
    if (hasFailed && this.prepared.request.resumption?.hasBegun === false) {
      await turn.release();
      throw outcome.error;
    }
    const run = record.ended(outcome, state.values);
    try {
      await turn.end({ run, state, metrics: [outcome.metrics] });
    } catch (storageError) {
      // Of two failures the first one tells more.
      throw outcome.status === "ERROR" ? outcome.error : storageError;
    }
    if (outcome.status === "ERROR") {
      throw outcome.error;
    }
    const toolCalls = run.tools ?? [];
    return {
      runId,
      sessionId,
      userId,
      status: outcome.status,
      text: outcome.text,
      output: outcome.output,
      toolCalls,
      pendingApprovals: outcome.status === "PAUSED" ? toolCalls.filter(isWaiting) : [],
      sessionState: state.values,
      run,
      summaryError: outcome.status === "COMPLETED" ? await failureOf(this.#summarize(run)) : null,
      storageError: turn.storageError,
    };
  }

  /** Sums up the session if that is wanted, unless nothing of the turn came into it. */
  async #summarize(run: AgentRun | TeamRun): Promise<void> {
    const { turn, summarize } = this.#options;
    if (summarize !== null && !turn.isWritten) {
      throw turn.storageError;
    }
    await summarize?.(run);
  }
}

async function failureOf(work: Promise<void>): Promise<unknown> {
  try {
    await work;
    return null;
  } catch (error) {
    return error;
  }
}
