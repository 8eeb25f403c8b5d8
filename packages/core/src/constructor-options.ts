import { checkChoice, checkCount, checkFlag, checkKeys } from "./arguments.ts";
import { InvalidArgumentError } from "./errors.ts";

// How a constructor reads its options: one table says for each of them what it may be, and what it is when it is left out.

/** Checks one option, which is undefined when it was left out, and returns it or its default. */
export type OptionReader<Value> = (value: unknown, argument: string) => Value;

/** A reader for each option of a constructor, none forgotten: `{ … } satisfies OptionReaders<MyOptions>`. */
export type OptionReaders<Options extends object> = {
  readonly [Name in keyof Required<Options>]: OptionReader<unknown>;
};

/** What a table of readers returns. */
export type OptionsRead<Readers extends Readonly<Record<string, OptionReader<unknown>>>> = {
  readonly [Name in keyof Readers]: ReturnType<Readers[Name]>;
};

/**
 * Reads the options of a constructor by a table of readers: a copy with every default filled in.
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
