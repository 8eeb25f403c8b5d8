import { CorruptDataError, InvalidArgumentError } from "./errors.ts";
import { deepestJson, findProblem, isSafe } from "./json-check.ts";

/** Any value that JSON can hold. */
export type JsonValue = string | number | boolean | null | JsonValue[] | JsonObject;

/** A JSON object. Its keys are data, `__proto__` included: copy it with spread, never by assigning its keys. */
export interface JsonObject {
  [key: string]: JsonValue;
}

/** Agno 2 wrapped the `runs` column up to three times, and a driver may have wrapped it once more. */
const maximumWraps = 4;

/** Whether a value is an object in JSON: neither an array nor null, nor one whose `toJSON` makes something else of it. */
export function isJsonObject(value: unknown): value is JsonObject {
  return isObject(value) && (typeof value["toJSON"] !== "function" || isObject(value["toJSON"]()));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Sets a key as an own property. Plain assignment of `__proto__` would replace the prototype instead. */
export function setKey(object: JsonObject, key: string, value: JsonValue): void {
  if (key === "__proto__") {
    Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
  } else {
    object[key] = value;
  }
}

/**
 * Parses a stored JSON column in any form that Agno or a driver may leave: text, UTF-8 bytes, an already parsed value,
 * or text encoded more than once. Python's bare `NaN`, `Infinity` and `-Infinity` become numbers.
 *
 * @param location table and column, for the error; `id` is the row's.
 * @returns the value, or null for SQL NULL and JSON null. It is a string only if that string is not itself JSON.
 * @throws CorruptDataError when the text, an empty one included, is not JSON.
 */
export function parseJson(stored: unknown, location: string, id: string | null): JsonValue {
  return readJson(stored, location, id).value;
}

/** `parseJson` with the text of the value, which is null when a driver parsed it. */
export function readJson(
  stored: unknown,
  location: string,
  id: string | null,
): { readonly value: JsonValue; readonly text: string | null } {
  if (stored === null || stored === undefined) {
    return { value: null, text: null };
  }
  let value: unknown = stored instanceof Uint8Array ? decodeUtf8(stored, location, id) : stored;
  let text: string | null = null;
  for (let wraps = 0; typeof value === "string" && wraps < maximumWraps; wraps += 1) {
    try {
      const inner = value;
      value = parseText(inner);
      text = inner;
    } catch (cause) {
      // Text that came out of valid JSON is a plain string. The column's own text must be JSON.
      if (wraps > 0) {
        break;
      }
      throw new CorruptDataError(location, id, { cause: withoutContent(cause) });
    }
  }
  // Drivers return only JSON values, and checking each would cost as much as parsing.
  return { value: value as JsonValue, text };
}

/**
 * Serialises a value for a JSON column like `JSON.stringify`, with two differences: it refuses what JSON would silently
 * lose, and it cleans text that databases cannot hold (NUL and lone surrogates become U+FFFD, in keys too). It leaves
 * out properties that are `undefined`; NaN and the infinities become null.
 *
 * @param argument the path of the value in the caller's argument, for example `session.metadata`.
 * @param source the caller's own value, if `value` was made from it: errors name its paths.
 * @throws InvalidArgumentError naming the path of a bigint, function, symbol, Map, Set, typed array, class instance
 *   without `toJSON`, `undefined` in an array, cycle, or nesting that is too deep; or, naming the whole value, when a
 *   getter or a `toJSON` throws.
 */
export function toJsonText(value: unknown, argument: string, source: unknown = value): string {
  let text: string | undefined;
  try {
    if (isSafe(value)) {
      text = JSON.stringify(value);
    }
  } catch (cause) {
    if (cause instanceof RangeError && cause.message === "Invalid string length") {
      throw new InvalidArgumentError(argument, "smaller: its JSON is longer than JavaScript's longest string", {
        cause,
      });
    }
    // A `toJSON` of its own may recurse without end; the search below says where.
    if (!(cause instanceof RangeError)) {
      throw new InvalidArgumentError(argument, "JSON, which can be read: a getter or a toJSON of its own threw", {
        cause,
      });
    }
  }
  if (text !== undefined) {
    return cleanText(text);
  }
  const problem = findProblem(source, argument) ?? {
    path: argument,
    expected: `nested at most ${deepestJson} levels deep`,
  };
  throw new InvalidArgumentError(problem.path, problem.expected);
}

/**
 * Replaces the escapes of NUL and of lone surrogates, the only surrogates that `JSON.stringify` escapes. Matches every
 * escape, so that the second backslash of an escaped backslash never starts one.
 */
export function cleanText(text: string): string {
  // Hardly any text has such an escape. What follows an escaped backslash may look like one.
  if (!text.includes("\\u") || !/\\u(?:0000|d[89a-f])/.test(text)) {
    return text;
  }
  return text.replace(/\\(u0000|ud[89a-f][0-9a-f]{2}|.)/g, (escape, code: string) =>
    code.length > 1 ? "\ufffd" : escape,
  );
}

function decodeUtf8(bytes: Uint8Array, location: string, id: string | null): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new CorruptDataError(location, id, { cause });
  }
}

/** The message of a SyntaxError quotes the text, which is user data. */
function withoutContent(error: unknown): unknown {
  return error instanceof SyntaxError ? new SyntaxError("The text is not JSON") : error;
}

function parseText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) {
      throw error;
    }
    return parsePythonJson(text);
  }
}

/** JSON has no token for NaN, so a string that occurs nowhere else stands in for it while the text is parsed. */
function parsePythonJson(text: string): unknown {
  const notANumber = crypto.randomUUID();
  const standard = replaceBareNumbers(text, JSON.stringify(notANumber));
  return JSON.parse(standard, (key, value: unknown) => {
    if (key === notANumber) {
      throw new SyntaxError("NaN cannot be a key");
    }
    return value === notANumber ? Number.NaN : value;
  });
}

export const quote = 0x22;
const backslash = 0x5c;
export const letterN = 0x4e;
export const letterI = 0x49;

/** Replaces `NaN` and `Infinity` outside strings. The sign of `-Infinity` stays in front of its replacement. */
function replaceBareNumbers(text: string, notANumber: string): string {
  let result = "";
  let copied = 0;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code === quote) {
      index = closingQuote(text, index);
      continue;
    }
    const token = code === letterN ? "NaN" : code === letterI ? "Infinity" : null;
    if (token === null || !text.startsWith(token, index)) {
      continue;
    }
    // 1e999 is valid JSON and larger than any double.
    result += text.slice(copied, index) + (token === "NaN" ? notANumber : "1e999");
    index += token.length - 1;
    copied = index + 1;
  }
  return result + text.slice(copied);
}

/** Returns the index of the quote that ends the string opened at `opening`, or the length of the text without one. */
export function closingQuote(text: string, opening: number): number {
  let closing = text.indexOf('"', opening + 1);
  while (closing >= 0 && isEscaped(text, closing)) {
    closing = text.indexOf('"', closing + 1);
  }
  return closing < 0 ? text.length : closing;
}

/** Whether an odd number of backslashes precedes a character. */
function isEscaped(text: string, place: number): boolean {
  let before = place - 1;
  while (text.charCodeAt(before) === backslash) {
    before -= 1;
  }
  return (place - before) % 2 === 0;
}
