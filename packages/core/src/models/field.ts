import { isJsonObject, setKey, type JsonObject, type JsonValue } from "../json.ts";
import { impliedByType, type Reads } from "./agno-reads.ts";
import type { Enclosing, Position } from "./completion.ts";

/** The path to a value in the caller's argument: the argument's name, then keys and indexes. */
export type Trail = (string | number)[];

/**
 * Turns the JSON of one model into its TypeScript form and back, without loss: encoding a decoded model returns the
 * same JSON, whatever was in it.
 */
export interface Codec<Model> {
  /**
   * Puts unknown keys, and known keys with values of an unexpected type, into the model's `extra`. Returns undefined
   * when the JSON lacks what the model requires; the caller then keeps the JSON as it is.
   */
  decode(json: JsonObject, depth: number): Model | undefined;
  /** @throws InvalidArgumentError when a property is unknown, or of another type than the model declares. */
  encode(model: Model, trail: Trail): JsonObject;
  /**
   * Returns the text with the JSON of the model at its end, as `encode` returns it, completed as part of a run. Null for
   * a model that `encode` must see: it may be an error, has `extra` or a rare layout, or holds what Agno cannot read.
   */
  write(model: Model, text: string, writing: Writing): string | null;
  /** Whether Agno may refuse the whole of what `encode` returns, so that the enclosing model must check it. */
  readonly mayBeRefused?: boolean;
}

/** The keys of a run whose values are in columns of its row too. */
export const columnKeys: ReadonlySet<string> = new Set([
  "agent_id",
  "team_id",
  "workflow_id",
  "user_id",
  "parent_run_id",
  "status",
]);

/** The values of a run under `columnKeys`. */
export type WrittenColumns = Record<string, JsonValue | undefined>;

/** Where a model is written, as part of a run. */
export interface Writing extends Position {
  /** How many levels of JSON the values in the model may have. */
  readonly levels: number;
  /** What the parts of the model take from their run: the model itself, or the run it is in. */
  readonly own: Enclosing;
  /** Takes the values of `columnKeys` as they are written; undefined in the parts of a run. */
  readonly columns?: WrittenColumns | undefined;
}

/** The type of a value, as a table of fields names it. `array` and `object` are raw JSON, `json` is any JSON. */
export type AnyKind =
  | "json"
  | "string"
  | "number"
  | "boolean"
  | "object"
  | "array"
  | "strings"
  | "objects"
  | Codec<never>
  | { readonly listOf: Codec<never> }
  | { readonly mapOf: Codec<never> };

/** One known key of a model. */
export interface Field {
  /** As in the JSON, snake_case. */
  readonly key: string;
  /** As in the model, camelCase. */
  readonly name: string;
  readonly kind:
    | "json"
    | "string"
    | "number"
    | "boolean"
    | "object"
    | "array"
    | "strings"
    | "objects"
    | "model"
    | "list"
    | "map";
  /** The `typeof` of the values of a string, number or boolean field; otherwise null. */
  readonly type: "string" | "number" | "boolean" | null;
  /** The codec of nested models. */
  readonly codec: Codec<unknown>;
  /** Whether Agno can read the key's value; null when the type of the property settles it. */
  readonly reads: Reads | null;
}

/** Models nested deeper than this stay raw JSON, in `extra`: a deeper document could overflow the stack. */
export const maximumDepth = 64;

const noCodec: Codec<unknown> = { decode: () => undefined, encode: () => ({}), write: () => null };

/** Whether the values of a field are models or contain some. */
export function isNested({ codec }: Field): boolean {
  return codec !== noCodec;
}

/** Describes a key. `reads` is the check of what Agno can read under it. */
export function fieldOf(key: string, kind: AnyKind, reads: Reads | undefined): Field {
  const name = key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  const type = kind === "string" || kind === "number" || kind === "boolean" ? kind : null;
  const checked = reads === undefined || impliedByType.has(reads) ? null : reads;
  if (typeof kind === "string") {
    return { key, name, kind, type, codec: noCodec, reads: checked };
  }
  const [nested, codec] = nestedOf(kind);
  // A nested model has already set aside what Agno would refuse in it.
  return { key, name, kind: nested, type, codec, reads: codec.mayBeRefused === true ? checked : null };
}

