import type { JsonValue } from "@sessiondb/core";

// Tools and steps may return or throw anything. Reading such a value never throws.

/** Converts a value to JSON; to null if JSON would omit it, and to a string if JSON cannot hold it. */
export function jsonOf(value: unknown): JsonValue {
  try {
    const text = JSON.stringify(value);
    return text === undefined ? null : (JSON.parse(text) as JsonValue);
  } catch {
    return String(value);
  }
}

/** Returns text unchanged, and any other value as JSON text. */
export function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(jsonOf(value));
}

/** Returns the message of a thrown value. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : textOf(error);
}
