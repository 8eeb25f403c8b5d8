import { InvalidArgumentError, PayloadTooLargeError } from "./errors.ts";
import { isJsonObject, type JsonObject } from "./json.ts";
import type { SessionDbLimits } from "./options.ts";

// The checks that every method of the contract makes before it touches a store. Each names the argument it refuses.

type Unknown<T> = { readonly [Key in keyof T]?: unknown };

const sessionTypes = ["agent", "team", "workflow"] as const;
/** The year 5138 in Unix seconds. Larger values must be milliseconds, passed by mistake. */
const latestTimestamp = 100_000_000_000;

export function checkObject(value: unknown, argument: string): asserts value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new InvalidArgumentError(argument, "an object");
  }
}

/** Checks an object that is stored as JSON. */
export function checkJsonObject(value: unknown, argument: string): asserts value is JsonObject {
  if (!isJsonObject(value)) {
    throw new InvalidArgumentError(argument, "an object");
  }
}

/** Refuses unknown names. If they were ignored, a misspelt `userId` would open every user's sessions. */
export function checkKeys(value: unknown, argument: string, known: readonly string[]): void {
  checkObject(value, argument);
  for (const name in value) {
    if (!known.includes(name)) {
      throw new InvalidArgumentError(`${argument}.${name}`, `left out: ${argument} accepts only ${known.join(", ")}`);
    }
  }
}

/** An id: non-empty, well-formed text without NUL, no longer than the store's column. */
export function checkId(value: unknown, argument: string, limits: SessionDbLimits): string {
  if (typeof value !== "string" || value === "") {
    throw new InvalidArgumentError(argument, "a non-empty string");
  }
  if (!isStorable(value)) {
    throw new InvalidArgumentError(argument, "well-formed text without NUL characters");
  }
  // Characters are code points, and a text never has more of them than UTF-16 units.
  if (value.length > limits.maxIdLength) {
    const length = Array.from(value).length;
    if (length > limits.maxIdLength) {
      throw new InvalidArgumentError(argument, `at most ${limits.maxIdLength} characters long, not ${length}`);
    }
  }
  return value;
}

const unstorable = /[\0\p{Surrogate}]/gu;

/** Whether every database can hold the text unchanged: it has no NUL and no lone surrogate. */
export function isStorable(text: string): boolean {
  return !/[\0\p{Surrogate}]/u.test(text);
}

export function checkOptionalId(value: unknown, argument: string, limits: SessionDbLimits): string | null {
  return value === undefined || value === null ? null : checkId(value, argument, limits);
}

/**
 * Returns the user a call is confined to, or null when `userId` was left out. A `userId` that is present but empty is a
 * scope lost on the way; ignoring it would open every user's sessions.
 */
export function checkUserScope(options: Unknown<{ userId: string }>, limits: SessionDbLimits): string | null {
  return "userId" in options ? checkId(options.userId, "userId", limits) : null;
}

export function checkSessionType(value: unknown, argument: string): "agent" | "team" | "workflow" {
  const type = sessionTypes.find((known) => known === value);
  if (type === undefined) {
    throw new InvalidArgumentError(argument, '"agent", "team" or "workflow"');
  }
  return type;
}

export function checkCount(
  value: unknown,
  argument: string,
  { from, otherwise }: { from: number; otherwise: number },
): number {
  if (value === undefined) {
    return otherwise;
  }
  if (!Number.isSafeInteger(value) || (value as number) < from) {
    throw new InvalidArgumentError(argument, `a whole number of at least ${from}`);
  }
  return value as number;
}

export function checkTimestamp(value: unknown, argument: string): number | null {
  if (value === undefined || value === null) {
    return null;
  }
  if (!Number.isSafeInteger(value) || Math.abs(value as number) > latestTimestamp) {
    throw new InvalidArgumentError(argument, "whole Unix seconds (not milliseconds, not a Date)");
  }
  return value as number;
}

export function checkFlag(value: unknown, argument: string, otherwise: boolean): boolean {
  if (value === undefined) {
    return otherwise;
  }
  if (typeof value !== "boolean") {
    throw new InvalidArgumentError(argument, "true or false");
  }
  return value;
}

export function checkChoice<Choice extends string>(
  value: unknown,
  argument: string,
  choices: readonly [Choice, ...Choice[]],
): Choice {
  if (value === undefined) {
    return choices[0];
  }
  const choice = choices.find((known) => known === value);
  if (choice === undefined) {
    throw new InvalidArgumentError(argument, choices.map((known) => `"${known}"`).join(" or "));
  }
  return choice;
}

/** Returns the signal of a call's options, or undefined without one. */
export function checkSignal(options: { signal?: unknown }): AbortSignal | undefined {
  const { signal } = options;
  if (signal === undefined || signal instanceof AbortSignal) {
    return signal;
  }
  throw new InvalidArgumentError("signal", "an AbortSignal, or left out");
}

/** Returns the text of a condition as a store would hold it. */
export function checkSearchText(value: unknown, argument: string): string {
  return storableText(checkText(value, argument));
}

/** Returns text that every database can hold: NUL and lone surrogates become U+FFFD. */
export function storableText(text: string): string {
  return isStorable(text) ? text : text.replace(unstorable, "\ufffd");
}

export function checkText(value: unknown, argument: string): string {
  if (typeof value !== "string") {
    throw new InvalidArgumentError(argument, "a string");
  }
  return value;
}

/** The most ids that one transaction should lock. */
const mostIds = 10_000;

export function checkIds(values: unknown, argument: string, limits: SessionDbLimits): string[] {
  if (!Array.isArray(values)) {
    throw new InvalidArgumentError(argument, "an array of ids");
  }
  if (values.length > mostIds) {
    throw new InvalidArgumentError(argument, `an array of at most ${mostIds} ids; delete the rest in further calls`);
  }
  return [...new Set(values.map((value, index) => checkId(value, `${argument}[${index}]`, limits)))];
}

/** Refuses a JSON document that the store cannot hold. */
export function checkPayload(json: string | null, argument: string, limits: SessionDbLimits): void {
  // UTF-8 takes at most three bytes for each UTF-16 unit, so short texts need no counting.
  if (json !== null && json.length * 3 > limits.maxPayloadBytes) {
    const size = Buffer.byteLength(json);
    if (size > limits.maxPayloadBytes) {
      throw new PayloadTooLargeError(argument, { size, limit: limits.maxPayloadBytes, advice: limits.payloadAdvice });
    }
  }
}
