import { DatabaseError } from "@sessiondb/core";

/**
 * A write that the database answered without an error, and did not do, or not in full. The transaction around it is undone.
 * `what` is a sentence about it that names the table.
 */
export function notWritten(what: string): DatabaseError {
  return new DatabaseError(
    `${what} Nothing was stored. Look for a further unique key, a trigger, a rule, a view or a row-level security policy that prevents it.`,
  );
}
