import type { JsonObject } from "../json.ts";
import { isRead, summaryKeys } from "./agno-reads.ts";
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

const optional = [
  { key: "topics", name: "topics", expected: "a list of texts" },
  { key: "updated_at", name: "updatedAt", expected: "a time in ISO 8601, such as 2026-01-31T12:00:00" },
] as const;

/**
 * Returns the JSON of the `summary` column.
 *
 * @throws InvalidArgumentError when it has no text, a time that is not ISO 8601, or a property that a summary does not have.
 */
export function encodeSummary(summary: SessionSummary, argument = "summary"): JsonObject {
  const json = summaryShape.encode(summary, [argument]);
  // Agno writes no null keys here.
  for (const { key } of optional) {
    if (json[key] === null) {
      delete json[key];
    }
  }
  // Agno refuses further keys in a summary, so nothing can be set aside in it.
  for (const { key, name, expected } of optional) {
    const value = json[key];
    if (value !== undefined && !isRead(summaryKeys[key], value)) {
      throw refusal([argument, name], expected);
    }
  }
  return json;
}
