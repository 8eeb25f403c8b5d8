import { InvalidArgumentError, type JsonObject } from "@sessiondb/core";
import { checkCount, checkId, checkObject, checkText, toJsonText, type OptionReader } from "@sessiondb/core/adapter";

// What options of agents, teams and workflows may be, beside what core's readers say; see `readOptions` there.

/** An id. How long it may be, the store says. */
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
