import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { AdapterNotInstalledError, ConnectionStringError } from "./errors.ts";
import { InMemorySessionDb } from "./in-memory-session-db.ts";
import type { SessionDb } from "./session-db.ts";

/** What an adapter package exports for `openSessionDb`. */
export interface SessionDbAdapter {
  /** Makes a store from a connection string of the adapter's scheme; opens nothing yet. */
  fromUrl(url: string): SessionDb;
}

const adapters: Readonly<Record<string, string>> = {
  "sqlite:": "@sessiondb/sqlite",
  "file:": "@sessiondb/sqlite",
  "postgres:": "@sessiondb/postgres",
  "postgresql:": "@sessiondb/postgres",
  "mysql:": "@sessiondb/mysql",
  "mariadb:": "@sessiondb/mysql",
};

/**
 * Opens a store by connection string: `sqlite:agent.db`, `sqlite::memory:`, `postgres://…`, `mysql://…` or `memory:`. The
 * adapter's package is loaded on demand, from beside this package or from the working directory's project.
 *
 * @throws ConnectionStringError when the string names no known database.
 * @throws AdapterNotInstalledError when the adapter's package is absent.
 */
export async function openSessionDb(url: string): Promise<SessionDb> {
  const scheme = typeof url === "string" ? /^[a-z]+:/i.exec(url)?.[0].toLowerCase() : undefined;
  if (scheme === "memory:") {
    return new InMemorySessionDb();
  }
  const packageName = scheme === undefined ? undefined : adapters[scheme];
  if (packageName === undefined) {
    throw new ConnectionStringError(
      "The connection string must begin with sqlite:, postgres://, mysql:// or memory:, for example sqlite:agent.db",
    );
  }
  const adapter = (await load(packageName)) as SessionDbAdapter;
  return adapter.fromUrl(url);
}

async function load(packageName: string): Promise<unknown> {
  try {
    return await import(packageName);
  } catch (error) {
    if (!isMissing(error, packageName)) {
      throw error;
    }
  }
  // Package managers that keep packages apart hide the adapter from this one, but not from the project that installed it.
  const require = createRequire(join(process.cwd(), "package.json"));
  let file: string;
  try {
    file = require.resolve(packageName);
  } catch (cause) {
    throw new AdapterNotInstalledError(packageName, { cause });
  }
  return import(pathToFileURL(file).href);
}

function isMissing(error: unknown, packageName: string): boolean {
  return (
    error instanceof Error &&
    "code" in error &&
    error.code === "ERR_MODULE_NOT_FOUND" &&
    error.message.includes(packageName)
  );
}
