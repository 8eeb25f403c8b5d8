import { DatabaseError } from "@sessiondb/core";

/**
 * The error of a write that the database answered without an error but did not do, or not in full. The surrounding
 * transaction is rolled back. `what` is a sentence about it that names the table.
 */
export function notWritten(what: string): DatabaseError {
  return new DatabaseError(
    `${what} Nothing was stored. Look for an additional unique key, a trigger, a rule, a view or a row-level security policy that prevents it.`,
  );
}
