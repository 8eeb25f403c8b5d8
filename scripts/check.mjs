// Everything besides the tests that must hold before a change is merged. Runs all steps, then names those that failed.
// `--quick` leaves out the last one, which takes as long as the others together.
import { spawnSync } from "node:child_process";

const steps = [
  ["Lint", "npm run -s lint"],
  ["Format (npm run format repairs it)", "npx --no -- oxfmt --check"],
  ["Type check", "npm run -s typecheck"],
  ["Unused files, exports and dependencies", "npx --no -- knip"],
  ["Addresses of the repository (node scripts/repository.mjs --update repairs them)", "node scripts/repository.mjs"],
  ["Build", "node scripts/build-packages.mjs"],
  ["API snapshots", "node scripts/api-snapshot.mjs"],
  ["Packages as users get them", "node scripts/test-packages.mjs"],
];

const failed = [];
for (const [name, command] of process.argv.includes("--quick") ? steps.slice(0, -1) : steps) {
  console.log(`\n▸ ${name}: ${command}`);
  const started = Date.now();
  const { status } = spawnSync(command, { shell: true, stdio: "inherit" });
  if (status !== 0) {
    failed.push(name);
  }
  console.log(`${status === 0 ? "✓" : "✗"} ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
}
console.log(failed.length === 0 ? "\nAll checks passed." : `\nFailed: ${failed.join(", ")}`);
process.exit(failed.length === 0 ? 0 : 1);
