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

export interface RunOptions {
  /** The session to go on with. Default: the component's `sessionId`, or else a new one, whose id the result has. */
  sessionId?: string | undefined;
  /** Default: the component's `userId`. Giving it as `undefined` or `""` is an error: nobody is not everybody. */
  userId?: string;
  /** Merged over the stored state, key by key at every depth, and stored with it. */
  sessionState?: JsonObject;
  /** Ends the run: what has arrived is stored as CANCELLED. */
  signal?: AbortSignal;
}

export const runOptionReaders = {
  sessionId: optional(identifier),
  userId: optional(identifier),
  sessionState: optional(jsonObject),
  signal: (value: unknown) => checkSignal({ signal: value }),
} satisfies OptionReaders<RunOptions>;

/** The options of a run as they were read. */
export type RunSettings = OptionsRead<typeof runOptionReaders>;

type Readers = Readonly<Record<string, OptionReader<unknown>>>;

/**
 * Reads options that may name a user, a session or a store. One that is there but undefined was lost on the way: a lost
 * user is not "everyone", a lost session not a new one, and a lost store not none.
 *
 * @throws InvalidArgumentError for such an option, and for what the readers refuse.
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
