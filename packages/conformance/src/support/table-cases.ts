import type { SessionDb } from "@sessiondb/core";
import type { Cases } from "../conformance-case.ts";

/** Returns a table of values that are their own names. */
export function byName<Value extends string | number>(values: readonly Value[]): Record<string, Value> {
  return Object.fromEntries(values.map((value) => [value, value]));
}

/** Returns a case for each row of a table. In the title, `%s` stands for the row's name. */
export function tableCases<Row, Subject = SessionDb>(
  title: string,
  table: Readonly<Record<string, Row>>,
  check: (subject: Subject, row: Row, name: string) => Promise<void>,
): Cases<Subject> {
  const entries = Object.entries(table).map(([name, row]): [string, Cases<Subject>[string]] => [
    title.replace("%s", () => name),
    (subject) => check(subject, row, name),
  ]);
  return Object.fromEntries(entries);
}
