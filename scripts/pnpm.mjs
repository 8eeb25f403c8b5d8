// Runs the pnpm version that package.json pins ("packageManager"), whether or not pnpm is installed.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

const { packageManager } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
const shell = process.platform === "win32";
const env = { ...process.env, DO_NOT_TRACK: "1", TURBO_TELEMETRY_DISABLED: "1" };

const installed = spawnSync("pnpm", ["--version"], {
  encoding: "utf8",
  shell,
  // Without this another pnpm would fetch the pinned one and answer with its version.
  env: { ...env, npm_config_manage_package_manager_versions: "false" },
});
const usable = installed.status === 0 && `pnpm@${installed.stdout.trim()}` === packageManager;
const [command, ...prefix] = usable ? ["pnpm"] : ["npx", "--yes", packageManager];
const result = spawnSync(command, [...prefix, ...process.argv.slice(2)], { stdio: "inherit", shell, env });
process.exit(result.status ?? 1);
