import { existsSync, readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
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

// Tiers, chosen by SESSIONDB_TEST_TIER (scripts/test-tier.mjs): the usual tests; `more`: second drivers, poolers and what
// takes long; `agno`: with the real Agno, in Python; `slow`: rounds of kills.
const tier = process.env["SESSIONDB_TEST_TIER"] ?? "usual";
const tiers: Readonly<Record<string, { include: string[]; exclude: string[] }>> = {
  usual: { include: ["**/test/**/*.test.ts"], exclude: ["**/*.{more,agno,slow}.test.ts"] },
  more: { include: ["**/test/**/*.more.test.ts"], exclude: [] },
  agno: { include: ["**/test/**/*.agno.test.ts"], exclude: [] },
  slow: { include: ["**/test/**/*.slow.test.ts", "**/test/processes{,.more}.test.ts"], exclude: [] },
};

export default defineConfig({
  // @sessiondb/* means the sources, so tests need no build.
  ssr: { resolve: { conditions: ["@sessiondb/source", ...defaultServerConditions] } },
  test: {
    projects: [
      ...packages.map((name) => project(`packages/${name}`, name)),
      ...["examples", "docs", "agno"].map((name) => project(name, name)),
    ],
    include: tiers[tier]?.include ?? [],
    exclude: ["**/node_modules/**", "**/dist/**", ...(tiers[tier]?.exclude ?? [])],
    setupFiles: [new URL("scripts/vitest-setup.ts", import.meta.url).pathname],
    // Much of the time goes into waiting for servers and processes.
    maxWorkers: Math.max(2, availableParallelism()),
    passWithNoTests: true,
    reporters: ["default", "json"],
    outputFile: { json: `.test-results/${tier}.json` },
  },
});
