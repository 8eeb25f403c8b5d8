import type { AgentRun, JsonObject, TeamRun } from "@sessiondb/core";
import { optional, type OptionReaders } from "@sessiondb/core/adapter";
import { HookCaller, hooksReader, type Known, type RunContext } from "@sessiondb/turns";
import type { StepResult, ToolSet } from "ai";

/** The run that a hook is told about. */
export interface RunEvent<State extends object = JsonObject> {
  /** The same view of the run that its tools have. */
  readonly context: RunContext<Known<State, JsonObject>>;
  /** The agent or team that runs. */
  readonly component: { readonly sessionType: "agent" | "team"; readonly id: string; readonly name: string | null };
  /** The run around this one, of a team or a workflow; null for a turn of its own. */
  readonly parentRunId: string | null;
  /** Whether the run had paused, or stopped after a pause, and now continues. */
  readonly isContinued: boolean;
}

/** A call of a tool that has ended. */
export type EndedCall = {
  readonly toolCallId: string;
  readonly toolName: string;
  readonly input: unknown;
} & ({ readonly output: unknown; readonly error?: never } | { readonly error: unknown; readonly output?: never });

/**
 * Observers of the runs of an agent or a team, also of those inside teams and workflows. They are called as things happen,
 * in this order, and not waited for: no hook delays a run or changes how it ends. What a hook throws, or rejects with, is a
 * process warning without content; `idle` and `close` wait for hooks, a minute at most, and `waitUntil` takes their promises.
 */
export interface RunHooks<Tools extends ToolSet = ToolSet, State extends object = JsonObject> {
  /** A run begins, or continues. Exactly one of `onEnd` and `onError` follows. A call that is refused begins no run. */
  onStart?: ((event: RunEvent<State>) => unknown) | undefined;
  /** A step of the model has ended: an answer with its calls, whose tools have ended too. */
  onStep?: ((event: RunEvent<State> & { readonly step: StepResult<Tools> }) => unknown) | undefined;
  /** A tool has ended that runs here. One that goes on after an abort may end after the run. */
  onTool?: ((event: RunEvent<State> & { readonly call: EndedCall }) => unknown) | undefined;
  /** A run is stored as COMPLETED, PAUSED or CANCELLED. A summary may follow. */
  onEnd?: ((event: RunEvent<State> & { readonly run: AgentRun | TeamRun }) => unknown) | undefined;
  /**
   * A run has failed, or its storage has. `run` is the run as it ended: if the storage failed, as it would have been stored;
   * if it stopped before it did anything, as it was when it paused; null if its outcome cannot be read.
   */
  onError?:
    | ((event: RunEvent<State> & { readonly error: unknown; readonly run: AgentRun | TeamRun | null }) => unknown)
    | undefined;
}

/** The option for hooks. */
export interface HookOptions<Tools extends ToolSet = ToolSet, State extends object = JsonObject> {
  /** Observers of the runs. */
  hooks?: RunHooks<Tools, State> | undefined;
}

const names = ["onStart", "onStep", "onTool", "onEnd", "onError"] as const satisfies readonly (keyof RunHooks)[];

export const hookReaders = { hooks: optional(hooksReader(names)) } satisfies OptionReaders<HookOptions>;

/** Tells the hooks what happens in one run. */
export class RunObserver extends HookCaller<(typeof names)[number]> {
  started(): void {
    this.tell("onStart", {});
  }

  stepEnded(step: StepResult<ToolSet>): void {
    this.tell("onStep", { step });
  }

  toolEnded(call: EndedCall): void {
    this.tell("onTool", { call });
  }

  ended(run: AgentRun | TeamRun): void {
    this.tell("onEnd", { run });
  }

  failed(error: unknown, run: AgentRun | TeamRun | null): void {
    this.tell("onError", { error, run });
  }
}
