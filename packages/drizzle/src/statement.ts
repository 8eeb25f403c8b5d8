import { Column, fillPlaceholders, is, type SQL } from "drizzle-orm";
import type { SqlDialect } from "./sql-dialect.ts";

/** What a SELECT gives for each property of a row: a column, or an expression whose value is taken as it comes. */
export type Selection<Row> = { readonly [Name in keyof Row]-?: Column | SQL };

type Decoder = ((value: unknown) => unknown) | null;

/** SQL rendered once, to be run many times. A driver may keep its prepared form beside it, by identity. */
export class Statement<Row> {
  readonly text: string;
  readonly #params: unknown[];
  readonly #names: readonly string[];
  readonly #decoders: readonly Decoder[];

  constructor(dialect: Pick<SqlDialect, "render">, query: SQL, selection: Selection<Row> | null = null) {
    const { sql, params } = dialect.render(query);
    this.text = sql;
    this.#params = params;
    this.#names = Object.keys(selection ?? {});
    this.#decoders = Object.values<Column | SQL>(selection ?? {}).map((selected) =>
      is(selected, Column) ? (value) => selected.mapFromDriverValue(value) : null,
    );
  }

  /** The parameters in the order of the text. */
  bind(values: Readonly<Record<string, unknown>>): unknown[] {
    return fillPlaceholders(this.#params, values);
  }

  decode(values: readonly unknown[]): Row {
    const row: Record<string, unknown> = {};
    for (let index = 0; index < this.#names.length; index += 1) {
      const value = values[index] ?? null;
      const decoder = this.#decoders[index] ?? null;
      row[this.#names[index] as string] = value === null || decoder === null ? value : decoder(value);
    }
    return row as Row;
  }
}
