import { InvalidArgumentError } from "@sessiondb/core";
import { readOptions, type OptionReader, type OptionsRead } from "@sessiondb/core/adapter";
import type { ComponentSettings } from "./component.ts";

export interface RunIds {
  readonly sessionId: string;
  readonly userId: string | null;
  /** Whether the session id was made here. */
  readonly isNew: boolean;
}

/** Whose turn it is, and in which session: what the run says, else what the component says, else a new session. */
export function runIds(
  options: { readonly sessionId?: string | undefined; readonly userId?: string | undefined },
  component: Pick<ComponentSettings, "sessionId" | "userId">,
): RunIds {
  const sessionId = options.sessionId ?? component.sessionId;
  return {
    sessionId: sessionId ?? crypto.randomUUID(),
    userId: options.userId ?? component.userId ?? null,
    isNew: sessionId === undefined,
  };
}

type Readers = Readonly<Record<string, OptionReader<unknown>>>;

/**
 * Reads options of which some name a user, a session or a store. One of those that is there but undefined got lost on the
 * way: a user is then not "everyone", a session not another one, and a store not none.
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
