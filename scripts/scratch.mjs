// A scratch folder with the packages as users get them, for the scripts that test those. It goes with the process. Needs
// a build.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { publicPackages, root } from "./packages.mjs";

export const scratch = realpathSync(mkdtempSync(join(tmpdir(), "sessiondb-")));
const tarballs = join(scratch, "tarballs");
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.once(signal, () => process.exit(1));
}

/** Runs a command and returns what it prints; if it fails, says so and ends the script. */
export function run(command, cwd = root, env = {}) {
  const options = { cwd, env: { ...process.env, ...env }, shell: true, encoding: "utf8", timeout: 600_000 };
  const { status, stdout, stderr } = spawnSync(command, options);
  if (status === 0) {
    return stdout;
  }
  console.error(`${command}\n${stdout}${stderr}`);
  process.exit(1);
}

export function pack() {
  mkdirSync(tarballs);
  run(
    `node scripts/pnpm.mjs --recursive --filter "./packages/*" --filter "!@sessiondb/testing" pack --pack-destination "${tarballs}"`,
  );
}

export const tarballOf = ({ manifest }) =>
  join(tarballs, `${manifest.name.replace("@", "").replace("/", "-")}-${manifest.version}.tgz`);

/** Installs packed packages with npm in a project: those named, the drivers that are their peers, and others. */
export function install(project, names, others = {}) {
  const dependencies = { ...others };
  for (const each of publicPackages.filter(({ name }) => names.includes(name))) {
    dependencies[each.manifest.name] = `file:${tarballOf(each)}`;
    for (const peer of Object.keys(each.manifest.peerDependencies ?? {})) {
      dependencies[peer] = each.manifest.devDependencies[peer];
    }
  }
  mkdirSync(project, { recursive: true });
  writeFileSync(join(project, "package.json"), JSON.stringify({ private: true, type: "module", dependencies }));
  run("npm install --ignore-scripts --no-audit --no-fund --no-package-lock", project);
  if (existsSync(join(project, "node_modules/better-sqlite3"))) {
    // Compiling SQLite again would take a minute: take the binary that this repository's install made.
    const binary = "node_modules/better-sqlite3/build/Release/better_sqlite3.node";
    cpSync(join(root, "packages/sqlite", binary), join(project, binary));
  }
}
