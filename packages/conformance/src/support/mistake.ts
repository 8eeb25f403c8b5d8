import type { SessionDb } from "@sessiondb/core";

/** One argument of a method, and values that it must not have. */
export interface Mistake {
  readonly argument: string;
  readonly values: readonly unknown[];
  readonly call: (db: SessionDb, value: unknown) => Promise<unknown>;
}
