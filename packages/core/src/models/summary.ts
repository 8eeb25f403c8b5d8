import type { JsonObject } from "../json.ts";
import { readsSummary } from "./agno-reads.ts";
import { refusal, Shape } from "./shape.ts";

/** A short summary of a session so far. */
export interface SessionSummary {
  summary: string;
  topics?: string[] | null;
  /** ISO 8601. Agno writes local time without a zone, and cannot read `Z` before Python 3.11. */
  updatedAt?: string | null;
  /** Leave it empty in sessions that Agno reads: Agno refuses a summary with further keys. */
  extra?: JsonObject;
}

export const summaryShape = new Shape<SessionSummary>(
  { summary: "string", topics: "strings", updated_at: "string" },
  { required: "summary" },
);

/**
 * Returns the JSON of the `summary` column.
 *
 * @throws InvalidArgumentError when it has no text, a time that is not ISO 8601, or a property that a summary does not have.
 */
export function encodeSummary(summary: SessionSummary, argument = "summary"): JsonObject {
  const json = summaryShape.encode(summary, [argument]);
  // Agno writes no null keys here.
  for (const key of ["topics", "updated_at"]) {
    if (json[key] === null) {
      delete json[key];
    }
  }
  // Agno refuses further keys in a summary, so nothing can be set aside in it.
  if (!readsSummary(json)) {
    throw refusal([argument, "updatedAt"], "a time in ISO 8601, such as 2026-01-31T12:00:00");
  }
  return json;
}
