/** A compiled function. Only whoever wrote its text knows its type. */
type Compiled = (...values: never[]) => unknown;

/**
 * Compiles the body of a function with these parameters. The text must consist of names of our tables, never of data.
 *
 * @returns null where the runtime does not compile text, as with a content security policy.
 */
export function compileFunction(parameters: readonly string[], body: string): Compiled | null {
  try {
    // eslint-disable-next-line typescript/no-implied-eval -- The text has no data in it.
    return new Function(...parameters, body) as Compiled;
  } catch {
    return null;
  }
}
