import type { JsonValue } from "@sessiondb/core";

// Values from outside: what tools and steps return or throw may be anything. Looking at them never throws.

/** Converts a value to what JSON would keep of it; to its string where JSON cannot hold it. */
export function jsonOf(value: unknown): JsonValue {
  try {
    const text = JSON.stringify(value);
    return text === undefined ? null : (JSON.parse(text) as JsonValue);
  } catch {
    return String(value);
  }
}

/** Returns text as it is, and anything else as its JSON. */
export function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(jsonOf(value));
}

/** Returns the message of what was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : textOf(error);
}