function nestedOf(kind: Exclude<AnyKind, string>): ["list" | "map" | "model", Codec<unknown>] {
  if ("listOf" in kind) {
    return ["list", kind.listOf];
  }
  return "mapOf" in kind ? ["map", kind.mapOf] : ["model", kind];
}

/** Returns a non-null value in the form of the model, or undefined when it is not of the field's type. */
export function decodeField(field: Field, value: JsonValue | undefined, depth: number): unknown {
  switch (field.kind) {
    case "json":
      return value;
    case "string":
    case "number":
    case "boolean":
      return typeof value === field.type ? value : undefined;
    case "object":
      return isJsonObject(value) ? value : undefined;
    case "array":
      return Array.isArray(value) ? value : undefined;
    case "strings":
      return Array.isArray(value) && value.every(isString) ? value : undefined;
    case "objects":
      return Array.isArray(value) && value.every(isJsonObject) ? value : undefined;
    case "list":
    case "map":
    case "model":
      return depth < maximumDepth ? decodeModels(field, value, depth + 1) : undefined;
  }
}

function decodeModels({ kind, codec }: Field, value: JsonValue | undefined, depth: number): unknown {
  if (kind === "list") {
    return Array.isArray(value) ? decodeList(codec, value, depth) : undefined;
  }
  if (!isJsonObject(value)) {
    return undefined;
  }
  return kind === "map" ? decodeMap(codec, value, depth) : codec.decode(value, depth);
}

/** Returns a non-null value in the form of the JSON, or undefined when it is not of the field's type. */
export function encodeField(field: Field, value: unknown, trail: Trail): JsonValue | undefined {
  switch (field.kind) {
    case "list":
      return Array.isArray(value) ? encodeList(field.codec, value, trail) : undefined;
    case "map":
      return isJsonObject(value) ? encodeMap(field.codec, value, trail) : undefined;
    case "model":
      return isJsonObject(value) ? field.codec.encode(value, trail) : undefined;
    default:
      return decodeField(field, value as JsonValue, 0) as JsonValue | undefined;
  }
}

/** Returns the type of a field in words, for errors. */
export function expectedOf({ kind }: Field): string {
  switch (kind) {
    case "json":
      return "JSON";
    case "array":
    case "list":
      return "an array";
    case "strings":
      return "an array of strings";
    case "objects":
      return "an array of objects";
    case "object":
    case "model":
    case "map":
      return "an object";
    default:
      return `a ${kind}`;
  }
}

function isString(value: unknown): boolean {
  return typeof value === "string";
}

/** Decodes all or nothing: a list stays raw if one item is not such a model. */
function decodeList(codec: Codec<unknown>, list: JsonValue[], depth: number): unknown[] | undefined {
  const models: unknown[] = [];
  for (const item of list) {
    const model = isJsonObject(item) ? codec.decode(item, depth) : undefined;
    if (model === undefined) {
      return undefined;
    }
    models.push(model);
  }
  return models;
}

function decodeMap(codec: Codec<unknown>, map: JsonObject, depth: number): Record<string, unknown> | undefined {
  const models: JsonObject = {};
  for (const key of Object.keys(map)) {
    const item = map[key];
    const model = isJsonObject(item) ? codec.decode(item, depth) : undefined;
    if (model === undefined) {
      return undefined;
    }
    setKey(models, key, model as JsonValue);
  }
  return models;
}

function encodeList(codec: Codec<unknown>, list: unknown[], trail: Trail): JsonValue[] | undefined {
  const items: JsonValue[] = [];
  for (let index = 0; index < list.length; index += 1) {
    const model = list[index];
    if (!isJsonObject(model)) {
      return undefined;
    }
    trail.push(index);
    items.push(codec.encode(model, trail));
    trail.pop();
  }
  return items;
}

function encodeMap(codec: Codec<unknown>, map: JsonObject, trail: Trail): JsonObject | undefined {
  const json: JsonObject = {};
  for (const [key, model] of Object.entries(map)) {
    if (!isJsonObject(model)) {
      return undefined;
    }
    trail.push(key);
    setKey(json, key, codec.encode(model, trail));
    trail.pop();
  }
  return json;
}
