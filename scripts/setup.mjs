// Installs the dependencies; when that fails it says why. Quick when there is nothing to do.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const { engines, packageManager } = JSON.parse(readFileSync(`${root}/package.json`, "utf8"));
const compilerHelp = `better-sqlite3 could not be compiled. It needs Python 3, make and a C++ compiler:
  Debian, Ubuntu   sudo apt install python3 make g++
  Alpine           apk add python3 make g++
  macOS            xcode-select --install
  Windows          the "Desktop development with C++" workload of Visual Studio`;

/** What pnpm prints, and what it means. The first match counts. */
const reasons = [
  [/ERR_PNPM_OUTDATED_LOCKFILE/, "pnpm-lock.yaml does not fit a package.json. Run: node scripts/pnpm.mjs install"],
  [
    /gyp.*(ENOTFOUND|ETIMEDOUT|ECONNREFUSED|FetchError|network connectivity)/,
    `Node's C++ headers, which better-sqlite3 is compiled with, \
could not be downloaded.\nCheck the network, or point npm_config_nodedir at a folder with include/node.`,
  ],
  [/gyp ERR!|Could not locate the bindings file|node-gyp/, compilerHelp],
  [/ENOSPC/, "The disk is full."],
  [/EACCES|EPERM/, "No permission to write. Is this folder, or pnpm's store, owned by another user?"],
  [
    /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|META_FETCH_FAIL|UNABLE_TO_GET_ISSUER|SELF_SIGNED/,
    "The npm registry cannot be reached. Check the network, the proxy settings and `npm ping`.",
  ],
];

function fail(reason, output = "") {
  if (output) {
    console.error(`\n${output.trimEnd().split("\n").slice(-25).join("\n")}`);
  }
  console.error(`\nSetup failed. ${reason}`);
  process.exit(1);
}

function pnpm(...args) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [`${root}/scripts/pnpm.mjs`, ...args], { cwd: root });
    let output = "";
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (output += chunk));
    const started = Date.now();
    const ticker = setInterval(() => {
      console.log(`  … ${Math.round((Date.now() - started) / 1000)} s`);
    }, 15_000);
    child.on("close", (status) => {
      clearInterval(ticker);
      resolve({ ok: status === 0, output });
    });
  });
}

async function run(...args) {
  const { ok, output } = await pnpm(...args);
  if (!ok) {
    fail(reasons.find(([pattern]) => pattern.test(output))?.[1] ?? "The output above says why.", output);
  }
}

/** Whether pnpm has looked since the lockfile, the settings or a package.json changed: starting it takes seconds. */
function isInstalled() {
  const folders = readFileSync(`${root}/pnpm-workspace.yaml`, "utf8").matchAll(/^  - ([\w-]+)(\/\*)?$/gm);
  const packages = [...folders].flatMap(([, folder, all]) =>
    all ? readdirSync(`${root}/${folder}`).map((name) => `${folder}/${name}`) : [folder],
  );
  const changedAt = (file) => statSync(`${root}/${file}`, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const sources = ["pnpm-lock.yaml", "pnpm-workspace.yaml", ...["", ...packages].map((path) => `${path}/package.json`)];
  return Math.max(...sources.map(changedAt)) < changedAt("node_modules/.pnpm-workspace-state-v1.json");
}

/** Whether SQLite's compiled half is there and was made for this version of Node. */
function loadsSqlite() {
  const program = `new (require("better-sqlite3"))(":memory:").close()`;
  return spawnSync(process.execPath, ["-e", program], { cwd: `${root}/packages/sqlite` }).status === 0;
}

const [wantedMajor, wantedMinor] = engines.node.match(/\d+/g).map(Number);
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < wantedMajor || (major === wantedMajor && minor < wantedMinor)) {
  fail(`sessiondb needs Node ${engines.node}; this is ${process.version}.`);
}

const started = Date.now();
if (!isInstalled()) {
  const first = existsSync(`${root}/node_modules/.modules.yaml`)
    ? ""
    : " (the first time compiles SQLite, a minute or two)";
  console.log(`Installing dependencies with ${packageManager.replace("@", " ")}${first} …`);
  await run("install");
}
if (!loadsSqlite()) {
  console.log(`Compiling SQLite for Node ${process.version}, a minute or two …`);
  await run("--recursive", "rebuild", "better-sqlite3");
  if (!loadsSqlite()) {
    fail(compilerHelp);
  }
}
console.log(`Dependencies are ready (${((Date.now() - started) / 1000).toFixed(1)} s).`);
