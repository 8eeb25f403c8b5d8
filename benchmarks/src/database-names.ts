/** The databases that are measured, by the name to choose one by. */
export const databaseNames = ["sqlite", "postgres", "mysql", "mariadb"] as const;
export type DatabaseName = (typeof databaseNames)[number];

/** The databases as a text names them. */
export const titles: Readonly<Record<DatabaseName, string>> = {
  sqlite: "SQLite",
  postgres: "Postgres",
  mysql: "MySQL",
  mariadb: "MariaDB",
};
