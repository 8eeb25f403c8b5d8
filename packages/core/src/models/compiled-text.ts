import { compileFunction } from "../compile-function.ts";
import { isSafe } from "../json-check.ts";
import { cleanText, isJsonObject, type JsonValue } from "../json.ts";
import { isRead } from "./agno-reads.ts";
import type { Completion } from "./completion.ts";
import { columnKeys, decodeField, encodeField, isNested, type Field, type Writing } from "./field.ts";

/** Returns the text with the JSON of a value at its end. Null if that takes the way through the encoder. */
export type WriteText<Value = object> = (value: Value, text: string, writing: Writing) => string | null;

/** A key to write. */
export interface Member {
  readonly field: Field;
  readonly completion: Completion | null;
  /** Whether the models have the property. */
  readonly isPresent: boolean;
}

// What JSON does not write between quotes as it is, or not always: surrogates may be lone.
// eslint-disable-next-line no-control-regex -- JSON escapes them.
const special = /["\\\u0000-\u001f\ud800-\udfff]/;

/**
 * Compiles a function that writes the JSON text of models of one layout, with the same result as encoding, completing and
 * serialising them. It makes no copy, and does not search typed fields for what JSON would lose. The compiled text
 * consists of the names in the tables of fields, never of data.
 *
 * @returns null where the runtime does not compile text, as with a content security policy.
 */
export function compileText(members: readonly Member[]): WriteText | null {
  // V8 joins the pieces of a text when it is first read. That is faster with fewer pieces that have no pieces themselves:
  // everything is added to one text, and the closing quote of a string comes with what follows it.
  const body = `return (model, text, writing) => {
    let value, lacksQuote = false;
    ${members.map(statementsOf).join("\n")}
    return text + ${members.length === 0 ? '"{}"' : `(lacksQuote ? '"}' : "}")`};
  }`;
  const writers = members.map(({ field }) => (isNested(field) ? nestedWriter(field) : rawWriter(field)));
  const parameters = ["members", "writers", "special", "isRead"];
  const make = compileFunction(parameters, body) as ((...parts: unknown[]) => WriteText) | null;
  return make === null ? null : make(members, writers, special, isRead);
}

/** Returns the statements that add a member to the text, with the comma before it. */
function statementsOf({ field, completion, isPresent }: Member, index: number): string {
  const { key, name, kind, reads } = field;
  const start = `${index === 0 ? "{" : ","}${JSON.stringify(key)}:`;
  const textAnd = (more: string): string =>
    `text + (lacksQuote ? ${JSON.stringify(`"${start}${more}`)} : ${JSON.stringify(start + more)})`;
  const mayBeNull = reads === null || isRead(reads, null);
  const type = field.type ?? (kind === "json" ? "string" : null);
  return [
    `value = ${isPresent ? `model[${JSON.stringify(name)}]` : "undefined"};`,
    // The encoder leaves these out, so that their completion comes at the end.
    isPresent && completion !== null && "if (value === undefined) return null;",
    isPresent && !mayBeNull && "if (value === null) return null;",
    completion !== null && `value = members[${index}].completion(value, writing, model);`,
    index === 0 && "if (value === undefined) return null;",
    columnKeys.has(key) && `if (writing.columns !== undefined) writing.columns[${JSON.stringify(key)}] = value;`,
    reads !== null &&
      !isNested(field) &&
      `if (value != null && !isRead(members[${index}].field.reads, value)) return null;`,
    `if (value === null) { text = ${textAnd("null")}; lacksQuote = false; }`,
    type === "string" &&
      `else if (typeof value === "string" && !special.test(value)) { text = ${textAnd('"')} + value; lacksQuote = true; }`,
    type === "number" &&
      `else if (typeof value === "number" && isFinite(value)) { text = ${textAnd("")} + value; lacksQuote = false; }`,
    type === "boolean" &&
      `else if (typeof value === "boolean") { text = value ? ${textAnd("true")} : ${textAnd("false")}; lacksQuote = false; }`,
    `else if (value !== undefined) {
      text = writers[${index}](value, ${textAnd("")}, writing); lacksQuote = false;
      if (text === null) return null;
    }`,
  ]
    .filter((statement) => statement !== false)
    .join("\n");
}

function rawWriter(field: Field): WriteText<unknown> {
  return (value, text, { levels }) =>
    decodeField(field, value as JsonValue, 0) !== undefined && !hasToJson(value) && isSafe(value, levels)
      ? text + cleanText(JSON.stringify(value))
      : null;
}

/** Whether a value has a method of its own, which would learn another key than in the whole. */
function hasToJson(value: unknown): boolean {
  return typeof (value as { toJSON?: unknown }).toJSON === "function";
}

/** The levels of JSON around the values of a model in a list or a map. */
const levelsOfItem = 2;

function nestedWriter(field: Field): WriteText<unknown> {
  const write = writerOfKind(field);
  return (value, text, writing) =>
    writing.levels < levelsOfItem || !isReadEncoded(field, value) ? null : write(value, text, writing);
}

/** Whether Agno reads the whole of a nested model that it may refuse. */
function isReadEncoded(field: Field, value: unknown): boolean {
  return field.reads === null || isRead(field.reads, encodeField(field, value, [field.name]) ?? null);
}

function writerOfKind({ kind, codec }: Field): WriteText<unknown> {
  const write: WriteText<unknown> = (model, text, writing) =>
    isJsonObject(model) ? codec.write(model, text, writing) : null;
  switch (kind) {
    case "list":
      return listWriter(write);
    case "map":
      return mapWriter(write);
    default:
      return (model, text, writing) => write(model, text, inside(writing, { levels: 1, index: 0 }));
  }
}

function listWriter(write: WriteText<unknown>): WriteText<unknown> {
  return (list, start, writing) => {
    if (!Array.isArray(list)) {
      return null;
    }
    if (list.length === 0) {
      return `${start}[]`;
    }
    let text: string | null = start;
    // A plain loop meets the holes of a sparse array.
    for (let index = 0; index < list.length && text !== null; index += 1) {
      text = write(list[index], text + (index === 0 ? "[" : ","), inside(writing, { levels: levelsOfItem, index }));
    }
    return text === null ? null : `${text}]`;
  };
}

function mapWriter(write: WriteText<unknown>): WriteText<unknown> {
  return (map, start, writing) => {
    if (!isJsonObject(map)) {
      return null;
    }
    let text: string | null = `${start}{`;
    for (const [index, key] of Object.keys(map).entries()) {
      const before: string = `${text}${index === 0 ? "" : ","}${cleanText(JSON.stringify(key))}:`;
      text = write(map[key], before, inside(writing, { levels: levelsOfItem, index }));
      if (text === null) {
        return null;
      }
    }
    return `${text}}`;
  };
}

function inside({ levels, own }: Writing, model: Pick<Writing, "levels" | "index">): Writing {
  return { levels: levels - model.levels, index: model.index, within: own, own };
}
