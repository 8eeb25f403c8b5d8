import { InvalidArgumentError } from "../errors.ts";
import { joinPath } from "../json-check.ts";
import { isJsonObject, setKey, type JsonObject, type JsonValue } from "../json.ts";
import {
  decodeField,
  encodeField,
  expectedOf,
  fieldOf,
  type AnyKind,
  type Codec,
  type Field,
  type Trail,
} from "./field.ts";

type SnakeCase<Name extends string> = Name extends `${infer Head}${infer Tail}`
  ? `${Head extends Lowercase<Head> ? Head : `_${Lowercase<Head>}`}${SnakeCase<Tail>}`
  : Name;

/** What a field of that TypeScript type is declared as. */
type Kind<Value> = [string | number] extends [Value]
  ? "json"
  : [Value] extends [string]
    ? "string"
    : [Value] extends [number]
      ? "number"
      : [Value] extends [boolean]
        ? "boolean"
        : [Value] extends [JsonObject]
          ? "object"
          : [Value] extends [readonly (infer Item)[]]
            ? ItemsKind<Item>
            : string extends keyof Value
              ? { readonly mapOf: Codec<Value[keyof Value]> }
              : Codec<Value>;

type ItemsKind<Item> = [string | number] extends [Item]
  ? "array"
  : [Item] extends [string]
    ? "strings"
    : [Item] extends [JsonObject]
      ? "objects"
      : { readonly listOf: Codec<Item> };

/** Properties of a model that are not keys of its JSON. */
type Derived = "extra" | "runType";

/** One entry for every property of the model, under its JSON key. A missing or misspelt one does not compile. */
export type FieldTable<Model> = {
  readonly [Name in Exclude<keyof Model & string, Derived> as SnakeCase<Name>]-?: Kind<NonNullable<Model[Name]>>;
};

export interface ShapeOptions<Model> {
  /** The JSON key of a string that the model cannot be without. */
  required?: keyof FieldTable<Model> & string;
  /** The value of the derived property `runType`. */
  runType?: string;
}

/** The codec of a model described by a table of its fields. */
export class Shape<Model> implements Codec<Model> {
  readonly #byKey: Readonly<Record<string, Field>>;
  readonly #byName: Readonly<Record<string, Field>>;
  readonly #newModel = plainObjects();
  readonly #newJson = plainObjects();
  readonly #required: Field | undefined;
  readonly #runType: string | undefined;

  constructor(table: FieldTable<Model>, { required, runType }: ShapeOptions<Model> = {}) {
    const fields = Object.entries(table as Record<string, AnyKind>).map(([key, kind]) => fieldOf(key, kind));
    this.#byKey = dictionary(fields, "key");
    this.#byName = dictionary(fields, "name");
    this.#required = fields.find(({ key }) => key === required);
    this.#runType = runType;
  }

  decode(json: JsonObject, depth: number): Model | undefined {
    const byKey = this.#byKey;
    const model = new this.#newModel();
    if (this.#runType !== undefined) model["runType"] = this.#runType;
    let extra: JsonObject | undefined;
    for (const key in json) {
      const value = json[key];
      const field = byKey[key];
      if (field !== undefined) {
        // This line alone settles most values.
        const decoded = value === null || typeof value === field.type ? value : decodeField(field, value, depth);
        if (decoded !== undefined) {
          model[field.name] = decoded;
          continue;
        }
      }
      if (value === undefined) continue;
      extra ??= {};
      setKey(extra, key, value);
    }
    if (this.#required !== undefined && typeof model[this.#required.name] !== "string") return undefined;
    if (extra !== undefined) model["extra"] = extra;
    return model as Model;
  }

  encode(model: Model, trail: Trail): JsonObject {
    const properties = model as Record<string, unknown>;
    const byName = this.#byName;
    const json = new this.#newJson() as JsonObject;
    for (const name in properties) {
      const value = properties[name];
      if (value === undefined || name === "extra" || name === "runType") continue;
      const field = byName[name];
      if (field === undefined) {
        throw refusal([...trail, name], "left out, since the model has no such property; `extra` is for other data");
      }
      json[field.key] =
        value === null || typeof value === field.type ? (value as JsonValue) : encodeProperty(field, value, trail);
    }
    if (this.#required !== undefined && typeof json[this.#required.key] !== "string") {
      throw refusal([...trail, this.#required.name], "a string");
    }
    if (properties["extra"] !== undefined) addExtra(json, properties["extra"], trail);
    return json;
  }
}

function encodeProperty(field: Field, value: unknown, trail: Trail): JsonValue {
  trail.push(field.name);
  const encoded = encodeField(field, value, trail);
  if (encoded === undefined) throw refusal(trail, expectedOf(field));
  trail.pop();
  return encoded;
}

/** A codec known only later: for a model that contains itself. */
export function lazy<Model>(codec: () => Codec<Model>): Codec<Model> {
  return {
    decode: (json, depth) => codec().decode(json, depth),
    encode: (model, trail) => codec().encode(model, trail),
  };
}

/** The error for a value found at the end of a trail. */
export function refusal([argument, ...keys]: Trail, expected: string): InvalidArgumentError {
  return new InvalidArgumentError(keys.reduce<string>(joinPath, String(argument)), expected);
}

/** Without prototype, so that a key such as `constructor` is not found in it. */
function dictionary(fields: readonly Field[], by: "key" | "name"): Readonly<Record<string, Field>> {
  const fieldsBy = Object.create(null) as Record<string, Field>;
  for (const field of fields) fieldsBy[field[by]] = field;
  return fieldsBy;
}

/**
 * A constructor of plain objects, no different from `{}`. V8 learns from the first ones how much room they need; a `{}`
 * that grows past 16 assigned keys becomes a hash table, several times slower to make, to read and to serialise.
 */
function plainObjects(): new () => Record<string, unknown> {
  function PlainObject(): void {}
  PlainObject.prototype = Object.prototype;
  return PlainObject as unknown as new () => Record<string, unknown>;
}

/** What the model holds itself wins: a caller who sets a property replaces what could not be read. */
function addExtra(json: JsonObject, extra: unknown, trail: Trail): void {
  if (extra === null) return;
  if (!isJsonObject(extra)) throw refusal([...trail, "extra"], "an object");
  for (const [key, value] of Object.entries(extra)) {
    if (value !== undefined && !Object.hasOwn(json, key)) setKey(json, key, value);
  }
}
