import { checkKeys, checkObject } from "./arguments.ts";
import { importMysql, importPostgres, importSqlite } from "./built-in-adapters.ts";
import { ConnectionStringError, InvalidArgumentError } from "./errors.ts";
import { InMemorySessionDb } from "./in-memory-session-db.ts";
import { identifier } from "./option-readers.ts";
import type { SessionDb } from "./session-db.ts";

/** The exports of an adapter package that `openSessionDb` uses. */
export interface SessionDbAdapter {
  /** Makes a store from a connection string of the adapter's scheme; opens nothing yet. */
  fromUrl(url: string): SessionDb;
  /**
   * Returns the connection string of separate storage beside that of `url`, such as a schema, database or file of its own,
   * for a `name` of small letters, digits and `_`. Without this method, `ownStorageOf` is refused.
   */
  ownStorageUrl?(url: string, name: string): string;
}

type AdapterSource = SessionDbAdapter | (() => SessionDbAdapter | Promise<SessionDbAdapter>);

export interface OpenSessionDbOptions {
  /**
   * Adapters by scheme, in lower case and without its colon, or functions that load them:
   * `{ redis: () => import("@acme/redis") }`. An adapter given here replaces the built-in one for its scheme.
   */
  adapters?: Readonly<Record<string, AdapterSource>>;
  /**
   * An id, such as an agent's, that gets storage of its own beside that of the connection string: on Postgres the schema
   * `<id>` (`_<id>` for `public`, and for what begins with `pg_`), on MySQL and MariaDB the database `<database>_<id>`, on
   * SQLite the file `<name>.<id>.db`. In the id, `-` becomes `__`, and any other character but small letters and digits
   * `_<hexadecimal code>_`, so that no two ids share storage.
   */
  ownStorageOf?: string;
}

const builtIn: Readonly<Record<string, SessionDbAdapter | (() => unknown)>> = {
  sqlite: importSqlite,
  file: importSqlite,
  postgres: importPostgres,
  postgresql: importPostgres,
  mysql: importMysql,
  mariadb: importMysql,
  memory: { fromUrl: openMemory, ownStorageUrl: (url) => url },
};

function openMemory(url: string): InMemorySessionDb {
  const [, name] = /\?([^=&#]*)/.exec(url) ?? [];
  if (name !== undefined) {
    throw new ConnectionStringError(`A store in memory has no parameters: leave out ${JSON.stringify(name)}.`);
  }
  return new InMemorySessionDb();
}

/**
 * Opens a store by connection string: `sqlite:agent.db`, `sqlite::memory:`, `postgres://…`, `mysql://…`, `memory:`, or
 * one that an adapter in the options serves. Loads the package of a built-in adapter on demand, from beside this
 * package or from the working directory's project. Errors of functions in the options reach the caller unchanged.
 *
 * @throws ConnectionStringError when the string names no known database.
 * @throws AdapterNotInstalledError when the adapter's package is absent.
 */
export async function openSessionDb(url: string, options: OpenSessionDbOptions = {}): Promise<SessionDb> {
  checkOptions(options);
  const sources = { ...builtIn, ...options.adapters };
  const scheme = typeof url === "string" ? /^([^:]+):/.exec(url)?.[1]?.toLowerCase() : undefined;
  const source = scheme !== undefined && Object.hasOwn(sources, scheme) ? sources[scheme] : undefined;
  if (source === undefined) {
    throw new ConnectionStringError(
      `The connection string must begin with one of ${Object.keys(sources).join(":, ")}:, for example sqlite:agent.db. ` +
        "For another database, pass its adapter in options.adapters.",
    );
  }
  const adapter: unknown = isAdapter(source) ? source : await source();
  if (!isAdapter(adapter)) {
    const isModule = isAdapter((adapter as { default?: unknown } | null | undefined)?.default);
    throw new InvalidArgumentError(
      `adapters.${scheme}`,
      "a function that returns an adapter, which has fromUrl(url)" +
        (isModule ? ": the adapter is the module's default export, so return `module.default`" : ""),
    );
  }
  const { ownStorageOf } = options;
  const place = ownStorageOf === undefined ? url : ownStorageUrl(adapter, url, ownStorageOf);
  // An adapter in JavaScript may return a promise.
  const db = await (adapter.fromUrl(place) as SessionDb | Promise<SessionDb>);
  if (typeof (db as Partial<SessionDb> | null | undefined)?.getSession !== "function") {
    throw new InvalidArgumentError(`adapters.${scheme}`, "an adapter whose fromUrl(url) returns a store");
  }
  return db;
}

function checkOptions(options: OpenSessionDbOptions): void {
  checkKeys(options, "options", ["adapters", "ownStorageOf"]);
  if (options.ownStorageOf !== undefined) {
    identifier(options.ownStorageOf, "ownStorageOf");
  }
  if (options.adapters === undefined) {
    return;
  }
  checkObject(options.adapters, "adapters");
  for (const [scheme, source] of Object.entries(options.adapters)) {
    if (!/^[a-z][a-z0-9+.-]*$/.test(scheme)) {
      throw new InvalidArgumentError(
        "adapters",
        `keyed by schemes in lower case without a colon, such as redis, not by ${JSON.stringify(scheme)}`,
      );
    }
    if (typeof source !== "function" && !isAdapter(source)) {
      throw new InvalidArgumentError(
        `adapters.${scheme}`,
        "an adapter, which has fromUrl(url), or a function that returns one",
      );
    }
  }
}

function ownStorageUrl(adapter: SessionDbAdapter, url: string, id: string): string {
  if (adapter.ownStorageUrl === undefined) {
    throw new ConnectionStringError("The adapter of this connection string has no storage of its own for an id.");
  }
  const name = id.replaceAll(/[^a-z0-9]/gu, (character) =>
    character === "-" ? "__" : `_${(character.codePointAt(0) ?? 0).toString(16)}_`,
  );
  return adapter.ownStorageUrl(url, name);
}

function isAdapter(value: unknown): value is SessionDbAdapter {
  return typeof (value as Partial<SessionDbAdapter> | null | undefined)?.fromUrl === "function";
}
