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

// Only a document's text preserves what a JavaScript number cannot hold, such as 2^53 + 1 or the point of 1.0.

/** The texts of documents, kept as long as the documents are in use. */
const sources = new WeakMap<object, string>();

/** `parseJson` for a document that may change: `rewriteJson` then keeps the text of its unchanged parts. */
export function parseSource(stored: unknown, location: string, id: string | null): JsonValue {
  const { value, text } = readJson(stored, location, id);
  if (text !== null && typeof value === "object" && value !== null) {
    sources.set(value, text);
  }
  return value;
}

/**
 * Serialises a changed document like `toJsonText`. A value that is unchanged at its path, at any depth, keeps its
 * stored text, and with it the numbers that JavaScript cannot hold. So do the last elements of a list that became
 * longer or shorter.
 *
 * @param before the document as `parseSource` returned it. Any other has no known text and is serialised whole.
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

/** Returns the texts of a list's elements, or of an object's members, each with its key. */
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
 * Whether the text spells any number differently than JavaScript does. False when it has Python's bare `NaN` or
 * `Infinity`, which are never written back.
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

/** Returns the index of a number's last character. */
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

/** A value in a document, with its text. */
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

/** Returns the texts of an object's values. The last of two equal keys counts, as in `JSON.parse`. */
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

/** Whether a value is an object that is serialised by its keys, unlike a Date. */
function isPlain(value: unknown): value is JsonObject {
  return isJsonObject(value) && typeof value["toJSON"] !== "function";
}
