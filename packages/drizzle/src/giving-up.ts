import { DatabaseBusyError, DatabaseUnreachableError, type SessionDbError } from "@sessiondb/core";

/** What kept calls from their work, by the errors of those that gave up. */
const hindrances = new WeakMap<object, SessionDbError>();

/** Returns the error of a call that gives up after so many milliseconds. */
export function givenUp(hindrance: SessionDbError, taken: number): SessionDbError {
  const error = withWords(hindrance, `Gave up after ${Math.round(taken)} ms.`);
  hindrances.set(error, hindrance);
  return error;
}

/**
 * Returns the error for a call that waits for the same as one that gave up, and has waited as long. Null if the error of
 * that one is any other: it may have been committed, or is its caller's.
 */
export function alsoGivenUp(error: unknown): SessionDbError | null {
  const hindrance = typeof error === "object" && error !== null ? hindrances.get(error) : undefined;
  return hindrance === undefined ? null : withWords(hindrance, "Gave up in line, after a call on the same session.");
}

function withWords(error: SessionDbError, words: string): SessionDbError {
  const { cause } = error;
  const text = `${error.message} ${words}`;
  return error instanceof DatabaseUnreachableError
    ? new DatabaseUnreachableError(text, { cause })
    : new DatabaseBusyError(text, { cause });
}
