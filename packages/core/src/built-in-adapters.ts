import nodeModule from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { importFile } from "../import-file.js";
import { AdapterNotInstalledError } from "./errors.ts";

// A bundler takes in what it finds by a literal `import()`, and only a `try` right around it allows the package to be
// absent from the build. So each adapter has its own.

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
 * What was found, if that is the adapter; if nothing was, the adapter from the project of the working directory, which sees
 * packages that its package manager hides from this one.
 */
async function orFromProject(packageName: string, found: unknown): Promise<unknown> {
  if (found instanceof Error && !isAbout(packageName, found)) {
    throw found;
  }
  // Next, with webpack, puts an empty module in the place of a package that is absent.
  if (typeof found === "object" && found !== null && "fromUrl" in found) {
    return found;
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

/** Whether it is this package that cannot be found, not one that it needs: Node, Yarn and the bundlers name that one first. */
function isAbout(packageName: string, error: Error): boolean {
  return /(?:["']|tried to access )([^"'\s]+)/.exec(error.message)?.[1] === packageName;
}
