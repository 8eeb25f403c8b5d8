import { sessionTables as mysqlTables } from "@sessiondb/mysql";
import { sessionTables } from "@sessiondb/sqlite";
import { getTableConfig as getMysqlTableConfig } from "drizzle-orm/mysql-core";
import { getTableConfig } from "drizzle-orm/sqlite-core";

/** Every table, column and index that a store in SQLite makes. */
export const namesInSqlite: readonly string[] = Object.values(sessionTables()).flatMap((table) => {
  const { name, columns, indexes } = getTableConfig(table);
  return [name, ...columns.map((column) => column.name), ...indexes.map(({ config }) => config.name)];
});

/** Every index that a store in MySQL makes. */
export const indexesInMysql: readonly string[] = Object.values(mysqlTables()).flatMap((table) =>
  getMysqlTableConfig(table).indexes.map(({ config }) => config.name),
);
