import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, expect, test } from "vitest";

const program = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "sessiondb-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function main(): Promise<string> {
  const tsx = import.meta.resolve("tsx");
  const flags = ["--conditions=@sessiondb/source", `--import=${tsx}`];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [...flags, program], { cwd: folder });
  expect(stderr).toBe("");
  return stdout.trim();
}

test("the example continues where it stopped, and processes do not lose each other's turns", async () => {
  expect(await main()).toBe('hello: 1 runs, state {"hellos":1}');
  const both = await Promise.all([main(), main()]);
  expect(both).toContain('hello: 3 runs, state {"hellos":3}');
  expect(readdirSync(folder)).toEqual(["sessions.json"]);
}, 60_000);
