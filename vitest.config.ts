import { existsSync, readdirSync, statfsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { defaultServerConditions } from "vite";
import { defineConfig } from "vitest/config";
import { BaseSequencer } from "vitest/node";

// Tiers, chosen by SESSIONDB_TEST_TIER (scripts/test-tier.mjs): the usual tests; `fast`: those of them that need no
// server and no further process; `more`: second drivers, poolers and what takes long; `ai7`: those of the agents, with
// their examples and documents, on AI SDK 7; `agno`: with the real Agno, in Python; `slow`: rounds of kills.
const tier = process.env["SESSIONDB_TEST_TIER"] ?? "usual";
const usual = { include: ["**/test/**/*.test.ts"], exclude: ["**/*.{more,agno,slow}.test.ts"] };
const tiers: Readonly<Record<string, { include: string[]; exclude: string[] }>> = {
  usual,
  fast: usual,
  // With its own version of the MCP client.
  ai7: { include: [...usual.include, "**/test/mcp.more.test.ts"], exclude: ["**/!(mcp).{more,agno,slow}.test.ts"] },
  more: { include: ["**/test/**/*.more.test.ts"], exclude: [] },
  agno: { include: ["**/test/**/*.agno.test.ts"], exclude: [] },
  slow: { include: ["**/test/**/*.slow.test.ts", "**/test/processes{,.more}.test.ts"], exclude: [] },
};
const { include, exclude } = tiers[tier] ?? usual;

/** What is not fast, in each project: it needs a server, starts programs, waits, or tries very much. */
const slower: Readonly<Record<string, string[]>> = {
  postgres: ["**"],
  mysql: ["**"],
  docs: ["test/grants.test.ts"],
  examples: ["**"],
  core: ["test/conformance-long.test.ts"],
  sqlite: ["test/{crashes,locks,open,processes,query-plans,refusals}.test.ts"],
  conformance: ["test/broken-stores.test.ts"],
  agent: ["test/{cancel-processes,cancel-run,cancels,endings,mcp,pauses,scopes,stream-readers}.test.ts"],
};

// Databases in files write much and keep nothing: they are in memory on a machine that has room for them.
const memory = "/dev/shm";
if (existsSync(memory) && statfsSync(memory).bavail * statfsSync(memory).bsize > 8 * 2 ** 30) {
  process.env["TMPDIR"] ??= memory;
}

// One project per package, named like its folder: `vitest --project sqlite`.
// A `test/servers.ts` starts the database servers that the project's tests need, a `test/servers.more.ts` those of a tier.
const project = (root: string, name: string, files = { include, exclude }) => ({
  extends: true as const,
  root,
  test: {
    name,
    include: files.include,
    exclude: ["**/node_modules/**", "**/dist/**", ...files.exclude, ...(tier === "fast" ? (slower[name] ?? []) : [])],
    globalSetup: (tier === "fast" || tier === "ai7" ? [] : ["servers.ts", `servers.${tier}.ts`])
      .map((file) => resolve(root, "test", file))
      .filter((file) => existsSync(file)),
  },
});
const packages = readdirSync("packages").filter((name) => existsSync(`packages/${name}/test`));
const ai7 = resolve("packages/agent/node_modules/ai7/dist");
const mcp7 = resolve("packages/agent/node_modules/@ai-sdk/mcp7/dist");

/** What takes longest comes first: one of these at the end would keep one worker busy and the others waiting. */
const longest = [
  /mysql.*conformance/,
  /postgres.*conformance/,
  /conformance(-long)?\.test/,
  /agno-deletes|query-plans|faults|pauses/,
];

class LongestFirst extends BaseSequencer {
  override async sort(files: Parameters<BaseSequencer["sort"]>[0]): ReturnType<BaseSequencer["sort"]> {
    const place = ({ moduleId }: (typeof files)[number]): number => {
      const found = longest.findIndex((pattern) => pattern.test(moduleId));
      return found === -1 ? longest.length : found;
    };
    // oxlint-disable-next-line unicorn/no-array-sort -- It is no array's.
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => place(a) - place(b));
  }
}

export default defineConfig({
  // @sessiondb/* means the sources, so tests need no build.
  ssr: { resolve: { conditions: ["@sessiondb/source", ...defaultServerConditions] } },
  resolve: {
    alias:
      tier === "ai7"
        ? [
            { find: /^ai$/, replacement: resolve(ai7, "index.js") },
            { find: /^ai\/test$/, replacement: resolve(ai7, "test/index.js") },
            { find: /^@ai-sdk\/mcp$/, replacement: resolve(mcp7, "index.js") },
            { find: /^@ai-sdk\/mcp\/mcp-stdio$/, replacement: resolve(mcp7, "mcp-stdio/index.js") },
          ]
        : [],
  },
  test: {
    projects:
      tier === "ai7"
        ? [
            project("packages/ai-sdk", "ai-sdk"),
            project("packages/agent", "agent"),
            project("docs", "docs", { include: ["test/snippets.more.test.ts"], exclude: [] }),
            project("examples", "examples", {
              include: ["{agents,chat-endpoint}/test/*.test.ts", "chat/test/{hostile,reload}.more.test.ts"],
              exclude: [],
            }),
          ]
        : [
            ...packages.map((name) => project(`packages/${name}`, name)),
            ...["examples", "docs", "agno"].map((name) => project(name, name)),
          ],
    setupFiles: [fileURLToPath(new URL("scripts/vitest-setup.ts", import.meta.url))],
    // Much of the time goes into waiting for servers and processes.
    maxWorkers: Math.max(2, availableParallelism()),
    // What was transformed once is read back, under node_modules.
    experimental: { fsModuleCache: true },
    // A process for each file would load its packages again: a third of all work. See scripts/vitest-setup.ts.
    isolate: false,
    sequence: { sequencer: LongestFirst },
    coverage: { include: ["packages/!(testing)/src/**"], reporter: ["text", "html"] },
    testTimeout: 20_000,
    passWithNoTests: true,
    reporters: ["default", "json"],
    outputFile: { json: `.test-results/${tier}.json` },
  },
});
