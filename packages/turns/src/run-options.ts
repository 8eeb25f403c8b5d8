import { InvalidArgumentError, type JsonObject } from "@sessiondb/core";
import {
  checkSignal,
  identifier,
  jsonObject,
  optional,
  readOptions,
  type OptionReader,
  type OptionReaders,
  type OptionsRead,
} from "@sessiondb/core/adapter";
import type { StatePatch } from "./state-schema.ts";

export interface RunOptions<State extends object = JsonObject> {
  /** The session to continue. Default: the component's `sessionId`, or else a new one, whose id is in the result. */
  sessionId?: string | undefined;
  /** Default: the component's `userId`. Passing `undefined` or `""` is an error: no user must not mean every user. */
  userId?: string;
  /** Merged into the stored state, key by key at every depth, and stored with it. */
  sessionState?: StatePatch<State>;
  /** Cancels the run: what has arrived is stored as CANCELLED. */
  signal?: AbortSignal;
}

export const runOptionReaders = {
  sessionId: optional(identifier),
  userId: optional(identifier),
  sessionState: optional(jsonObject),
  signal: (value: unknown) => checkSignal({ signal: value }),
} satisfies OptionReaders<RunOptions>;

/** The options of a run, checked. */
export type RunSettings = OptionsRead<typeof runOptionReaders>;

type Readers = Readonly<Record<string, OptionReader<unknown>>>;

/**
 * Reads options that may name a user, a session or a store. Refuses those of `names` that are present but undefined: a
 * value lost by mistake must not mean every user, a new session or no store.
 *
 * @throws InvalidArgumentError for such an option, and for any option that its reader refuses.
 */
export function readScope<Given extends Readers>(
  options: unknown,
  readers: Given,
  names: readonly ("userId" | "sessionId" | "db")[] = ["userId"],
): OptionsRead<Given> {
  const read = readOptions(options, readers);
  for (const name of names) {
    if (name in (options as object) && read[name] === undefined) {
      const what = name === "db" ? "a store, a connection string or a function" : "an id";
      throw new InvalidArgumentError(name, `${what}, or left out; not undefined`);
    }
  }
  return read;
}
