import { named } from "@sessiondb/core/adapter";

/**
 * Values that code hands to tools, to functions of instructions and to functions of steps, such as a database handle, the
 * user of the request or a flag. They are never stored, and no model is shown them.
 */
export type Dependencies = Readonly<Record<string, unknown>>;

/** Returns a copy of the list; the values are those that were given. */
export function dependenciesOf(value: unknown, argument: string): Dependencies {
  return { ...named(value === undefined ? {} : value, argument) };
}
