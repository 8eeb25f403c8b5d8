import { InvalidArgumentError, type JsonObject } from "@sessiondb/core";
import {
  checkSignal,
  checkText,
  identifier,
  jsonObject,
  optional,
  readOptions,
  type OptionReader,
  type OptionReaders,
  type OptionsRead,
} from "@sessiondb/core/adapter";
import { dependenciesOf, type Dependencies } from "./dependencies.ts";
import type { StatePatch } from "./state-schema.ts";

export interface RunOptions<State extends object = JsonObject> {
  /** The session to continue. Default: the component's `sessionId`, or else a new one, whose id is in the result. */
  sessionId?: string | undefined;
  /** Default: the component's `userId`. Passing `undefined` or `""` is an error: no user must not mean every user. */
  userId?: string;
  /** Merged into the stored state, key by key at every depth, and stored with it. */
  sessionState?: StatePatch<State> | undefined;
  /** The name of the session, if it begins with this run. */
  sessionName?: string | undefined;
  /**
   * The id of a run of this session that this one replaces, with all that follow it, in one transaction: for an edited
   * question, and for an answer made again. What they said is no part of the history, but a summary stays as it is. They are there until this run ends,
   * and stay if it fails before it says anything.
   */
  replaces?: string | undefined;
  /** Cancels the run: what has arrived is stored as CANCELLED. */
  signal?: AbortSignal | undefined;
  /** Values for the tools and functions of this run, merged over those of the component. Never stored. */
  dependencies?: Dependencies | undefined;
}

export const runOptionReaders = {
  sessionId: optional(identifier),
  userId: optional(identifier),
  sessionState: optional(jsonObject),
  sessionName: optional(checkText),
  replaces: optional(identifier),
  signal: (value: unknown) => checkSignal({ signal: value }),
  dependencies: dependenciesOf,
} satisfies OptionReaders<RunOptions>;

/** The options of a run, checked. */
export type RunSettings = OptionsRead<typeof runOptionReaders>;

type Readers = Readonly<Record<string, OptionReader<unknown>>>;

/** The options that confine a call or name a store, and what each may be. */
const scopes = {
  userId: "an id",
  sessionId: "an id",
  db: "a store, a connection string or a function",
  access: '"owner" or "shared"',
} as const;

/** Those of a component. Its `sessionId` is none of them: runs without one begin sessions, and see no other. */
export const componentScopes = ["userId", "db", "access"] as const;

/**
 * Reads options that may name a user, a session or a store. Refuses those of `names` that are present but undefined: a
 * value lost by mistake must not mean every user, another session or no store.
 *
 * @throws InvalidArgumentError for such an option, and for any option that its reader refuses.
 */
export function readScope<Given extends Readers>(
  options: unknown,
  readers: Given,
  names: readonly (keyof typeof scopes)[] = ["userId"],
): OptionsRead<Given> {
  const read = readOptions(options, readers);
  for (const name of names) {
    if (name in (options as object) && (options as Readonly<Record<string, unknown>>)[name] === undefined) {
      throw new InvalidArgumentError(name, `${scopes[name]}, or left out; not undefined`);
    }
  }
  return read;
}

/**
 * Refuses options that have no effect because a switch is off: the caller counts on them. `switches` lists them by the
 * name of the switch. Zero and false ask for nothing.
 */
export function checkSwitches(
  options: object,
  settings: object,
  switches: Readonly<Record<string, readonly string[]>>,
): void {
  const given = options as Readonly<Record<string, unknown>>;
  const read = settings as Readonly<Record<string, unknown>>;
  for (const [name, dependent] of Object.entries(switches)) {
    const useless = read[name] === false ? dependent.find((each) => Boolean(given[each])) : undefined;
    if (useless !== undefined) {
      throw new InvalidArgumentError(useless, `left out unless ${name} is true: it would have no effect`);
    }
  }
}
