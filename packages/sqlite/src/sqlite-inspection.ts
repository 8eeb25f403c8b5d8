import { SchemaMismatchError } from "@sessiondb/core";
import type { FoundSchema } from "@sessiondb/drizzle";

/** A row of `inspection`, for each column of a table or view, each index, and each temporary table. */
export type InspectionRow = [table: string, kind: "column" | "index" | "temporary", name: string, type: string];

/** The query of `foundSchema`, with three times this many names as values. A view can replace a table that is read. */
export function inspection(names: number): string {
  const marks = Array.from({ length: names }, () => "?").join(", ");
  return `
    select m.name, 'column', c.name, c.type
      from main.sqlite_master as m join pragma_table_info(m.name, 'main') as c
      where m.type in ('table', 'view') and m.name collate nocase in (${marks})
    union all
    select m.tbl_name, 'index', m.name, '' from main.sqlite_master as m
      where m.type = 'index' and m.tbl_name collate nocase in (${marks})
    union all
    select t.name, 'temporary', '', '' from temp.sqlite_master as t
      where t.type in ('table', 'view') and t.name collate nocase in (${marks})`;
}

export function foundSchema(rows: readonly InspectionRow[], names: readonly string[]): FoundSchema {
  const tables = new Map<string, NameMap<string>>();
  const indexes = new NameSet();
  for (const [table, kind, name, type] of rows) {
    if (kind === "temporary") {
      throw new SchemaMismatchError(
        [{ table, column: null, wanted: "a table in the file", found: "a temporary table of the same name" }],
        "It hides the file's own table, and disappears with its connection. Drop it, or pass another client to the store.",
      );
    }
    const wanted = names.includes(table) ? table : names.find((each) => folded(each) === folded(table));
    if (wanted !== undefined && wanted !== table) {
      // An application that gives each tenant its own table would otherwise have two tenants share one.
      throw new SchemaMismatchError(
        [{ table: wanted, column: null, wanted: "a table of this name", found: `one named ${table}` }],
        "SQLite treats names that differ only in case as the same. Spell the name as it is stored, or use another name.",
      );
    }
    if (kind === "index") {
      indexes.add(name);
    } else {
      const columns = tables.get(table) ?? new NameMap<string>();
      tables.set(table, columns.set(name, type));
    }
  }
  return { tables, indexes };
}

/** Folds a name as SQLite compares it: regardless of the case of ASCII letters. */
function folded(name: string): string {
  return /[A-Z]/.test(name) ? name.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase()) : name;
}

class NameMap<Value> extends Map<string, Value> {
  override get(name: string): Value | undefined {
    return super.get(folded(name));
  }

  override has(name: string): boolean {
    return super.has(folded(name));
  }

  override set(name: string, value: Value): this {
    return super.set(folded(name), value);
  }
}

class NameSet extends Set<string> {
  override has(name: string): boolean {
    return super.has(folded(name));
  }

  override add(name: string): this {
    return super.add(folded(name));
  }
}
