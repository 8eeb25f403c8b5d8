import type { TestProject } from "vitest/node";
import { newerPostgres, pgBouncer, postgres } from "../../../scripts/servers/postgres-databases.ts";
import { provideServers } from "../../../scripts/servers/provision.ts";

declare module "vitest" {
  interface ProvidedContext {
    postgres: string | null;
    newerPostgres: string | null;
    pgBouncer: string | null;
  }
}

export function setup(project: TestProject): Promise<() => Promise<void>> {
  const isMore = process.env["SESSIONDB_TEST_TIER"] === "more";
  return provideServers(project, isMore ? { postgres, newerPostgres, pgBouncer } : { postgres });
}
