import { InvalidArgumentError } from "../errors.ts";
import { joinPath } from "../json-check.ts";
import { isJsonObject, setKey, type JsonObject, type JsonValue } from "../json.ts";
import { isRead, type Reads, type ReadsByKey } from "./agno-reads.ts";
import { compileCopy, type Copy } from "./compiled-copy.ts";
import { compileText, type WriteText } from "./compiled-text.ts";
import type { Completion, Completions } from "./completion.ts";
import {
  decodeField,
  encodeField,
  expectedOf,
  fieldOf,
  isNested,
  maximumDepth,
  type AnyKind,
  type Codec,
  type Field,
  type Trail,
  type Writing,
} from "./field.ts";
import { Layouts } from "./layouts.ts";

type SnakeCase<Name extends string> = Name extends `${infer Head}${infer Tail}`
  ? `${Head extends Lowercase<Head> ? Head : `_${Lowercase<Head>}`}${SnakeCase<Tail>}`
  : Name;

/** The declaration of a field of that TypeScript type. */
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
  /** The JSON key of a string that the model requires. */
  required?: keyof FieldTable<Model> & string;
  /** The value of the derived property `runType`. */
  runType?: string;
  /** Checks of what Agno can read under its keys, including those unknown to the model. Others may hold anything. */
  reads?: ReadsByKey;
  /** Whether Agno may refuse a model though it can read each key. */
  mayBeRefused?: boolean;
  /** By key, the value to show Agno, if there is one, instead of one that it cannot read. */
  shown?: Readonly<Record<string, (value: JsonValue) => JsonValue | undefined>>;
  /** Keys that Agno requires, with their values when the model has null or nothing. */
  needed?: Readonly<Record<string, () => JsonValue>>;
  /** What `write` adds for Agno. */
  completions?: Completions;
}

/** The place of a value. Agno reads anything there if `reads` is null. */
type Place = Pick<Field, "key" | "reads">;

/**
 * The key, in any object of a run, that holds the values Agno could not read there, by their own keys. Agno ignores
 * unknown keys.
 */
const asideKey = "sessiondb_aside";

/** The levels of nested models to look for in `extra`, and the trail length from which `extra` is left as it is. */
const nestedInExtra = 8;
const deepestTrail = 2 * maximumDepth;

/** The codec of a model described by a table of its fields. */
export class Shape<Model> implements Codec<Model> {
  readonly #byKey: Readonly<Record<string, Field>>;
  readonly #byName: Readonly<Record<string, Field>>;
  readonly #newModel = plainObjects();
  readonly #newJson = plainObjects();
  readonly #required: Field | undefined;
  readonly #runType: string | undefined;
  readonly #reads: ReadsByKey;
  readonly #shown: NonNullable<ShapeOptions<Model>["shown"]>;
  readonly #needed: [string, () => JsonValue][];
  readonly #completions: Completions;
  readonly mayBeRefused: boolean;
  readonly #decoders = new Layouts((keys) => this.#decoder(keys));
  readonly #encoders = new Layouts((names) => this.#encoder(names));
  readonly #writers = new Layouts((names) => this.#writer(names));

  constructor(table: FieldTable<Model>, options: ShapeOptions<Model> = {}) {
    const { required, runType, reads = {}, mayBeRefused = false, shown = {}, needed = {}, completions = {} } = options;
    const fields = Object.entries(table as Record<string, AnyKind>).map(([key, kind]) =>
      fieldOf(key, kind, reads[key]),
    );
    this.#byKey = dictionary(fields, "key");
    this.#byName = dictionary(fields, "name");
    this.#required = fields.find(({ key }) => key === required);
    this.#runType = runType;
    this.#reads = reads;
    this.mayBeRefused = mayBeRefused;
    this.#shown = shown;
    this.#needed = Object.entries(needed);
    this.#completions = {
      ...Object.fromEntries(this.#needed.map(([key, make]): [string, Completion] => [key, (value) => value ?? make()])),
      ...completions,
    };
  }

  decode(json: JsonObject, depth: number): Model | undefined {
    const copy = this.#decoders.of(json);
    const model = copy === null ? this.#decodeAny(json, depth) : copy(json, depth);
    return this.#required === undefined || typeof model[this.#required.name] === "string"
      ? (model as Model)
      : undefined;
  }

