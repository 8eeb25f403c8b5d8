import { foldName, parseJson } from "@sessiondb/core/adapter";
import { list, memoryNames, planSchema, tableNames, type FoldedSearch, type SqlDialect } from "@sessiondb/drizzle";
import { sql, type Column } from "drizzle-orm";
import { getTableConfig, SQLiteSyncDialect, type SQLiteTable } from "drizzle-orm/sqlite-core";
import { memoryDialect } from "./sqlite-memories.ts";
import { sessionTables, type SqliteTableOptions } from "./schema.ts";

/** The SQL function that name search calls; every connection has it. */
export const nameFunction = "sessiondb_name_contains";

/** Compares names here: SQLite folds only ASCII letters, cannot look into doubly encoded JSON, and stops at a NaN. */
export function nameContains(sessionData: unknown, folded: unknown): 0 | 1 {
  try {
    const data = parseJson(sessionData, "session_data", null);
    const name = typeof data === "object" && data !== null && !Array.isArray(data) ? data["session_name"] : null;
    return typeof name === "string" && foldName(name).includes(String(folded)) ? 1 : 0;
  } catch {
    // An unreadable row has no name to search.
    return 0;
  }
}

/** The most recently made dialects only, so that one table per tenant does not fill the memory. */
const dialects = new Map<string, SqlDialect>();
const mostDialects = 100;

/** SQLite's own spelling. The same names return the same dialect, and with it its rendered statements. */
export function sqliteDialect(options: SqliteTableOptions): SqlDialect {
  const { sessions, runs } = tableNames(options);
  const { memories } = memoryNames(options);
  const key = JSON.stringify([sessions, runs, memories, options.indexes]);
  const dialect = dialects.get(key) ?? makeDialect(options);
  dialects.delete(key);
  dialects.set(key, dialect);
  const [oldest] = dialects.keys();
  if (dialects.size > mostDialects && oldest !== undefined) {
    dialects.delete(oldest);
  }
  return dialect;
}

function makeDialect(options: SqliteTableOptions): SqlDialect {
  const dialect = new SQLiteSyncDialect();
  const tables = sessionTables(options);
  return {
    name: "sqlite",
    tables,
    names: tableNames(options),
    memory: memoryDialect(options),
    render: (query) => dialect.sqlToQuery(query),
    // BEGIN IMMEDIATE holds the database's only write lock.
    lockRows: sql``,
    // SQLite prepares a statement anew when a parameter that its planner examines is bound, like that of a bare LIMIT.
    limit: (placeholder) => sql`${placeholder} + 0`,
    passOver: (column) => sql`+${column}`,
    // A transaction locks the whole file, and the thread.
    rowsInBatch: 500,
    // From the row's header alone, unlike length().
    bytesOf: (document) => sql`octet_length(${document})`,
    nameContains: (sessionData: Column, { folded }: FoldedSearch) =>
      sql`${sql.raw(nameFunction)}(${sessionData}, ${folded}) = 1`,
    accepts,
    // Not a temporary table of the same name.
    outside: ({ name }) => sql`main.${sql.identifier(name)}`,
    findTables: (sought) =>
      sql`select name, null from main.sqlite_master
        where type in ('table', 'view') and name collate nocase in (${list(sought.map(({ name }) => name))})`,
    plan: (found, choice) =>
      planSchema(found, {
        ...choice,
        tables,
        configOf: (table) => getTableConfig(table as SQLiteTable),
        quote: (identifier) => dialect.escapeName(identifier),
        indexName: (name) => name,
        inline: (expression) => dialect.sqlToQuery(expression.inlineParams()).sql,
      }),
  };
}

const affinities = [/INT/, /CHAR|CLOB|TEXT/];

/** Compares by the rules of type affinity; JSON columns must be declared so, or Agno cannot write to them. */
function accepts(wanted: Column, foundType: string): boolean {
  const type = foundType.toUpperCase();
  const wantedType = wanted.getSQLType().toUpperCase();
  const affinity = affinities.find((each) => each.test(wantedType));
  return affinity === undefined ? type === wantedType : affinity.test(type);
}
