import { checkChoice, checkCount, checkFlag, checkId, checkKeys, checkObject, checkText } from "./arguments.ts";
import { InvalidArgumentError } from "./errors.ts";
import { toJsonText, type JsonObject } from "./json.ts";

// Options are read by a table with a reader for each of them, which checks its value and supplies its default.

/** Checks one option, which is undefined when it was left out, and returns it or its default. */
export type OptionReader<Value> = (value: unknown, argument: string) => Value;

/** A reader for each option, none forgotten: `{ … } satisfies OptionReaders<MyOptions>`. */
export type OptionReaders<Options extends object> = {
  readonly [Name in keyof Required<Options>]: OptionReader<unknown>;
};

/** What a table of readers returns. */
export type OptionsRead<Readers extends Readonly<Record<string, OptionReader<unknown>>>> = {
  readonly [Name in keyof Readers]: ReturnType<Readers[Name]>;
};

/**
 * Reads options by a table of readers. Returns a copy with every default filled in.
 *
 * @throws InvalidArgumentError for an option of an unknown name, as `options.<name>`, and for a value that means nothing.
 */
export function readOptions<Readers extends Readonly<Record<string, OptionReader<unknown>>>>(
  options: unknown,
  readers: Readers,
): OptionsRead<Readers> {
  checkKeys(options, "options", Object.keys(readers));
  const given = options as Readonly<Record<string, unknown>>;
  return Object.fromEntries(
    Object.entries(readers).map(([name, read]) => [name, read(given[name], name)]),
  ) as OptionsRead<Readers>;
}

/** An option that has no default. */
export function optional<Value>(read: OptionReader<Value>): OptionReader<Value | undefined> {
  return (value, argument) => (value === undefined ? undefined : read(value, argument));
}

export function flag(otherwise: boolean): OptionReader<boolean> {
  return (value, argument) => checkFlag(value, argument, otherwise);
}

/** One of some words, the first of which is the default. */
export function oneOf<Choice extends string>(...choices: readonly [Choice, ...Choice[]]): OptionReader<Choice> {
  return (value, argument) => checkChoice(value, argument, choices);
}

export function count(bounds: { from: number; otherwise: number }): OptionReader<number> {
  return (value, argument) => checkCount(value, argument, bounds);
}

/** The longest time that a timer of Node can wait, in milliseconds. It takes a longer one for no time at all. */
export const longestTime = 2_147_483_647;

export function milliseconds(bounds: { from: number; otherwise: number }): OptionReader<number> {
  return (value, argument) => {
    const time = checkCount(value, argument, bounds);
    if (time > longestTime) {
      throw new InvalidArgumentError(argument, `a time in milliseconds of at most ${longestTime}, which is 24 days`);
    }
    return time;
  };
}

/** An object with these members, as a client or a pool of a driver has them. */
export function objectWith<Value>(members: readonly string[], expected: string): OptionReader<Value> {
  return (value, argument) => {
    const fits =
      (typeof value === "object" || typeof value === "function") &&
      value !== null &&
      members.every((member) => member in value);
    if (!fits) {
      throw new InvalidArgumentError(argument, expected);
    }
    return value as Value;
  };
}

/**
 * Refuses options that do nothing beside another one, since whoever gives them counts on what they say.
 */
export function checkLeftOut(options: object, names: readonly string[], beside: string): void {
  for (const name of names) {
    if ((options as Readonly<Record<string, unknown>>)[name] !== undefined) {
      throw new InvalidArgumentError(name, `left out beside ${beside}, which it does not apply to`);
    }
  }
}

/** An id. The store limits its length. */
export function identifier(value: unknown, argument: string): string {
  return checkId(value, argument, { maxIdLength: Number.POSITIVE_INFINITY, maxPayloadBytes: Number.POSITIVE_INFINITY });
}

export function nonEmptyText(value: unknown, argument: string): string {
  if (checkText(value, argument) === "") {
    throw new InvalidArgumentError(argument, "text that is not empty, or left out");
  }
  return value as string;
}

export function texts(value: unknown, argument: string): readonly string[] {
  if (!Array.isArray(value)) {
    throw new InvalidArgumentError(argument, "a list of texts");
  }
  return value.map((text, index) => checkText(text, `${argument}[${index}]`));
}

/** An object whose keys are names. A list or a map has none, and would pass for one that is empty. */
export function named(value: unknown, argument: string): Readonly<Record<string, unknown>> {
  checkObject(value, argument);
  if (Symbol.iterator in value) {
    throw new InvalidArgumentError(argument, "an object with a property for each name");
  }
  return value;
}

/** A copy, as it will be read back. */
export function jsonObject(value: unknown, argument: string): JsonObject {
  checkObject(value, argument);
  return JSON.parse(toJsonText(value, argument)) as JsonObject;
}

export function atLeast(from: number): OptionReader<number> {
  return (value, argument) => checkCount(value, argument, { from, otherwise: from });
}

/** A time, which may have a fraction, and be without end. */
export function seconds(otherwise: number): OptionReader<number> {
  return (value = otherwise, argument) => {
    if (typeof value !== "number" || !(value >= 0)) {
      throw new InvalidArgumentError(argument, "a number of seconds, 0 or more");
    }
    return value;
  };
}

export function aFunction<Value>(): OptionReader<Value> {
  return (value, argument) => {
    if (typeof value !== "function") {
      throw new InvalidArgumentError(argument, "a function");
    }
    return value as Value;
  };
}

/** An option that another check looks at. */
export function asGiven<Value>(): OptionReader<Value> {
  return (value) => value as Value;
}

type Given<Options> = { [Name in keyof Options]: Exclude<Options[Name], undefined> };

/** The options that were given. */
export function present<Options extends object>(options: Options): Partial<Given<Options>> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<
    Given<Options>
  >;
}
