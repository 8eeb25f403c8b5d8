// Runs the READMEs literally: in an empty folder, the command that installs an agent, with the packed packages in place of
// the published ones, then the example under plain Node and through tsc; on each version of the AI SDK. Then what
// AdapterNotInstalledError says to run. Needs a build.
import assert from "node:assert/strict";
import { exec } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { startRegistry } from "./install/registry.mjs";
import { publicPackages, readJson, root } from "./packages.mjs";
import { pack, scratch, tarballOf } from "./scratch.mjs";

pack();
const registry = await startRegistry(publicPackages.map(tarballOf));
const { devDependencies } = readJson(join(root, "packages/agent/package.json"));
const versions = { 6: devDependencies.ai, 7: devDependencies.ai7.split("@").at(-1) };
const { href: model } = pathToFileURL(join(root, "scripts/install/scripted-model.mjs"));

/** Runs a command in a project. If the registry cannot be reached, or the command fails, says so and ends the script. */
async function run(command, project) {
  try {
    return await promisify(exec)(command, { cwd: project, timeout: 300_000 });
  } catch (error) {
    const isOffline = /E(NOTFOUND|CONNREFUSED|AI_AGAIN|TIMEDOUT|NETUNREACH)/.test(error.stderr);
    console.error(isOffline ? `Not run: "${command}" needs a registry.` : `${command}\n${error.stdout}${error.stderr}`);
    process.exit(1);
  }
}

/** Runs npm's command in a project, with the versions that are tested in place of the newest. */
async function install(command, project, ai) {
  const names = { ai: `ai@${ai}`, "better-sqlite3": `better-sqlite3@${devDependencies["better-sqlite3"]}` };
  const args = command.split(" ").map((word) => names[word] ?? word);
  await run(`${args.join(" ")} --prefer-offline --ignore-scripts --no-audit --no-fund`, project);
}

function emptyProject(name) {
  const project = join(scratch, name);
  mkdirSync(project);
  writeFileSync(join(project, ".npmrc"), `@sessiondb:registry=${registry.url}\n`);
  return project;
}

/** Compiling SQLite would take a minute: takes the binary that this repository's install made. */
function addBinary(project) {
  const binary = "node_modules/better-sqlite3/build/Release/better_sqlite3.node";
  cpSync(join(root, "packages/sqlite", binary), join(project, binary));
}

/** A command that installs an agent, and the example after it. */
function blocksOf(document) {
  const text = readFileSync(join(root, document), "utf8");
  const [, command] = text.match(/^[`]?(npm install [^`\n]*\bai)\b[`.]*$/m);
  const [, example] = text.slice(text.indexOf(command)).match(/```ts\n(.*?)```/s);
  const [, printed] = example.match(/console\.log\(.*\); \/\/ (.+)$/m);
  return { document, command, example, printed };
}

/** The settings of an ordinary user. */
const compilerOptions = {
  target: "ES2023",
  module: "NodeNext",
  strict: true,
  skipLibCheck: true,
  noEmit: true,
  types: ["node"],
  typeRoots: [join(root, "node_modules/@types")],
};

const strictest = { skipLibCheck: false, noUncheckedIndexedAccess: true, noPropertyAccessFromIndexSignature: true };

/** Compiles a program of a project. Returns the errors, one for each place. */
async function errorsIn(program, project, settings) {
  const config = { compilerOptions: { ...compilerOptions, ...settings }, include: [program] };
  writeFileSync(join(project, "tsconfig.json"), JSON.stringify(config));
  const tsc = `node "${join(root, "node_modules/typescript/bin/tsc")}" -p . --pretty false`;
  const { stdout } = await promisify(exec)(tsc, { cwd: project }).catch((error) => error);
  return stdout.split("\n").filter((line) => line.includes(": error TS"));
}

const documents = ["README.md", "packages/agent/README.md"].map(blocksOf);
const [{ command, example, printed }] = documents;
const wordsOf = (line) => line.split(" ").toSorted();
for (const other of documents) {
  assert.deepEqual(wordsOf(other.command), wordsOf(command));
}

for (const [version, ai] of Object.entries(versions)) {
  const project = emptyProject(`ai-${version}`);
  await install(command, project, ai);
  addBinary(project);
  assert.equal(readJson(join(project, "node_modules/ai/package.json")).version, ai);
  for (const { document, example: code, printed: output } of documents) {
    writeFileSync(join(project, "example.mjs"), code);
    assert.equal((await run(`node --import "${model}" example.mjs`, project)).stdout, `${output}\n`);
    writeFileSync(join(project, "example.mts"), code);
    for (const exactOptionalPropertyTypes of [false, true]) {
      assert.deepEqual(await errorsIn("example.mts", project, { exactOptionalPropertyTypes }), []);
    }
    console.log(`${document}: what it installs runs its example on AI SDK ${ai}`);
  }
  // A strict program, with the declarations of all libraries checked. Those of the AI SDK itself are not all right.
  cpSync(join(root, "scripts/install/types.mts"), join(project, "types.mts"));
  writeFileSync(join(project, "ai-alone.mts"), 'import "ai";\n');
  for (const exactOptionalPropertyTypes of [false, true]) {
    const settings = { ...strictest, exactOptionalPropertyTypes };
    const ofAi = await errorsIn("ai-alone.mts", project, settings);
    assert.deepEqual(await errorsIn("types.mts", project, settings), ofAi);
    console.log(`A strict program on AI SDK ${ai} compiles (${ofAi.length} errors of the AI SDK's own declarations)`);
  }
}

// Without the adapter.
const project = emptyProject("without-adapter");
await install("npm install @sessiondb/agent ai", project, versions[6]);
writeFileSync(join(project, "example.mjs"), example);
const failure = await promisify(exec)(`node --import "${model}" example.mjs`, { cwd: project }).catch((error) => error);
const [, advice] = failure.stderr.match(/AdapterNotInstalledError: .* Run: (.*)$/m);
await install(advice, project, versions[6]);
addBinary(project);
assert.equal((await run(`node --import "${model}" example.mjs`, project)).stdout, `${printed}\n`);
console.log(`AdapterNotInstalledError: "${advice}" is all that is missing`);
registry.close();
