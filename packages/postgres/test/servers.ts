import type { TestProject } from "vitest/node";
import { newerPgBouncer, newerPostgres, pgBouncer, postgres } from "../../../scripts/servers/postgres-databases.ts";
import { provideServers } from "../../../scripts/servers/provision.ts";

declare module "vitest" {
  interface ProvidedContext {
    postgres: string | null;
    newerPostgres: string | null;
    pgBouncer: string | null;
    newerPgBouncer: string | null;
  }
}

/** The servers of each tier of tests. */
const databases: Readonly<Record<string, Parameters<typeof provideServers>[1]>> = {
  more: { postgres, newerPostgres, pgBouncer, newerPgBouncer },
  slow: { postgres, pgBouncer, newerPgBouncer },
};

export function setup(project: TestProject): Promise<() => Promise<void>> {
  return provideServers(project, databases[process.env["SESSIONDB_TEST_TIER"] ?? ""] ?? { postgres });
}
