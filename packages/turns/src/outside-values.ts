import { InvalidArgumentError, type JsonValue } from "@sessiondb/core";

// Tools and steps may return or throw anything. Reading such a value never throws.

/** Converts a value to JSON, as `portable` does; to null if JSON would omit it, and to a string if it cannot hold it. */
export function jsonOf(value: unknown): JsonValue {
  try {
    const text = JSON.stringify(value, function (this: Record<string, unknown>, key, each) {
      return asJson(this[key], each);
    });
    const json = text === undefined ? null : (JSON.parse(text) as JsonValue);
    return isDeeper(json, deepest) ? (text ?? null) : json;
  } catch {
    return described(value);
  }
}

function described(value: unknown): string {
  try {
    return String(value);
  } catch {
    return "a value that cannot be read";
  }
}

/**
 * Returns a value of plain JSON and dates unchanged, and else a copy: a BigInt becomes text, bytes text in base64, a Map an
 * object, a Set a list, and an instance of a class what JSON makes of it. What JSON omits, such as a function, is omitted.
 *
 * @throws InvalidArgumentError for a value with a cycle, a promise, or a getter that throws, or that is nested too deep.
 */
export function portable(value: unknown, argument: string): unknown {
  let isCopy = false;
  const convert = function (this: Record<string, unknown>, key: string, each: unknown): unknown {
    const original = this[key];
    if (original instanceof Promise) {
      throw new InvalidArgumentError(argument, "awaited: it holds a promise");
    }
    isCopy ||= !isPlain(original);
    return asJson(original, each);
  };
  try {
    const text = JSON.stringify(value, convert);
    const converted: unknown = isCopy ? JSON.parse(text ?? "null") : value;
    if (isDeeper(converted, deepest)) {
      throw new InvalidArgumentError(argument, `nested at most ${deepest} levels deep`);
    }
    return converted;
  } catch (cause) {
    if (cause instanceof InvalidArgumentError) {
      throw cause;
    }
    throw new InvalidArgumentError(argument, "a value that JSON can hold, without cycles", { cause });
  }
}

/** No store takes much more, and what a run is stored in adds some levels. */
const deepest = 200;

function isDeeper(value: unknown, levels: number): boolean {
  return (
    typeof value === "object" &&
    value !== null &&
    !ArrayBuffer.isView(value) &&
    (levels === 0 || Object.values(value).some((each) => isDeeper(each, levels - 1)))
  );
}

/** Returns whether frameworks can copy a value, and JSON keeps all of it, but for what it holds. */
function isPlain(value: unknown): boolean {
  if (typeof value !== "object" || value === null) {
    return typeof value !== "bigint" && typeof value !== "function" && typeof value !== "symbol";
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  return (
    ((prototype === null || prototype === Object.prototype) && !("toJSON" in value)) ||
    Array.isArray(value) ||
    value instanceof Date
  );
}

/** Converts what JSON cannot hold, or would take for empty. `json` is what JSON makes of the value at first. */
function asJson(value: unknown, json: unknown): unknown {
  return typeof json === "bigint"
    ? String(json)
    : ArrayBuffer.isView(value)
      ? Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64")
      : value instanceof ArrayBuffer
        ? Buffer.from(value).toString("base64")
        : json instanceof Map
          ? Object.fromEntries(json)
          : json instanceof Set
            ? [...json]
            : json;
}

/** Returns text unchanged, and any other value as JSON text. */
export function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(jsonOf(value));
}

/** Returns the message of a thrown value. */
export function messageOf(error: unknown): string {
  try {
    return error instanceof Error ? error.message : textOf(error);
  } catch {
    return described(error);
  }
}

/** Returns a thrown value; in place of undefined and null, which would pass for no error, an error. */
export function thrownOf(thrown: unknown): unknown {
  return thrown ?? new Error(`${String(thrown)} was thrown in place of an error.`);
}
