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

/** The servers of this test run by name, and how many projects use each; every project has this module of its own. */
type SharedServers = Map<
  string,
  { readonly server: Promise<TestServer | null>; readonly reasons: string[]; users: number }
>;
const registry = globalThis as { sessiondbTestServers?: SharedServers };
const shared = (registry.sessiondbTestServers ??= new Map());

type Key = keyof import("vitest").ProvidedContext;

/**
 * Starts the servers that the tests of a project need, each once for all projects, and hands their URLs to `inject`, null
 * for one that cannot be had.
 *
 * @returns what ends them with the last project and names those that could not be had, for the setup to return.
 */
export async function provideServers(
  project: TestProject,
  databases: { readonly [Name in Key]?: TestDatabase },
): Promise<() => Promise<void>> {
  const used = Object.entries(databases).map(([key, database]) => {
    const reasons: string[] = [];
    const use = shared.get(database.name) ?? { server: obtain(database, reasons), reasons, users: 0 };
    shared.set(database.name, use);
    use.users += 1;
    return { key: key as Key, database, use };
  });
  for (const { key, use } of used) {
    project.provide(key, (await use.server)?.url ?? null);
  }
  return async () => {
    for (const { database, use } of used) {
      use.users -= 1;
      if (use.users === 0) {
        shared.delete(database.name);
        await end(database, await use.server, use.reasons);
      }
    }
  };
}

async function end(database: TestDatabase, server: TestServer | null, reasons: readonly string[]): Promise<void> {
  await server?.stop();
  if (server === null) {
    const found = reasons.map((each) => `; ${each}`).join("");
    process.stderr.write(`Not tested: ${database.name}. ${howToGet(database)}${found}\n`);
    if (process.env["CI"] === "true") {
      process.exitCode = 1;
    }
  }
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
