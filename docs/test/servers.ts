import type { TestProject } from "vitest/node";
import { mariadb, mysql } from "../../scripts/servers/mysql-databases.ts";
import { postgres } from "../../scripts/servers/postgres-databases.ts";
import { provideServers } from "../../scripts/servers/provision.ts";

declare module "vitest" {
  interface ProvidedContext {
    postgres: string | null;
    mysql: string | null;
    mariadb: string | null;
  }
}

export function setup(project: TestProject): Promise<() => Promise<void>> {
  return provideServers(project, { postgres, mysql, mariadb });
}
