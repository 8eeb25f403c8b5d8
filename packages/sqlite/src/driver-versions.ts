import nodeModule from "node:module";
import { DatabaseError } from "@sessiondb/core";

/** What decides whether better-sqlite3 can be used. */
export interface Versions {
  /** Of better-sqlite3; null where it is not known, as in a bundle. */
  readonly driver: string | null;
  /** Of Node. */
  readonly node: string;
  /** Of Node-API. */
  readonly napi: string | undefined;
}

/** The Node-API that better-sqlite3 13 is built for: it is in Node 22.14 and newer. */
const neededNapi = 10;

/**
 * What to do about versions that end the process without an error, or null for those that work together.
 */
export function problemOfVersions({ driver, node, napi }: Versions): string | null {
  const major = Number(driver?.split(".")[0] ?? Number.NaN);
  if (major >= 13 && Number(napi) < neededNapi) {
    return `better-sqlite3 ${driver} crashes Node ${node}. Install better-sqlite3@12, or run on Node 22.14 or newer.`;
  }
  if (major <= 12 && abortsWithCompiledModules(node)) {
    return `better-sqlite3 ${driver} aborts Node ${node} at its garbage collection. Install better-sqlite3@13.`;
  }
  return null;
}

/** Node 24.19 finalises the objects of a module that is not built for Node-API when their environment is gone. */
function abortsWithCompiledModules(node: string): boolean {
  const [major = 0, minor = 0] = node.split(".").map(Number);
  return major === 24 && minor >= 19;
}

let checked = false;

/** Throws before the native module is loaded, which would end the process. */
export function checkVersions(): void {
  if (checked) {
    return;
  }
  const { node, napi } = process.versions;
  const problem = problemOfVersions({ driver: installedDriver(), node, napi });
  if (problem !== null) {
    throw new DatabaseError(problem);
  }
  checked = true;
}

function installedDriver(): string | null {
  try {
    // By the default export, since webpack tries to follow `createRequire` when it is imported by name.
    const manifest: unknown = nodeModule.createRequire(import.meta.url)("better-sqlite3/package.json");
    return (manifest as { version?: string }).version ?? null;
  } catch {
    return null;
  }
}
