// Tests the packages as users get them: packs each, checks the tarball with publint and attw, installs all tarballs
// with npm in a scratch project, then type-checks and runs every program of scripts/tarball/ there, and the conformance
// suite as its README shows it. Needs a build.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { publicPackages, readJson, root } from "./packages.mjs";

const scratch = mkdtempSync(join(tmpdir(), "sessiondb-"));
const tarballs = join(scratch, "tarballs");
const project = join(scratch, "project");
mkdirSync(tarballs);
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));

function run(command, cwd = root) {
  const { status, stdout, stderr } = spawnSync(command, { cwd, shell: true, encoding: "utf8" });
  if (status === 0) return;
  console.error(`${command}\n${stdout}${stderr}`);
  process.exit(1);
}

run(`node scripts/pnpm.mjs --recursive --filter "./packages/*" pack --pack-destination "${tarballs}"`);
const tarballOf = ({ manifest }) =>
  join(tarballs, `${manifest.name.replace("@", "").replace("/", "-")}-${manifest.version}.tgz`);

for (const each of publicPackages) {
  run(`npx --no -- publint run "${tarballOf(each)}" --strict`);
  run(`npx --no -- attw "${tarballOf(each)}" --profile esm-only`);
  console.log(`${each.manifest.name}: publint and attw have nothing to say`);
}

// The scratch project gets what a user would install: the packages, and the drivers that are their peers.
cpSync(join(root, "scripts/tarball"), project, { recursive: true });
const { devDependencies } = readJson(join(root, "package.json"));
const dependencies = Object.fromEntries(
  ["typescript", "@types/node", "vite", "vitest"].map((name) => [name, devDependencies[name]]),
);
for (const each of publicPackages) {
  dependencies[each.manifest.name] = `file:${tarballOf(each)}`;
  for (const peer of Object.keys(each.manifest.peerDependencies ?? {})) {
    dependencies[peer] = each.manifest.devDependencies[peer];
  }
}
const readme = readFileSync(join(root, "packages/conformance/README.md"), "utf8");
const snippets = [...readme.matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => code);
for (const runner of ["node:test", "vitest"]) {
  const snippet = snippets.find((code) => code.includes(`from "${runner}"`));
  writeFileSync(join(project, `suite.${runner.replace(":", "-")}.test.ts`), snippet);
}
// And the example of the README, as a reader would try it.
const [, example] = readFileSync(join(root, "README.md"), "utf8").match(/```ts\n(.*?)```/s);
writeFileSync(join(project, "readme.ts"), example);
writeFileSync(join(project, "package.json"), JSON.stringify({ private: true, type: "module", dependencies }));
run("npm install --ignore-scripts --no-audit --no-fund --no-package-lock", project);
// Compiling SQLite again would take a minute: take the binary that this repository's install made.
const binary = "node_modules/better-sqlite3/build/Release/better_sqlite3.node";
cpSync(join(root, "packages/sqlite", binary), join(project, binary));
console.log("The tarballs install with npm");

run("npx --no -- tsc -p .", project);
run("node --test dist/suite.node-test.test.js", project);
console.log("The conformance suite runs under node:test");
run("npx --no -- vitest run dist/suite.vitest", project);
console.log("The conformance suite runs under vitest");
const isProgram = (file) => file.endsWith(".js") && !file.startsWith("suite.");
for (const program of readdirSync(join(project, "dist")).filter(isProgram)) {
  run(`node dist/${program}`, project);
  console.log(`${program.replace(/js$/, "ts")} runs`);
}
