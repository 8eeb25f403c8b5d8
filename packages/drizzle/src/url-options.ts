import { ConnectionStringError, InvalidArgumentError } from "@sessiondb/core";

/** The parts of a URL's query that are options of the store. */
export interface UrlOptionNames {
  /** The options that a URL may hold. */
  readonly own: readonly string[];
  /** All options of the constructor. */
  readonly elsewhere: readonly string[];
  /** Other tools' names for the options in `own`. */
  readonly otherNames: Readonly<Record<string, string>>;
  /** Names left to the driver, which understands them, though they look like options of the store. */
  readonly foreign: readonly string[];
}

/**
 * Takes the store's own options out of the query of a connection string, and leaves the driver's. Refuses other
 * spellings of an option: both would ignore them, and the store would open other tables than intended.
 */
export function takeUrlOptions(
  { searchParams }: URL,
  given: object,
  { own, elsewhere, otherNames, foreign }: UrlOptionNames,
): Readonly<Record<string, string>> {
  const meanings = new Map(
    [...elsewhere.map((name) => [name, name] as const), ...Object.entries(otherNames)].map(([name, meant]) => [
      folded(name),
      meant,
    ]),
  );
  const found: Record<string, string> = {};
  for (const [name, value] of searchParams) {
    const meant = foreign.includes(name) ? undefined : meanings.get(folded(name));
    if (meant === undefined) {
      continue;
    }
    if (!own.includes(meant)) {
      throw new ConnectionStringError(
        `The parameter ${JSON.stringify(name)} of the connection string has no effect. Pass the option ${meant} to the store.`,
      );
    }
    if (name !== meant) {
      throw new ConnectionStringError(
        `The parameter ${JSON.stringify(name)} of the connection string has no effect. Write ?${meant}=…`,
      );
    }
    const before = found[meant] ?? (given as Readonly<Record<string, unknown>>)[meant];
    if (before !== undefined && before !== value) {
      throw new InvalidArgumentError(meant, "given once: the connection string has another value");
    }
    found[meant] = value;
  }
  for (const name of Object.keys(found)) {
    searchParams.delete(name);
  }
  return found;
}

/** Returns a connection string with an option of the store set in its query, from the one that is there and the path. */
export function withUrlOption(
  parsed: URL,
  name: string,
  setting: (given: string | null, path: string) => string,
): string {
  parsed.searchParams.set(name, setting(parsed.searchParams.get(name), decodeURIComponent(parsed.pathname).slice(1)));
  return parsed.href;
}

/** Folds `sessionTable`, `session_table` and `SESSIONTABLE` into one spelling. */
function folded(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z]/g, "");
}
