import { CorruptDataError } from "@sessiondb/core";
import { Column, getTableName, is, Param, Placeholder, type SQL } from "drizzle-orm";
import { rowMaker } from "./row-maker.ts";

/** The expressions that a SELECT returns for each property of a row. */
export type Selection<Row> = { readonly [Name in keyof Row]-?: Column | SQL };

/** Properties that are whole numbers. Some drivers return them as text, since a BIGINT may not fit into a number. */
const numeric: ReadonlySet<string> = new Set(["createdAt", "updatedAt", "runIndex", "runCount", "count"]);

/** A parameter of the text: a constant, or the value of that name as the column encodes it. */
interface Slot {
  readonly name: string | null;
  readonly constant: unknown;
  readonly encode: ((value: unknown) => unknown) | null;
}

/** Renders SQL with a dialect's quotes and placeholders. */
export interface SqlRenderer {
  render(query: SQL): { sql: string; params: unknown[] };
}

/** SQL rendered once, to be run many times. A driver may cache its prepared form, by identity. */
export class Statement<Row> {
  readonly text: string;
  /** The number of its columns. */
  readonly width: number;
  #isPlannedAnew = false;
  readonly #slots: readonly Slot[];
  readonly #makeRow: (values: readonly unknown[]) => Record<string, unknown>;
  /** The properties that are whole numbers, with their columns. */
  readonly #numbers: readonly { readonly name: string; readonly place: string }[];

  constructor(dialect: SqlRenderer, query: SQL, selection: Selection<Row> | null = null) {
    const { sql, params } = dialect.render(query);
    this.text = sql;
    this.#slots = params.map(slotOf);
    const selected = Object.entries<Column | SQL>(selection ?? {});
    this.width = selected.length;
    this.#makeRow = rowMaker(selected.map(([name]) => name));
    this.#numbers = selected
      .filter(([name]) => numeric.has(name))
      .map(([name, from]) => ({ name, place: is(from, Column) ? `${getTableName(from.table)}.${from.name}` : name }));
  }

  /**
   * Whether its best plan depends on the values, as that of a list with filters does. A driver sends it so that it is
   * planned for them each time, where it would otherwise use one plan for all values.
   */
  get isPlannedAnew(): boolean {
    return this.#isPlannedAnew;
  }

  /** Returns the same statement, to be planned anew each time if the condition holds. */
  plannedAnew(isNeeded = true): this {
    this.#isPlannedAnew = isNeeded;
    return this;
  }

  /** The parameters in the order of the text. */
  bind(values: Readonly<Record<string, unknown>>): unknown[] {
    return this.#slots.map(({ name, constant, encode }) => {
      const given = name === null ? constant : values[name];
      return encode === null ? given : encode(given);
    });
  }

  /**
   * Decodes a row as returned by the driver: JSON columns are left for `parseJson`.
   *
   * @throws CorruptDataError for an invalid number.
   */
  decode(values: readonly unknown[]): Row {
    const { row, fault } = this.#decoded(values);
    if (fault !== null) {
      throw fault;
    }
    return row;
  }

  /** Decodes a row of a list, which continues past an unreadable row: `readable` throws its error. */
  decodeListed(values: readonly unknown[]): Row {
    const { row, fault } = this.#decoded(values);
    if (fault !== null) {
      (row as Listed)[faultKey] = fault;
    }
    return row;
  }

  #decoded(values: readonly unknown[]): { readonly row: Row; readonly fault: CorruptDataError | null } {
    const row = this.#makeRow(values);
    let wrong: string | null = null;
    for (const { name, place } of this.#numbers) {
      const value = wholeNumber(row[name]);
      if (value === notWhole) {
        wrong ??= place;
      }
      row[name] = value;
    }
    return { row: row as Row, fault: wrong === null ? null : faultOf(row, wrong) };
  }
}

/** The key of the error of a listed row that cannot be read. */
const faultKey = Symbol("fault");

type Listed = { [faultKey]?: CorruptDataError };

/**
 * Returns a row of a list.
 *
 * @throws CorruptDataError if one of its numbers is invalid.
 */
export function readable<Row extends object>(row: Row): Row {
  const fault = (row as Listed)[faultKey];
  if (fault !== undefined) {
    throw fault;
  }
  return row;
}

/** Whether `readable` returns a row. */
export function isReadable(row: object): boolean {
  return (row as Listed)[faultKey] === undefined;
}

const notWhole = Symbol("not a whole number");

/** Parses a whole number. A column of SQLite may hold anything, and a cursor made from that would loop. */
function wholeNumber(value: unknown): unknown {
  if (value === null || value === undefined) {
    return value;
  }
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  return Number.isSafeInteger(number) ? number : notWhole;
}

function faultOf({ runId, sessionId, memoryId }: Readonly<Record<string, unknown>>, place: string): CorruptDataError {
  const id = runId ?? sessionId ?? memoryId;
  return new CorruptDataError(place, typeof id === "string" ? id : null, { wanted: "a whole number" });
}

function slotOf(param: unknown): Slot {
  if (is(param, Placeholder)) {
    return { name: param.name, constant: null, encode: null };
  }
  if (is(param, Param) && is(param.value, Placeholder)) {
    const { encoder } = param;
    // Most columns take values as they are.
    const isAsGiven = encoder.mapToDriverValue === Column.prototype.mapToDriverValue;
    const encode = isAsGiven ? null : (value: unknown): unknown => encoder.mapToDriverValue(value);
    return { name: param.value.name, constant: null, encode };
  }
  return { name: null, constant: param, encode: null };
}
