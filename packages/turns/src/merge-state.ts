import { InvalidArgumentError, type JsonObject, type JsonValue } from "@sessiondb/core";
import { isJsonObject, setKey } from "@sessiondb/core/adapter";

/** Merges objects key by key, at every depth; between any other values, the second wins. */
export function mergeState(first: JsonObject, second: JsonObject): JsonObject {
  const merged = structuredClone(first);
  for (const [key, value] of Object.entries(second)) {
    const present = Object.hasOwn(merged, key) ? merged[key] : undefined;
    setKey(merged, key, isPlain(present) && isPlain(value) ? mergeState(present, value) : cloned(value));
  }
  return merged;
}

/** Returns whether a value is a plain object, unlike a Date. */
export function isPlain(value: JsonValue | undefined): value is JsonObject {
  const prototype: unknown = isJsonObject(value) ? Object.getPrototypeOf(value) : undefined;
  return prototype === null || prototype === Object.prototype;
}

export function cloned<Value extends JsonValue>(value: Value): Value {
  try {
    return copied(value) as Value;
  } catch (cause) {
    throw notJson(cause);
  }
}

/** Copies a value as JSON would: `structuredClone` loses what an instance of a class says of itself. */
function copied(value: unknown): unknown {
  if (Array.isArray(value)) {
    return Array.from(value, copied);
  }
  if (typeof value !== "object" || value === null || value instanceof Date) {
    return structuredClone(value);
  }
  if ("toJSON" in value && typeof value.toJSON === "function") {
    return copied(value.toJSON());
  }
  // JSON has no keys for a Map and the like: the store refuses them, rather than keep nothing of them.
  if (Object.prototype.toString.call(value) !== "[object Object]") {
    return structuredClone(value);
  }
  const copy: JsonObject = {};
  for (const [key, each] of Object.entries(value)) {
    setKey(copy, key, copied(each) as JsonValue);
  }
  return copy;
}

export function notJson(cause: unknown): InvalidArgumentError {
  if (cause instanceof InvalidArgumentError) {
    return cause;
  }
  const expected =
    cause instanceof RangeError
      ? "free of cycles and less deeply nested"
      : "made of JSON values, without functions and the like";
  return new InvalidArgumentError("change.sessionState", expected, { cause });
}
