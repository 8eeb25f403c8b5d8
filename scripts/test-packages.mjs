// Tests the packages as users get them: packs each, checks the tarball with publint and attw, installs all tarballs
// with npm in a scratch project, then type-checks and runs every program of scripts/tarball/ there, and the conformance
// suite as its README shows it. Needs a build.
import { cpSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { publicPackages, readJson, root } from "./packages.mjs";
import { install, pack, run, scratch, tarballOf } from "./scratch.mjs";

const project = join(scratch, "project");

pack();
for (const each of publicPackages) {
  run(`npx --no -- publint run "${tarballOf(each)}" --strict`);
  run(`npx --no -- attw "${tarballOf(each)}" --profile esm-only`);
  console.log(`${each.manifest.name}: publint and attw have nothing to say`);
}

// The scratch project gets what a user would install.
cpSync(join(root, "scripts/tarball"), project, { recursive: true });
const readme = readFileSync(join(root, "packages/conformance/README.md"), "utf8");
const snippets = [...readme.matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => code);
for (const runner of ["node:test", "vitest"]) {
  const snippet = snippets.find((code) => code.includes(`from "${runner}"`));
  writeFileSync(join(project, `suite.${runner.replace(":", "-")}.test.ts`), snippet);
}
// And the example of the README, as a reader would try it.
const [, example] = readFileSync(join(root, "README.md"), "utf8").match(/```ts\n(.*?)```/s);
writeFileSync(join(project, "readme.ts"), example);
const { devDependencies } = readJson(join(root, "package.json"));
const tools = ["typescript", "@types/node", "vite", "vitest"].map((name) => [name, devDependencies[name]]);
install(
  project,
  publicPackages.map(({ name }) => name),
  Object.fromEntries(tools),
);
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
