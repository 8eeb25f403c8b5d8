import { InvalidArgumentError } from "@sessiondb/core";
import {
  dottedI,
  indexName,
  list,
  memoryNames,
  planSchema,
  tableNames,
  value,
  type FoldedSearch,
  type FoundSchema,
  type SqlDialect,
} from "@sessiondb/drizzle";
import { sql, type Column, type SQL } from "drizzle-orm";
import { getTableConfig, MySqlDialect, type MySqlTable } from "drizzle-orm/mysql-core";
import { memoryDialect } from "./mysql-memories.ts";
import { following } from "./mysql-parts.ts";
import { sessionTables, type MySqlTableOptions } from "./schema.ts";

/** The tables found, and the properties of their server. */
export interface FoundMysqlSchema extends FoundSchema {
  readonly mariadb: boolean;
  /** False for a database that does not exist yet. */
  readonly database: boolean;
  /** The collation of session ids in the tables found; null without tables. */
  readonly collation: string | null;
}

/** The spelling of MySQL and MariaDB, apart from the statements in `MysqlReads` and `MysqlWrites`. */
export function mysqlDialect(options: MySqlTableOptions): SqlDialect {
  const dialect = new MySqlDialect();
  const tables = sessionTables(options);
  const { database } = options;
  return {
    name: "mysql",
    tables,
    names: checkedNames(options),
    memory: memoryDialect(options, contains),
    render: (query) => dialect.sqlToQuery(query),
    lockRows: sql`for update`,
    following,
    // MariaDB would go to a value alone, and read all entries up to the key. Both servers take this for one value.
    fixed: (column, name) => sql`${column} >= ${value(name)} and ${column} <= ${value(name)}`,
    // MariaDB would collect the sessions of all runs first to read the few of a page.
    exists: (subquery) => sql`(${subquery} limit 1) = 1`,
    bytesOf: (document) => sql`length(${document})`,
    nameContains: (sessionData: Column, search: FoldedSearch) => {
      // Text in place of an object is a document that was encoded twice.
      const inner = sql`json_unquote(${sessionData})`;
      const isTwice = sql`json_type(${sessionData}) = 'STRING' and json_valid(${inner})`;
      const data = sql`case when ${isTwice} then ${inner} else ${sessionData} end`;
      const name = sql`json_extract(${data}, '$.session_name')`;
      return sql`(json_type(${name}) = 'STRING' and ${contains(sql`json_unquote(${name})`, search)})`;
    },
    accepts,
    spoils,
    outside: ({ name }) =>
      database === undefined ? sql`${sql.identifier(name)}` : sql`${sql.identifier(database)}.${sql.identifier(name)}`,
    // The catalogue does not list grants made through a role.
    findTables: (sought) =>
      sql`select table_name, null from information_schema.tables
        where table_schema = ${database ?? sql`database()`}
          and table_name in (${list(sought.map(({ name }) => name))})`,
    plan: (found: FoundMysqlSchema, choice) => {
      const statements = planSchema(found, {
        ...choice,
        tables,
        configOf: (table) => getTableConfig(table as MySqlTable),
        quote,
        indexName,
        inline: (expression) => dialect.sqlToQuery(expression.inlineParams()).sql,
        text,
        columnType: (column) => columnType(column, found),
        tableOptions: `ENGINE=InnoDB DEFAULT CHARSET=${charset(found)} COLLATE=${collation(found)}`,
        indexesInTable: true,
        replace: (columns) =>
          `ON DUPLICATE KEY UPDATE ${columns.map((name) => `${name} = VALUES(${name})`).join(", ")}`,
      });
      return found.database || database === undefined
        ? statements
        : [`CREATE DATABASE IF NOT EXISTS ${quote(database)}`, ...statements];
    },
  };
}

/** Whether a text contains the search text once both are folded. */
function contains(content: SQL, { folded, pairs }: FoldedSearch): SQL {
  // lower() folds ASCII alike on every server, other letters only on some. A binary collation makes accents count.
  const replaced = [...pairs, { variant: sql`${dottedI}`, letter: sql`${"i"}` }].reduce(
    (stored, { variant, letter }) => sql`replace(${stored}, ${variant}, ${letter})`,
    sql`lower(${content})`,
  );
  return sql`locate(${folded} collate utf8mb4_bin, ${replaced}) > 0`;
}

export function quote(identifier: string): string {
  return `\`${identifier.replaceAll("`", "``")}\``;
}

/** Refuses names that the servers refuse, under the option's name. */
function checkedNames(options: MySqlTableOptions): SqlDialect["names"] {
  const names = tableNames(options);
  const { sessions: sessionTable, runs: runsTable } = names;
  const { memories: memoryTable } = memoryNames(options);
  for (const [option, name] of Object.entries({
    sessionTable,
    runsTable,
    memoryTable,
    database: options.database ?? "",
  })) {
    if (/\s$|[\u{10000}-\u{10ffff}]/u.test(name)) {
      throw new InvalidArgumentError(option, "a name without trailing spaces or characters beyond U+FFFF");
    }
  }
  return names;
}

/** MariaDB's JSON is LONGTEXT with a check that refuses more than 31 levels of nesting; without it any depth fits. */
function columnType(column: Column, { mariadb }: FoundMysqlSchema): string {
  const type = column.getSQLType();
  return mariadb && type === "json" ? "longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin" : type;
}

/** A foreign key requires both tables to compare ids alike, so a new table follows the existing one. */
function collation({ mariadb, collation: found }: FoundMysqlSchema): string {
  return found ?? (mariadb ? "utf8mb4_nopad_bin" : "utf8mb4_0900_bin");
}

/** The character set, which begins a collation's name. */
function charset(found: FoundMysqlSchema): string {
  return collation(found).split("_")[0] ?? "utf8mb4";
}

// Whether a backslash escapes depends on the server's settings.
function text(content: string): string {
  return content.includes("\\")
    ? `convert(x'${Buffer.from(content).toString("hex")}' using utf8mb4)`
    : `'${content.replaceAll("'", "''")}'`;
}

/** Types that can replace each other. Any other type must be the wanted one. */
const families = [/^json/, /int|bool|serial/, /char|text/, /blob|binary/];

function accepts(wanted: Column, foundType: string): boolean {
  const [type = ""] = wanted.getSQLType().toLowerCase().split("(");
  const family = families.find((each) => each.test(type));
  return family === undefined ? foundType.toLowerCase() === type : family.test(foundType.toLowerCase());
}

/** Text would order numbers by their characters, and a number would treat `007` and `7` as equal ids. */
function spoils(wanted: Column, foundType: string): boolean {
  const type = wanted.getSQLType().toLowerCase();
  const isNumber = /int|decimal|numeric|float|double|bit/.test(foundType.toLowerCase());
  return type === "bigint" ? !isNumber : type.startsWith("varchar") && isNumber;
}
