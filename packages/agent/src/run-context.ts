import { InvalidArgumentError, type JsonObject } from "@sessiondb/core";
import type { RunState, StateChange } from "./run-state.ts";

/** What a tool, or instructions given as a function, know of the run they work for. */
export interface RunContext {
  readonly runId: string;
  readonly sessionId: string;
  readonly userId: string | null;
  /** The session state as this run sees it. Changed in place, it is stored when the run ends. */
  readonly sessionState: JsonObject;
  /**
   * Changes the state by a function that is called again, when the run ends, on what is stored then: two runs at once that
   * both count up count twice. It must be synchronous and touch nothing else.
   */
  readonly updateSessionState: (change: StateChange) => JsonObject;
}

interface RunIds {
  readonly runId: string;
  readonly sessionId: string;
  readonly userId: string | null;
}

export function makeRunContext(ids: RunIds, state: RunState): RunContext {
  return {
    ...ids,
    get sessionState() {
      return state.values;
    },
    updateSessionState: (change) => state.update(change),
  };
}

/**
 * The context of the run that a tool works for, from the options that the AI SDK gives to `execute`.
 *
 * @throws InvalidArgumentError outside of a run.
 */
export function runContextOf(options: { readonly experimental_context?: unknown }): RunContext {
  const context = options.experimental_context;
  if (typeof context !== "object" || context === null || !("updateSessionState" in context)) {
    throw new InvalidArgumentError("options", "those that a tool's execute gets within a run");
  }
  return context as RunContext;
}
