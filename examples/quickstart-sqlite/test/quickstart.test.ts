import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const output = mkdtempSync(join(tmpdir(), "sessiondb-"));
afterAll(() => rmSync(output, { recursive: true, force: true }));

function demo(env: NodeJS.ProcessEnv): Promise<{ stdout: string; stderr: string }> {
  const flags = ["--conditions=@sessiondb/source", "--import=tsx"];
  return promisify(execFile)(process.execPath, [...flags, "src/main.ts", output], { cwd: root, env });
}

function data(): string {
  const hash = createHash("sha256");
  for (const name of readdirSync(join(root, "data"))) {
    hash.update(name).update(readFileSync(join(root, "data", name)));
  }
  return hash.digest("hex");
}

test("the demo can run repeatedly, and does not change its input", { timeout: 120_000 }, async () => {
  const before = data();
  const { stdout, stderr } = await demo({ ...process.env, INIT_CWD: output, NO_COLOR: "1", FORCE_COLOR: undefined });
  expect(stderr).toBe("");
  expect(stdout).not.toContain("\u001b");
  expect(stdout).toContain("Sunny in Paris, 21 degrees");
  expect(stdout).toContain("✓ All 3 sessions with their 13 runs are exactly as they were before the stop.");
  expect(Math.max(...stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
  expect(new Set([...stdout.matchAll(/Process (\d+)/g)].map(([, id]) => id)).size).toBe(2);

  const coloured = await demo({ ...process.env, NO_COLOR: undefined, FORCE_COLOR: "1" });
  expect(coloured.stdout).toContain("\u001b[32m✓");
  expect(coloured.stdout).toContain("All 3 sessions with their 13 runs");
  expect(data()).toBe(before);
});
