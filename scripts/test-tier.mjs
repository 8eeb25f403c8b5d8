// Runs the tests of one tier: `node scripts/test-tier.mjs more`, again and again with `--watch`. vitest.config.ts says what
// belongs to it.
import { spawnSync } from "node:child_process";

const [tier, ...options] = process.argv.slice(2);
const env = { ...process.env, SESSIONDB_TEST_TIER: tier };
const { status } = spawnSync(
  "npx",
  ["--no", "--", "vitest", ...(options.includes("--watch") ? [] : ["run"]), ...options],
  {
    env,
    shell: process.platform === "win32",
    stdio: "inherit",
  },
);
process.exit(status ?? 1);
