import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SessionDbError } from "@sessiondb/core";
import { afterStop } from "./after-stop.ts";
import { beforeStop } from "./before-stop.ts";
import { title } from "./terminal.ts";

// Without a half: prepares a copy of the data, then runs the two halves in a process each.
const folder = fileURLToPath(new URL("..", import.meta.url));
const halves = { before: beforeStop, after: afterStop };
const [output = join(folder, "output"), half] = process.argv.slice(2);
const file = join(output, "sessions.db");
const expected = join(output, "expected.json");

try {
  if (half === "before" || half === "after") {
    await halves[half](file, expected);
  } else {
    prepare();
    title("sessiondb", "sessions of AI agents in SQLite, shared with Agno");
    for (const each of Object.keys(halves)) {
      runHalf(each);
    }
  }
} catch (error) {
  const reason = SessionDbError.isInstance(error) ? `${error.code}: ${error.message}` : String(error);
  process.stderr.write(`\nThe demo failed. ${reason}\n`);
  process.exitCode = 1;
}

function prepare(): void {
  rmSync(output, { recursive: true, force: true });
  mkdirSync(output, { recursive: true });
  copyFileSync(join(folder, "data/agno-2-agent.db"), file);
}

function runHalf(name: string): void {
  const [program = ""] = process.argv.slice(1);
  const { status } = spawnSync(process.execPath, [...process.execArgv, program, output, name], { stdio: "inherit" });
  // The half has said why.
  if (status !== 0) {
    process.exit(status ?? 1);
  }
}