  /** @param done the values that are decoded already, by their names in the model. */
  #decodeAny(json: JsonObject, depth: number, done?: Record<string, unknown>): Record<string, unknown> {
    const byKey = this.#byKey;
    const model = new this.#newModel();
    if (this.#runType !== undefined) {
      model["runType"] = this.#runType;
    }
    let extra: JsonObject | undefined;
    for (const key in json) {
      const value = json[key];
      const field = byKey[key];
      if (field !== undefined) {
        const decoded = done === undefined ? decodeValue(field, value, depth) : done[field.name];
        if (decoded !== undefined) {
          model[field.name] = decoded;
          continue;
        }
      } else if (key === asideKey && isJsonObject(value)) {
        return this.#decodeAny(broughtBack(json, value), depth);
      }
      if (value === undefined) {
        continue;
      }
      extra ??= {};
      setKey(extra, key, value);
    }
    if (extra !== undefined) {
      model["extra"] = extra;
    }
    return model;
  }

  #decoder(keys: readonly string[]): Copy<number> | null {
    const fields = keys.map((key) => this.#byKey[key]);
    return !fields.every(isKnown)
      ? null
      : compileCopy({
          fields,
          from: "key",
          to: "name",
          runType: this.#runType,
          convert: (field, value, depth) => decodeField(field, value as JsonValue, depth),
          accepts: null,
          otherwise: (json, depth, done) => this.#decodeAny(json as JsonObject, depth, done),
        });
  }

  encode(model: Model, trail: Trail): JsonObject {
    const properties = model as Record<string, unknown>;
    const copy = this.#encoders.of(properties);
    const json = copy === null ? this.#encodeAny(properties, trail) : (copy(properties, trail) as JsonObject);
    if (this.#required !== undefined && typeof json[this.#required.key] !== "string") {
      throw refusal([...trail, this.#required.name], "a string");
    }
    if (properties["extra"] !== undefined) {
      this.#addExtra(json, properties["extra"], trail);
    }
    for (const [key, value] of this.#needed) {
      json[key] ??= value();
    }
    return json;
  }

  /** @param done the values that are encoded already, by their keys in the JSON. */
  #encodeAny(properties: Record<string, unknown>, trail: Trail, done?: JsonObject): JsonObject {
    const byName = this.#byName;
    const json = new this.#newJson() as JsonObject;
    for (const name in properties) {
      const value = properties[name];
      if (value === undefined || isDerived(name)) {
        continue;
      }
      const field = byName[name];
      if (field === undefined) {
        throw refusal([...trail, name], "left out, since the model has no such property; `extra` is for other data");
      }
      const encoded = done === undefined ? encodeValue(field, value, trail) : (done[field.key] as JsonValue);
      if (field.reads === null) {
        json[field.key] = encoded;
      } else {
        this.#put(json, encoded, field);
      }
    }
    return json;
  }

  #encoder(names: readonly string[]): Copy<Trail> | null {
    const fields = names.filter((name) => !isDerived(name)).map((name) => this.#byName[name]);
    return !fields.every(isKnown)
      ? null
      : compileCopy({
          fields,
          from: "name",
          to: "key",
          runType: undefined,
          convert: encodeProperty,
          accepts: ({ reads }, value) => reads === null || isRead(reads, value as JsonValue),
          otherwise: (properties, trail, done) =>
            this.#encodeAny(properties as Record<string, unknown>, trail, done as JsonObject),
        });
  }

  write(model: Model, text: string, writing: Writing): string | null {
    const properties = model as Record<string, unknown>;
    const write = this.#writers.of(properties);
    return write === null || (this.#required !== undefined && typeof properties[this.#required.name] !== "string")
      ? null
      : write(properties, text, writing);
  }

  #writer(names: readonly string[]): WriteText | null {
    const fields = names.filter((name) => name !== "runType").map((name) => this.#byName[name]);
    if (!fields.every(isKnown)) {
      return null;
    }
    const absent = Object.keys(this.#completions)
      .map((key) => this.#byKey[key])
      .filter((field) => isKnown(field) && !fields.includes(field)) as Field[];
    const completionOf = ({ key }: Field): Completion | null => this.#completions[key] ?? null;
    return compileText([
      ...fields.map((field) => ({ field, completion: completionOf(field), isPresent: true })),
      ...absent.map((field) => ({ field, completion: completionOf(field), isPresent: false })),
    ]);
  }

  /** The model's own properties win: a caller who sets one replaces what could not be read. */
  #addExtra(json: JsonObject, extra: unknown, trail: Trail): void {
    if (extra === null) {
      return;
    }
    if (!isJsonObject(extra)) {
      throw refusal([...trail, "extra"], "an object");
    }
    for (const [key, value] of Object.entries(extra)) {
      if (key === asideKey) {
        throw refusal([...trail, "extra", key], "left out, since the key is reserved for the library");
      }
      if (value === undefined || Object.hasOwn(json, key) || isAside(json, key)) {
        continue;
      }
      const field = this.#byKey[key];
      if (field !== undefined && isNested(field) && value !== null && trail.length < deepestTrail) {
        this.#addNested(json, { field, value }, [...trail, "extra", key]);
      } else {
        this.#put(json, value, this.#placeOf(key));
      }
    }
  }

  /** Encodes a possible model as one, so that it sets aside what Agno would refuse in it. */
  #addNested(json: JsonObject, { field, value }: { field: Field; value: JsonValue }, trail: Trail): void {
    const model = decodeField(field, value, maximumDepth - nestedInExtra);
    const encoded = model === undefined ? undefined : encodeField(field, model, trail);
    if (encoded === undefined) {
      this.#put(json, value, this.#placeOf(field.key));
    } else {
      this.#put(json, encoded, field);
    }
  }

  /** Returns the place of a value that no model has checked. */
  #placeOf(key: string): Place {
    return { key, reads: Object.hasOwn(this.#reads, key) ? (this.#reads[key] as Reads) : null };
  }

  /** Puts a value where Agno looks for it, or aside if Agno cannot read it. Null is then left out. */
  #put(json: JsonObject, value: JsonValue, { key, reads }: Place): void {
    if (reads === null || isRead(reads, value)) {
      setKey(json, key, value);
      return;
    }
    if (value === null) {
      return;
    }
    setKey((json[asideKey] ??= {}) as JsonObject, key, value);
    const shown = isFraction(value) && isRead(reads, Math.floor(value)) ? Math.floor(value) : this.#shown[key]?.(value);
    if (shown !== undefined) {
      json[key] = shown;
    }
  }
}

function isFraction(value: JsonValue): value is number {
  return typeof value === "number" && !Number.isInteger(value);
}

/** Returns the JSON of a model with the values set aside back in their places, which held substitutes for Agno. */
function broughtBack({ [asideKey]: _aside, ...others }: JsonObject, aside: JsonObject): JsonObject {
  return { ...others, ...aside };
}

function isAside(json: JsonObject, key: string): boolean {
  const aside = json[asideKey];
  return isJsonObject(aside) && Object.hasOwn(aside, key);
}

function isKnown(field: Field | undefined): field is Field {
  return field !== undefined;
}

/** Whether a property of a model is not a key of its JSON. */
function isDerived(name: string): boolean {
  return name === "extra" || name === "runType";
}

/** The type alone settles most values. */
function decodeValue(field: Field, value: JsonValue | undefined, depth: number): unknown {
  return value === null || typeof value === field.type ? value : decodeField(field, value, depth);
}

function encodeValue(field: Field, value: unknown, trail: Trail): JsonValue {
  return value === null || typeof value === field.type ? (value as JsonValue) : encodeProperty(field, value, trail);
}

function encodeProperty(field: Field, value: unknown, trail: Trail): JsonValue {
  trail.push(field.name);
  const encoded = encodeField(field, value, trail);
  if (encoded === undefined) {
    throw refusal(trail, expectedOf(field));
  }
  trail.pop();
  return encoded;
}

/** A codec that is known only later, for a model that contains itself. */
export function lazy<Model>(codec: () => Codec<Model>): Codec<Model> {
  return {
    decode: (json, depth) => codec().decode(json, depth),
    encode: (model, trail) => codec().encode(model, trail),
    write: (model, text, writing) => codec().write(model, text, writing),
  };
}

/** Returns the error for the value at the end of a trail. */
export function refusal([argument, ...keys]: Trail, expected: string): InvalidArgumentError {
  return new InvalidArgumentError(keys.reduce<string>(joinPath, String(argument)), expected);
}

/** Has no prototype, so that it does not contain keys such as `constructor`. */
function dictionary(fields: readonly Field[], by: "key" | "name"): Readonly<Record<string, Field>> {
  const fieldsBy = Object.create(null) as Record<string, Field>;
  for (const field of fields) {
    fieldsBy[field[by]] = field;
  }
  return fieldsBy;
}

/**
 * Returns a constructor of plain objects, no different from `{}`. V8 learns their size from the first ones; a `{}` that
 * grows past 16 assigned keys becomes a hash table, several times slower to build, read and serialise.
 */
function plainObjects(): new () => Record<string, unknown> {
  function PlainObject(): void {}
  PlainObject.prototype = Object.prototype;
  return PlainObject as unknown as new () => Record<string, unknown>;
}
