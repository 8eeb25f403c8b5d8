import { InvalidArgumentError, type JsonObject } from "@sessiondb/core";
import type { Dependencies, RunContext } from "@sessiondb/turns";

/**
 * Returns the context of the run that a tool works for, from the options that the AI SDK passes to `execute`. A context, such
 * as that of a function of instructions, is returned as it is, with the type of its dependencies.
 *
 * ```ts
 * const { dependencies, userId } = runContextOf<{ orders: Orders }>(options);
 * ```
 *
 * @typeParam Given the type of the dependencies. It is not checked: the values are those that the call was given.
 * @throws InvalidArgumentError outside a run.
 */
export function runContextOf<Given extends object = Dependencies>(options: object): RunContext<JsonObject, Given> {
  // Only version 6 of the AI SDK has a type for it.
  const given = options as { readonly experimental_context?: unknown } | null | undefined;
  const context = given?.experimental_context ?? given;
  if (typeof context !== "object" || context === null || !("updateSessionState" in context)) {
    throw new InvalidArgumentError("options", "those that a tool's execute receives during a run");
  }
  return context as RunContext<JsonObject, Given>;
}
