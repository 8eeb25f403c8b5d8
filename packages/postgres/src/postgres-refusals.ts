import type { DriverError } from "@sessiondb/drizzle";

/** Where a refusal comes from that no table of this library's making leads to. */
const reasons: Readonly<Record<string, string>> = {
  "23502": "A column that this library does not fill must not be NULL: give it a default",
  "23503": "A foreign key that this library did not make stands against it",
  "23505": "A further unique key stands against it",
  "23514": "A check stands against it, or no partition takes the row",
  "23P01": "An exclusion constraint stands against it",
  "25P02": "A statement before it had failed, so that the transaction can only be rolled back",
  "42P01": "A table was dropped or renamed since the store looked at it",
  "42P10": "The table has no unique key on its id alone",
  "428C9": "A column that this library fills is generated",
  P0001: "A trigger refused it",
};

/** By the first two characters of the code. */
const kinds: Readonly<Record<string, string>> = {
  "0A": "A view, a rule, a partition or a foreign table is in place of a table that this library can write",
  "22": "A trigger or the type of a column cannot hold what was to be stored",
  "42": "The tables are not as this library needs them: see verifySchema()",
  "55": "A view that cannot be written is in place of a table, or an object is in use",
  P0: "A trigger or a function refused it",
};

/** Why the server refused a statement, as far as its code tells, and which table, column or constraint it named. */
export function reasonOf(code: string, error: DriverError | null): string {
  const reason = reasons[code] ?? kinds[code.slice(0, 2)];
  const { table, column, constraint } = error ?? {};
  const named = [
    ...(table === undefined ? [] : [column === undefined ? table : `${table}.${column}`]),
    ...(constraint === undefined ? [] : [`constraint ${constraint}`]),
  ].join(", ");
  return [reason, named].filter((part) => part !== undefined && part !== "").join(": ");
}
