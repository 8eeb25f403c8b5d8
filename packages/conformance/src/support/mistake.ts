import type { SessionDb } from "@sessiondb/core";

/** Returns the mistakes of a method, one for each of its options, with the values that the option must not have. */
export function mistakesOf(
  method: string,
  call: (db: SessionDb, options: Readonly<Record<string, unknown>>) => Promise<unknown>,
  wrongValues: Readonly<Record<string, readonly unknown[]>>,
): Record<string, Mistake> {
  const entries = Object.entries(wrongValues).map(([argument, values]): [string, Mistake] => [
    `${method} ${argument}`,
    { argument, values, call: (db, value) => call(db, { [argument]: value }) },
  ]);
  return Object.fromEntries(entries);
}

/** One argument of a method, and values that it must not have. */
export interface Mistake {
  readonly argument: string;
  readonly values: readonly unknown[];
  readonly call: (db: SessionDb, value: unknown) => Promise<unknown>;
}
