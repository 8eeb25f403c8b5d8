import { deepestJson } from "./json-check.ts";
import {
  closingQuote,
  isJsonObject,
  letterI,
  letterN,
  quote,
  readJson,
  toJsonText,
  type JsonObject,
  type JsonValue,
} from "./json.ts";

// What a number of JavaScript does not hold, such as 2^53 + 1 or the point of 1.0, is in the text of a document alone.

/** The texts of documents, as long as these are in use. */
const sources = new WeakMap<object, string>();

/** `parseJson` for a document that may be changed: `rewriteJson` then writes what stays the same as it was. */
export function parseSource(stored: unknown, location: string, id: string | null): JsonValue {
  const { value, text } = readJson(stored, location, id);
  if (text !== null && typeof value === "object" && value !== null) {
    sources.set(value, text);
  }
  return value;
}

/**
 * Serialises what a stored document has become, like `toJsonText`. Where a value is what it was at the same path, at any
 * depth, its text stays, and with it the numbers that JavaScript does not hold. So do the last elements of a list that
 * became longer or shorter.
 *
 * @param before the document as `parseSource` returned it. Of any other no text is known, and all is written anew.
 */
export function rewriteJson(
  { before, after }: { readonly before: JsonValue; readonly after: unknown },
  argument: string,
  source: unknown = after,
): string {
  const written = toJsonText(after, argument, source);
  const text = typeof before === "object" && before !== null ? sources.get(before) : undefined;
  if (text === undefined || !hasOtherNumbers(text)) {
    return written;
  }
  try {
    return rewritten({ before, text: text.trim() }, after, deepestJson);
  } catch (error) {
    if (!(error instanceof RangeError)) {
      throw error;
    }
    return written;
  }
}

/** The texts of the elements of a list or, each with its key, of the members of an object. */
export function jsonElements(json: string): string[] {
  const elements: string[] = [];
  let depth = 0;
  let start = 0;
  for (let index = 0; index < json.length; index += 1) {
    const character = json[index];
    if (character === '"') {
      index = closingQuote(json, index);
    } else if (character === "[" || character === "{") {
      depth += 1;
      start = depth === 1 ? index + 1 : start;
    } else if (character === "]" || character === "}" || (character === "," && depth === 1)) {
      if (depth === 1) {
        elements.push(json.slice(start, index).trim());
        start = index + 1;
      }
      depth -= character === "," ? 0 : 1;
    }
  }
  return elements.length === 1 && elements[0] === "" ? [] : elements;
}

/**
 * Whether any number of a text is written otherwise than JavaScript writes it. False beside Python's bare `NaN` and
 * `Infinity`, which no store is given again.
 */
function hasOtherNumbers(json: string): boolean {
  let found = false;
  for (let index = 0; index < json.length; index += 1) {
    const code = json.charCodeAt(index);
    if (code === quote) {
      index = closingQuote(json, index);
    } else if (code === letterN || code === letterI) {
      return false;
    } else if (code === minus || isDigit(code)) {
      const start = index;
      index = lastOfNumber(json, index);
      found ||= !isPlainNumber(json, start, index + 1);
    }
  }
  return found;
}

/** The place of the last character of a number. */
function lastOfNumber(json: string, start: number): number {
  let index = start + 1;
  while (index < json.length && isInNumber(json.charCodeAt(index))) {
    index += 1;
  }
  return index - 1;
}

/** Digits, and `+ - . E e`. */
function isInNumber(code: number): boolean {
  return isDigit(code) || code === minus || code === 0x2b || code === 0x2e || (code | 0x20) === 0x65;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function isPlainNumber(json: string, start: number, end: number): boolean {
  const token = json.slice(start, end);
  return String(Number(token)) === token;
}

const minus = 0x2d;

/** A value of a document, with its text. */
interface Source {
  readonly before: JsonValue;
  readonly text: string;
}

function rewritten({ before, text }: Source, after: unknown, depth: number): string {
  if (isSame(before, after)) {
    return text;
  }
  if (depth > 0 && Array.isArray(before) && Array.isArray(after)) {
    return `[${rewrittenItems({ before, text }, after, depth - 1).join(",")}]`;
  }
  if (depth > 0 && isJsonObject(before) && isPlain(after)) {
    const values = memberTexts(text);
    const members = Object.entries(after).flatMap(([key, value]) => {
      if (value === undefined) {
        return [];
      }
      const source = Object.hasOwn(before, key) ? sourceOf(before[key], values.get(key)) : null;
      return `${toJsonText(key, "")}:${source === null ? toJsonText(value, "") : rewritten(source, value, depth - 1)}`;
    });
    return `{${members.join(",")}}`;
  }
  return toJsonText(after, "");
}

function rewrittenItems(
  { before, text }: { readonly before: JsonValue[]; readonly text: string },
  after: readonly unknown[],
  depth: number,
): string[] {
  const texts = jsonElements(text);
  const shift = before.length - after.length;
  // The items at the end that are the same in both lists.
  let same = 0;
  const most = shift === 0 ? 0 : Math.min(before.length, after.length);
  while (same < most && isSame(before.at(-1 - same) ?? null, after.at(-1 - same))) {
    same += 1;
  }
  return after.map((value, place) => {
    const from = place < after.length - same ? place : place + shift;
    const source = sourceOf(before[from], texts[from]);
    return source === null ? toJsonText(value, "") : rewritten(source, value, depth);
  });
}

function sourceOf(before: JsonValue | undefined, text: string | undefined): Source | null {
  return before === undefined || text === undefined ? null : { before, text };
}

/** The texts of an object's values. Of two with one key the last counts, as in `JSON.parse`. */
function memberTexts(object: string): Map<string, string> {
  return new Map(
    jsonElements(object).map((member) => {
      const end = closingQuote(member, 0) + 1;
      return [JSON.parse(member.slice(0, end)) as string, member.slice(member.indexOf(":", end) + 1).trim()];
    }),
  );
}

function isSame(before: JsonValue, after: unknown): boolean {
  if (Array.isArray(before)) {
    return (
      Array.isArray(after) &&
      after.length === before.length &&
      before.every((item, place) => isSame(item, after[place]))
    );
  }
  if (!isJsonObject(before)) {
    return before === after;
  }
  if (!isPlain(after)) {
    return false;
  }
  const keys = Object.keys(before);
  const given = Object.keys(after).filter((key) => after[key] !== undefined);
  return (
    given.length === keys.length &&
    keys.every((key) => Object.hasOwn(after, key) && isSame(before[key] as JsonValue, after[key]))
  );
}

/** An object that is written by its keys, as a Date is not. */
function isPlain(value: unknown): value is JsonObject {
  return isJsonObject(value) && typeof value["toJSON"] !== "function";
}
