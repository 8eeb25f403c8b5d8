import type { TestProject } from "vitest/node";

/** A server for tests, started for this run or given by the caller. */
export interface TestServer {
  readonly url: string;
  readonly stop: () => Promise<void>;
}

export interface TestDatabase {
  /** For people: `PostgreSQL 15`. */
  readonly name: string;
  /** The environment variable that names a server to use in place of one started here. */
  readonly variable?: string;
  /** Ways to get a server, tried in order. One that is not open on this machine gives null, or throws to say why. */
  readonly sources: readonly (() => Promise<TestServer | null>)[];
}

type Key = keyof import("vitest").ProvidedContext;

/**
 * Starts the servers that the tests of a project need and hands their URLs to `inject`, null for one that cannot be had.
 *
 * @returns what ends them and names those that could not be had, for the setup to return.
 */
export async function provideServers(
  project: TestProject,
  databases: { readonly [Name in Key]?: TestDatabase },
): Promise<() => Promise<void>> {
  const missing: string[] = [];
  const started = await Promise.all(
    Object.entries(databases).map(async ([key, database]) => {
      const reasons: string[] = [];
      const server = await obtain(database, reasons);
      if (server === null) {
        missing.push(
          `Not tested: ${database.name}. ${howToGet(database)}${reasons.map((each) => `; ${each}`).join("")}`,
        );
      }
      project.provide(key as Key, server?.url ?? null);
      return server;
    }),
  );
  return async () => {
    await Promise.all(started.map(async (server) => server?.stop()));
    for (const line of missing) {
      process.stderr.write(`${line}\n`);
    }
    if (missing.length > 0 && process.env["CI"] === "true") {
      process.exitCode = 1;
    }
  };
}

async function obtain({ variable, sources }: TestDatabase, reasons: string[]): Promise<TestServer | null> {
  const given = variable === undefined ? undefined : process.env[variable];
  if (given !== undefined && given !== "") {
    return { url: given, stop: async () => {} };
  }
  for (const source of sources) {
    try {
      const server = await source();
      if (server !== null) {
        return server;
      }
    } catch (error) {
      reasons.push((error instanceof Error ? error.message : String(error)).replaceAll(/\s+/g, " ").slice(0, 300));
    }
  }
  return null;
}

function howToGet({ variable }: TestDatabase): string {
  return `Install it${variable === undefined ? "" : `, or set ${variable}`}`;
}
