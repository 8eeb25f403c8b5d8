import { Column, is, Param, Placeholder, type SQL } from "drizzle-orm";
import type { SqlDialect } from "./sql-dialect.ts";

/** What a SELECT gives for each property of a row. */
export type Selection<Row> = { readonly [Name in keyof Row]-?: Column | SQL };

/** Properties that some drivers give as text, since a BIGINT may be beyond what a number holds. */
const numeric: ReadonlySet<string> = new Set(["createdAt", "updatedAt", "runIndex", "runCount"]);

/** A parameter of the text: a constant, or the value of that name as the column encodes it. */
interface Slot {
  readonly name: string | null;
  readonly constant: unknown;
  readonly encode: ((value: unknown) => unknown) | null;
}

/** SQL rendered once, to be run many times. A driver may keep its prepared form beside it, by identity. */
export class Statement<Row> {
  readonly text: string;
  readonly #slots: readonly Slot[];
  readonly #names: readonly string[];

  constructor(dialect: Pick<SqlDialect, "render">, query: SQL, selection: Selection<Row> | null = null) {
    const { sql, params } = dialect.render(query);
    this.text = sql;
    this.#slots = params.map(slotOf);
    this.#names = Object.keys(selection ?? {});
  }

  /** The parameters in the order of the text. */
  bind(values: Readonly<Record<string, unknown>>): unknown[] {
    return this.#slots.map(({ name, constant, encode }) => {
      const given = name === null ? constant : values[name];
      return encode === null ? given : encode(given);
    });
  }

  /** A row as the driver gives it: JSON columns are left for `parseJson`. */
  decode(values: readonly unknown[]): Row {
    const row: Record<string, unknown> = {};
    const names = this.#names;
    for (let index = 0; index < names.length; index += 1) {
      const name = names[index] as string;
      const value = values[index];
      row[name] = typeof value === "string" && numeric.has(name) ? Number(value) : value;
    }
    return row as Row;
  }
}

function slotOf(param: unknown): Slot {
  if (is(param, Placeholder)) {
    return { name: param.name, constant: null, encode: null };
  }
  if (is(param, Param) && is(param.value, Placeholder)) {
    return { name: param.value.name, constant: null, encode: (value) => param.encoder.mapToDriverValue(value) };
  }
  return { name: null, constant: param, encode: null };
}
