import { InvalidArgumentError, type JsonValue } from "@sessiondb/core";

// Tools and steps may return or throw anything. Reading such a value never throws.

/** Converts a value to JSON, as `portable` does; to null if JSON would omit it, and to a string if it cannot hold it. */
export function jsonOf(value: unknown): JsonValue {
  try {
    const text = JSON.stringify(value, (_key, each) => converted(each));
    return text === undefined ? null : (JSON.parse(text) as JsonValue);
  } catch {
    return String(value);
  }
}

/**
 * Returns a value that JSON can hold unchanged, and else a copy in which a BigInt is text, a Map an object, and a Set a
 * list. What JSON omits, such as a function, it omits.
 *
 * @throws InvalidArgumentError for a value with a cycle, a promise, or a getter that throws.
 */
export function portable(value: unknown, argument: string): unknown {
  let isCopy = false;
  const convert = (_key: string, each: unknown): unknown => {
    if (each instanceof Promise) {
      throw new InvalidArgumentError(argument, "awaited: it holds a promise");
    }
    const jsonValue = converted(each);
    isCopy ||= jsonValue !== each;
    return jsonValue;
  };
  try {
    const text = JSON.stringify(value, convert);
    return isCopy ? JSON.parse(text) : value;
  } catch (cause) {
    if (cause instanceof InvalidArgumentError) {
      throw cause;
    }
    throw new InvalidArgumentError(argument, "a value that JSON can hold, without cycles", { cause });
  }
}

/** Converts what JSON cannot hold, or would take for empty. */
function converted(value: unknown): unknown {
  return typeof value === "bigint"
    ? String(value)
    : value instanceof Map
      ? Object.fromEntries(value)
      : value instanceof Set
        ? [...value]
        : value;
}

/** Returns text unchanged, and any other value as JSON text. */
export function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(jsonOf(value));
}

/** Returns the message of a thrown value. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : textOf(error);
}
