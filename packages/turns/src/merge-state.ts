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
    return structuredClone(value);
  } catch (cause) {
    throw new InvalidArgumentError("change.sessionState", "made of JSON values, without functions and the like", {
      cause,
    });
  }
}
