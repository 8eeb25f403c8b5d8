import nodeModule from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { importFile } from "../import-file.js";
import { AdapterNotInstalledError } from "./errors.ts";

// A bundler takes in what it finds by a literal `import()`, and only a `try` right around it allows the package to be
// absent from the build. So each adapter has its own.

export async function importSqlite(): Promise<unknown> {
  try {
    // @ts-expect-error The adapter depends on this package, not this package on the adapter.
    return await import("@sessiondb/sqlite");
  } catch (error) {
    return importFromProject("@sessiondb/sqlite", error);
  }
}

export async function importPostgres(): Promise<unknown> {
  try {
    // @ts-expect-error As above.
    return await import("@sessiondb/postgres");
  } catch (error) {
    return importFromProject("@sessiondb/postgres", error);
  }
}

export async function importMysql(): Promise<unknown> {
  try {
    // @ts-expect-error As above.
    return await import("@sessiondb/mysql");
  } catch (error) {
    return importFromProject("@sessiondb/mysql", error);
  }
}

/** Package managers that keep packages apart hide the adapter from this one, but not from the project that installed it. */
async function importFromProject(packageName: string, error: unknown): Promise<unknown> {
  if (!isMissing(error, packageName)) {
    throw error;
  }
  // By the default export, since webpack tries to follow `createRequire` when it is imported by name.
  const require = nodeModule.createRequire(join(process.cwd(), "package.json"));
  let file: string;
  try {
    file = require.resolve(packageName);
  } catch (cause) {
    throw new AdapterNotInstalledError(packageName, { cause });
  }
  return importFile(pathToFileURL(file).href);
}

/** Whether it is this package that is missing, and not one that it needs. Node and every bundler name it first. */
function isMissing(error: unknown, packageName: string): boolean {
  return error instanceof Error && /["'](.+?)["']/.exec(error.message)?.[1] === packageName;
}
