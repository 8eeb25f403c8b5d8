import { ConnectionStringError } from "@sessiondb/core";

/**
 * Derives the connection string of a component's own storage from a shared one: schema `<id>` or `<schema>_<id>` on
 * Postgres, database `<database>_<id>` on MySQL and MariaDB, file `<name>.<id>.db` on SQLite. In the id, `-` becomes
 * `__`, and anything but lowercase letters and digits becomes `_<hexadecimal code>_`, so no two ids share storage.
 *
 * @throws ConnectionStringError for a database of another kind, or an invalid URL.
 */
export function ownStorageUrl(url: string, id: string): string {
  const name = storageName(id);
  switch (url.slice(0, url.indexOf(":") + 1).toLowerCase()) {
    case "postgres:":
    case "postgresql:":
      return withSetting(url, "schema", (schema) => (schema === null ? name : `${schema}_${name}`));
    case "mysql:":
    case "mariadb:":
      return withSetting(url, "database", (database, path) => `${database ?? path.slice(1)}_${name}`);
    case "sqlite:":
    case "file:":
      return url.endsWith(":memory:") ? url : `${url.replace(/\.(db|sqlite3?)$/i, "")}.${name}.db`;
    case "memory:":
      return url;
    default:
      throw unusable();
  }
}

function withSetting(url: string, name: string, setting: (given: string | null, path: string) => string): string {
  if (!URL.canParse(url)) {
    throw unusable();
  }
  const parsed = new URL(url);
  parsed.searchParams.set(name, setting(parsed.searchParams.get(name), decodeURIComponent(parsed.pathname)));
  return parsed.href;
}

function storageName(id: string): string {
  return id.replaceAll(/[^a-z0-9]/gu, (character) =>
    character === "-" ? "__" : `_${(character.codePointAt(0) ?? 0).toString(16)}_`,
  );
}

function unusable(): ConnectionStringError {
  return new ConnectionStringError(
    "With ownStorage, db must be a valid connection string of SQLite, Postgres, MySQL or MariaDB.",
  );
}
