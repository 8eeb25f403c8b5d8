import { InvalidArgumentError } from "@sessiondb/core";
import type { MysqlConnection } from "./mysql-connection.ts";
import { quote } from "./mysql-dialect.ts";
import { errorNumber } from "./mysql-errors.ts";

/** The tables that were looked for on a connection already, by their quoted names. */
const seen = new WeakMap<object, Set<string>>();

/** The tables of a store, any of which a temporary table of a connection may hide. */
export class HiddenTables {
  readonly #tables: readonly { readonly table: string; readonly name: string }[];

  constructor({ database, tables }: { readonly database: string | null; readonly tables: readonly string[] }) {
    const place = database === null ? "" : `${quote(database)}.`;
    this.#tables = tables.map((table) => ({ table, name: `${place}${quote(table)}` }));
  }

  /**
   * Refuses a connection with a temporary table that hides one of the store's: what is written there is gone with the
   * connection, and nobody else sees it. Each connection is looked at once.
   *
   * @throws InvalidArgumentError which names the table.
   */
  async check(on: MysqlConnection, argument: "pool" | "connection" | "url"): Promise<void> {
    const known = seen.get(on.identity) ?? new Set<string>();
    seen.set(on.identity, known);
    for (const { table, name } of this.#tables) {
      if (!known.has(name) && (await isTemporary(on, name))) {
        throw new InvalidArgumentError(argument, `free of temporary tables: one hides ${table}`);
      }
      known.add(name);
    }
  }
}

/** No catalogue names temporary tables, on either server. */
async function isTemporary(on: MysqlConnection, name: string): Promise<boolean> {
  try {
    const [row] = (await on.query(`show create table ${name}`)).rows;
    return /^create temporary\b/i.test(String(row?.[1]));
  } catch (error) {
    // There is no such table yet, or the role may not see it: a temporary one may be seen by whoever made it.
    if (errorNumber(error) > 0) {
      return false;
    }
    throw error;
  }
}
