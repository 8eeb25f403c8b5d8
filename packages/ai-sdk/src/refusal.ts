import type { JsonObject, Run } from "@sessiondb/core";
import { isJsonObject } from "@sessiondb/core/adapter";

/** What did not pass: the input of a run, or its answer. */
export interface Refusal {
  readonly stage: "input" | "output";
  /** Null if the guardrail failed, or the run was cancelled meanwhile. */
  readonly reason: string | null;
}

/** The key in a run's metadata for what a guardrail did not let pass. */
const refusalKey = "sessiondb_refusal";

/** Returns what a guardrail did not let pass in a run; null if there is nothing. */
export function refusalOf({ metadata }: Run): Refusal | null {
  const refusal = metadata?.[refusalKey];
  if (!isJsonObject(refusal ?? null)) {
    return null;
  }
  const { stage, reason } = refusal as JsonObject;
  return { stage: stage === "input" ? "input" : "output", reason: typeof reason === "string" ? reason : null };
}

/** Returns a run's metadata with what did not pass. */
export function withRefusal(metadata: JsonObject | null | undefined, { stage, reason }: Refusal): JsonObject {
  return { ...metadata, [refusalKey]: { stage, reason } };
}

/** Returns a run's metadata without what did not pass. */
export function withoutRefusal({ [refusalKey]: _refusal, ...metadata }: JsonObject): JsonObject {
  return metadata;
}
