import type { TestProject } from "vitest/node";
import { postgres } from "../../../scripts/servers/postgres-databases.ts";
import { provideServers } from "../../../scripts/servers/provision.ts";

declare module "vitest" {
  interface ProvidedContext {
    postgres: string | null;
  }
}

export function setup(project: TestProject): Promise<() => Promise<void>> {
  return provideServers(project, { postgres });
}
