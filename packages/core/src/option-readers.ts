import {
  checkChoice,
  checkCount,
  checkFlag,
  checkId,
  checkJsonObject,
  checkKeys,
  checkObject,
  checkText,
} from "./arguments.ts";
import { InvalidArgumentError } from "./errors.ts";
import { toJsonText, type JsonObject } from "./json.ts";

// Options are read with a table that has a reader for each of them, which checks its value and supplies its default.

/** Checks one option, undefined when left out, and returns its value or default. */
export type OptionReader<Value> = (value: unknown, argument: string) => Value;

/** A reader for each and every option: `{ … } satisfies OptionReaders<Options>`. */
export type OptionReaders<Options extends object> = {
  readonly [Name in keyof Required<Options>]: OptionReader<unknown>;
};

/** The values that a table of readers returns. */
export type OptionsRead<Readers extends Readonly<Record<string, OptionReader<unknown>>>> = {
  readonly [Name in keyof Readers]: ReturnType<Readers[Name]>;
};

/**
 * Reads options by a table of readers. Returns a copy with every default filled in.
 *
 * @throws InvalidArgumentError for an unknown option, as `options.<name>`, and for an invalid value.
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

/** Reads an option that has no default. */
export function optional<Value>(read: OptionReader<Value>): OptionReader<Value | undefined> {
  return (value, argument) => (value === undefined ? undefined : read(value, argument));
}

export function flag(otherwise: boolean): OptionReader<boolean> {
  return (value, argument) => checkFlag(value, argument, otherwise);
}

/** Reads one of several words, the first of which is the default. */
export function oneOf<Choice extends string>(...choices: readonly [Choice, ...Choice[]]): OptionReader<Choice> {
  return (value, argument) => checkChoice(value, argument, choices);
}

export function count(bounds: { from: number; otherwise: number }): OptionReader<number> {
  return (value, argument) => checkCount(value, argument, bounds);
}

/** The longest delay of a Node timer, in milliseconds. Node treats a longer one as no delay at all. */
export const longestTime = 2_147_483_647;

export function milliseconds(bounds: { from: number; otherwise: number }): OptionReader<number> {
  return (value, argument) => {
    const time = checkCount(value, argument, bounds);
    if (time > longestTime) {
      throw new InvalidArgumentError(argument, `at most ${longestTime} milliseconds, which is 24 days`);
    }
    return time;
  };
}

/** Reads an object with these members, such as a driver's client or pool. */
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

/** Refuses options that have no effect beside another one: the caller counts on them. */
export function checkLeftOut(options: object, names: readonly string[], beside: string): void {
  for (const name of names) {
    if ((options as Readonly<Record<string, unknown>>)[name] !== undefined) {
      throw new InvalidArgumentError(name, `left out when ${beside} is given: it has no effect then`);
    }
  }
}

/** Reads an id. The store limits its length. */
export function identifier(value: unknown, argument: string): string {
  return checkId(value, argument, { maxIdLength: Number.POSITIVE_INFINITY, maxPayloadBytes: Number.POSITIVE_INFINITY });
}

export function nonEmptyText(value: unknown, argument: string): string {
  if (checkText(value, argument) === "") {
    throw new InvalidArgumentError(argument, "a non-empty string, or left out");
  }
  return value as string;
}

export function texts(value: unknown, argument: string): readonly string[] {
  if (!Array.isArray(value)) {
    throw new InvalidArgumentError(argument, "an array of strings");
  }
  return value.map((text, index) => checkText(text, `${argument}[${index}]`));
}

/** Reads an object whose keys are names. A list or a map has none, and would pass for an empty object. */
export function named(value: unknown, argument: string): Readonly<Record<string, unknown>> {
  checkObject(value, argument);
  if (Symbol.iterator in value) {
    throw new InvalidArgumentError(argument, "an object with a property for each name");
  }
  return value;
}

/** Returns a copy, as it will be read back. */
export function jsonObject(value: unknown, argument: string): JsonObject {
  checkJsonObject(value, argument);
  return JSON.parse(toJsonText(value, argument)) as JsonObject;
}

export function atLeast(from: number): OptionReader<number> {
  return (value, argument) => checkCount(value, argument, { from, otherwise: from });
}

/** Reads a time in seconds, which may be fractional or infinite. */
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

/** Leaves the option to another check. */
export function asGiven<Value>(): OptionReader<Value> {
  return (value) => value as Value;
}

type Given<Options> = { [Name in keyof Options]: Exclude<Options[Name], undefined> };

/** Returns the options that were given. */
export function present<Options extends object>(options: Options): Partial<Given<Options>> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<
    Given<Options>
  >;
}
