import { inspect } from "node:util";
import { SessionDbError } from "@sessiondb/core";
import { expect } from "vitest";

/** A text that no error may contain, in whole or in part. */
export const secret = "Zq7secretXk9";

/** Passwords with the secret and characters that mean something in a URL, as people paste them: not encoded. */
export const rawPasswords: readonly string[] = [
  "/",
  "#",
  "?",
  "@",
  "%",
  "&",
  ":",
  ",",
  "\\",
  " ",
  "[",
  "]",
  "%2",
  "%zz",
]
  .flatMap((character) => [
    `${secret}${character}`,
    `${character}${secret}`,
    `12345${character}${secret}`,
    `${secret}${character}${secret}`,
    `${secret}${character}@`,
    `${secret}@${character}`,
    `a${character}/${secret}`,
    `1${character}#${secret}`,
    `1${character}?${secret}=1`,
    `1${character}?x=${secret}`,
  ])
  .filter((password) => !password.includes(":/"));

/** All that an error tells: message, stack, properties, hidden or not, its JSON, and the same of its causes. */
export function toldBy(error: unknown): string {
  const parts = [inspect(error, { depth: 20, showHidden: true, maxStringLength: null }), JSON.stringify(error)];
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    parts.push(String(cause), cause.stack ?? "", JSON.stringify(Object.getOwnPropertyDescriptors(cause)));
  }
  return parts.join("\n");
}

/** Expects an error of the library that tells nothing of the secret; gives its code. */
export function expectSecretKept(error: unknown, hidden: readonly string[] = [secret]): string {
  const told = toldBy(error);
  for (const each of hidden) {
    expect(told).not.toContain(each);
  }
  expect(SessionDbError.isInstance(error)).toBe(true);
  return (error as SessionDbError).code;
}

/** The error that a function throws, now or later; undefined if it throws none. */
export async function errorOf(act: () => unknown): Promise<unknown> {
  try {
    await act();
    return undefined;
  } catch (error) {
    return error;
  }
}
