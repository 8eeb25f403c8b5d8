import type { TestProject } from "vitest/node";
import { mariadb, mysql } from "../../scripts/servers/mysql-databases.ts";
import { postgres } from "../../scripts/servers/postgres-databases.ts";
import { provideServers, type TestDatabase } from "../../scripts/servers/provision.ts";
import { pinned, pythonWithAgno } from "../src/environment.ts";

declare module "vitest" {
  interface ProvidedContext {
    postgres: string | null;
    mysql: string | null;
    mariadb: string | null;
    /** The Python with the newest release of Agno that is tested, or null. */
    agno: string | null;
    agnoFirst: string | null;
    agnoTwo: string | null;
  }
}

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  return provideServers(project, {
    postgres,
    mysql,
    mariadb,
    agno: python(process.env["SESSIONDB_TEST_AGNO_VERSION"] ?? pinned.newest),
    agnoFirst: python(pinned.first),
    agnoTwo: python(pinned.two),
  });
}

function python(version: string): TestDatabase {
  return {
    name: `Agno ${version}`,
    sources: [async () => ({ url: await pythonWithAgno(version), stop: async () => {} })],
  };
}
