// Prints the totals of the last test run, from Vitest's JSON report.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { readJson, root } from "./packages.mjs";

const report = join(root, ".test-results/vitest.json");
const {
  numPassedTests = 0,
  numFailedTests = 0,
  numPendingTests = 0,
  testResults = [],
} = existsSync(report) ? readJson(report) : {};
// A file that cannot be loaded has no tests, and is still a failure.
const unloadable = testResults.filter((file) => file.status === "failed" && file.assertionResults.length === 0).length;
const skipped = numPendingTests > 0 ? `, ${numPendingTests} skipped` : "";
console.log(`Tests: ${numPassedTests} passed, ${numFailedTests + unloadable} failed${skipped}`);
