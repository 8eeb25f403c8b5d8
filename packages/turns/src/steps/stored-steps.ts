import type { JsonObject, JsonValue, StepOutput } from "@sessiondb/core";

// What a run needs to go on is kept with the outputs of its steps, in keys of ours. Agno ignores them.

/** What a condition or a router decided. */
const choiceKey = "sessiondb_choice";
/** The answer to a step that had suspended the run. */
const resumeKey = "sessiondb_resume_data";
/** A step that failed, and that the workflow did without. */
const passedKey = "sessiondb_passed";

export const passed: JsonObject = { [passedKey]: true };

export function chosen(choice: JsonValue): JsonObject {
  return { [choiceKey]: choice };
}

/** Returns what a condition or router decided before; undefined if it did not. */
export function choiceOf(before: StepOutput | null): JsonValue | undefined {
  return before?.extra?.[choiceKey];
}

/** Returns the answer to the step; undefined if it has none. */
export function resumeDataOf(before: StepOutput | null): JsonValue | undefined {
  return before?.extra?.[resumeKey];
}

/** Returns whether a step has its output: it does not run again. */
export function isDone(output: StepOutput): boolean {
  return output.isPaused !== true && (output.success === true || output.extra?.[passedKey] === true);
}

/** Returns whether a step itself waits, rather than one inside it. */
export function isWaiting(output: StepOutput): boolean {
  return output.isPaused === true && (output.steps ?? null) === null;
}

/** Returns a step that waited as one that is about to go on, with the answer if it is the step's own. */
export function answered(output: StepOutput, resumeData?: JsonValue): StepOutput {
  return {
    ...output,
    isPaused: false,
    success: false,
    ...(resumeData !== undefined && { extra: { ...output.extra, [resumeKey]: resumeData } }),
  };
}

/** Returns outputs in which some are replaced, at any depth. */
export function withReplaced(
  outputs: readonly StepOutput[],
  replaced: ReadonlyMap<StepOutput, StepOutput>,
): StepOutput[] {
  return outputs.map(
    (output) =>
      replaced.get(output) ?? (output.steps ? { ...output, steps: withReplaced(output.steps, replaced) } : output),
  );
}
