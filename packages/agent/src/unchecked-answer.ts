import { callIds, refusalOf, withoutRefusal, withoutWords } from "@sessiondb/ai-sdk/codec";
import { RunNotContinuableError, type AgentRun, type Run, type TeamRun } from "@sessiondb/core";
import { withoutStepTexts } from "./run-steps.ts";
import { callIdOf } from "./waiting.ts";

// What the assistant said counts once it is known to pass. Until then a run keeps the calls, whose tools have acted.

/** Returns whether a guardrail refused a run: it never goes on. */
export function isRefused(run: Run): boolean {
  return (refusalOf(run)?.reason ?? null) !== null;
}

/**
 * Returns a run that is about to go on without what was said since its last pause and is not known to pass.
 *
 * @throws RunNotContinuableError when a guardrail refused it.
 */
export function checkedSoFar(
  run: AgentRun | TeamRun,
  { isGuarded }: { readonly isGuarded: boolean },
): AgentRun | TeamRun {
  if (isRefused(run)) {
    throw new RunNotContinuableError(run.runId, {
      why: "a guardrail refused its answer",
      advice: "Ask again in a new run.",
    });
  }
  if (run.status === "PAUSED" || (refusalOf(run) === null && !isGuarded)) {
    return run;
  }
  const messages = run.messages ?? [];
  const waited = new Set((run.requirements ?? []).map(callIdOf));
  const checked = messages.findLastIndex((message) => callIds(message).some((id) => waited.has(id))) + 1;
  return {
    ...run,
    content: "",
    ...(run.modelProviderData && { modelProviderData: withoutStepTexts(run.modelProviderData, waited) }),
    messages: [...messages.slice(0, checked), ...withoutWords(messages.slice(checked))],
    ...(run.metadata && { metadata: withoutRefusal(run.metadata) }),
  };
}
