import { existsSync, readdirSync } from "node:fs";
import { resolve } from "node:path";
import { defaultServerConditions } from "vite";
import { defineConfig } from "vitest/config";

// One project per package, named like its folder: `vitest --project sqlite`.
// A `test/servers.ts` starts the database servers that the project's tests need.
const project = (root: string, name: string) => ({
  extends: true as const,
  root,
  test: { name, globalSetup: [resolve(root, "test/servers.ts")].filter((file) => existsSync(file)) },
});
const packages = readdirSync("packages").filter((name) => existsSync(`packages/${name}/package.json`));

export default defineConfig({
  // @sessiondb/* means the sources, so tests need no build.
  ssr: { resolve: { conditions: ["@sessiondb/source", ...defaultServerConditions] } },
  test: {
    projects: [
      ...packages.map((name) => project(`packages/${name}`, name)),
      ...["examples", "docs"].map((name) => project(name, name)),
    ],
    include: ["**/test/**/*.test.ts"],
    exclude: [
      "**/node_modules/**",
      "**/dist/**",
      ...(process.env["SESSIONDB_SLOW"] === "1" ? [] : ["**/*.slow.test.ts"]),
    ],
    setupFiles: [new URL("scripts/vitest-setup.ts", import.meta.url).pathname],
    passWithNoTests: true,
    reporters: ["default", "json"],
    outputFile: { json: ".test-results/vitest.json" },
  },
});
