import nodeModule from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { importFile } from "../import-file.js";
import { AdapterNotInstalledError } from "./errors.ts";

// Bundlers follow only a literal `import()`, and accept a missing package only if a `try` surrounds it directly. So
// each adapter has its own function.

export async function importSqlite(): Promise<unknown> {
  let found: unknown;
  try {
    // @ts-expect-error The adapter depends on this package, not this package on the adapter.
    found = await import("@sessiondb/sqlite");
  } catch (error) {
    found = error;
  }
  return orFromProject("@sessiondb/sqlite", found);
}

export async function importPostgres(): Promise<unknown> {
  let found: unknown;
  try {
    // @ts-expect-error As above.
    found = await import("@sessiondb/postgres");
  } catch (error) {
    found = error;
  }
  return orFromProject("@sessiondb/postgres", found);
}

export async function importMysql(): Promise<unknown> {
  let found: unknown;
  try {
    // @ts-expect-error As above.
    found = await import("@sessiondb/mysql");
  } catch (error) {
    found = error;
  }
  return orFromProject("@sessiondb/mysql", found);
}

/**
 * Returns what was found if it is the adapter. Otherwise loads the adapter from the project in the working directory,
 * which sees packages that its package manager hides from this one.
 */
async function orFromProject(packageName: string, found: unknown): Promise<unknown> {
  if (found instanceof Error && !isAbout(packageName, found)) {
    throw found;
  }
  // Next with webpack replaces a missing package with an empty module.
  if (typeof found === "object" && found !== null && "fromUrl" in found) {
    return found;
  }
  // Through the default export: webpack tries to follow a `createRequire` that is imported by name.
  const require = nodeModule.createRequire(join(process.cwd(), "package.json"));
  let file: string;
  try {
    file = require.resolve(packageName);
  } catch (cause) {
    throw new AdapterNotInstalledError(packageName, { cause });
  }
  return importFile(pathToFileURL(file).href);
}

/** Whether this package is missing, not one of its dependencies: Node, Yarn and bundlers name the missing one first. */
function isAbout(packageName: string, error: Error): boolean {
  return /(?:["']|tried to access )([^"'\s]+)/.exec(error.message)?.[1] === packageName;
}
