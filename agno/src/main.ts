// Checks a release of Agno against this library: `npm run agno -- 3.2.0`. Prints what it stores otherwise than the newest
// release that is tested, and runs the tests with it.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { changesSince, describeAgno } from "./description.ts";
import { pinned, pythonWithAgno } from "./environment.ts";

const [version = ""] = process.argv.slice(2);
if (!/^\d+\.\d+\.\d+\w*$/.test(version)) {
  console.error(`Name a release of Agno: npm run agno -- ${pinned.newest}`);
  process.exit(2);
}

console.log(`Installing Agno ${version} ...`);
let python: string;
try {
  python = await pythonWithAgno(version);
} catch (error) {
  console.error(`Agno ${version} cannot be installed: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}

const changes = changesSince(await describeAgno(python));
console.log(
  changes.length === 0
    ? `Agno ${version} stores what ${pinned.newest} stores.`
    : `What Agno ${version} stores otherwise than ${pinned.newest} (+ new, - gone, ~ changed):\n${changes.join("\n")}`,
);

console.log(`\nRunning the tests with Agno ${version} ...`);
const tier = fileURLToPath(new URL("../../scripts/test-tier.mjs", import.meta.url));
const { status } = spawnSync(process.execPath, [tier, "agno"], {
  env: { ...process.env, SESSIONDB_TEST_AGNO_VERSION: version },
  stdio: "inherit",
});
process.exitCode = status ?? 1;
