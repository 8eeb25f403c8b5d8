import type { TestProject } from "vitest/node";
import { browser } from "../../scripts/servers/chromium.ts";
import { provideServers } from "../../scripts/servers/provision.ts";

declare module "vitest" {
  interface ProvidedContext {
    browser: string | null;
  }
}

/** Comes on top of `servers.ts`. */
export function setup(project: TestProject): Promise<() => Promise<void>> {
  return provideServers(project, { browser });
}
