import { InvalidArgumentError } from "@sessiondb/core";
import type { RunContext } from "@sessiondb/turns";

/**
 * Returns the context of the run that a tool works for, from the options that the AI SDK passes to `execute`.
 *
 * @throws InvalidArgumentError outside a run.
 */
export function runContextOf(options: object): RunContext {
  // Only version 6 of the AI SDK has a type for it.
  const context = (options as { readonly experimental_context?: unknown } | null | undefined)?.experimental_context;
  if (typeof context !== "object" || context === null || !("updateSessionState" in context)) {
    throw new InvalidArgumentError("options", "those that a tool's execute receives during a run");
  }
  return context as RunContext;
}
