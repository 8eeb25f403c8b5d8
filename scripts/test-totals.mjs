// Prints the totals of the last test runs, from Vitest's JSON reports: one of each tier that was run.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { readJson, root } from "./packages.mjs";

const folder = join(root, ".test-results");
const reports = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".json")) : [];
let [passed, failed, pending] = [0, 0, 0];
for (const name of reports) {
  const report = readJson(join(folder, name));
  passed += report.numPassedTests;
  // A file that cannot be loaded has no tests, and is still a failure.
  failed += report.numFailedTests;
  failed += report.testResults.filter((file) => file.status === "failed" && file.assertionResults.length === 0).length;
  pending += report.numPendingTests;
}
console.log(`Tests: ${passed} passed, ${failed} failed${pending > 0 ? `, ${pending} skipped` : ""}`);
