// Tests the packages in bundled programs: a program by esbuild, Vite and webpack, and a Next application by Turbopack and
// webpack, each with the adapter and with none installed. They run from folders with no package but SQLite's native
// module. Needs a build.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, readdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readJson, root } from "./packages.mjs";
import { install, pack, run, scratch } from "./scratch.mjs";

const projects = { with: ["core", "drizzle", "sqlite"], without: ["core"] };
const works = { content: "Paris." };
const notInstalled = {
  name: "AdapterNotInstalledError",
  code: "ADAPTER_NOT_INSTALLED",
  message: "@sessiondb/sqlite is not installed. Run: npm install @sessiondb/sqlite",
  isInstance: true,
};
let passed = 0;

function pass(text) {
  passed += 1;
  console.log(`${text} (${(performance.now() / 1000).toFixed(1)} s)`);
}

// The tools lie one folder above the projects, which so hold the packages alone.
const build = join(scratch, "build");
const installed = join(build, "with/node_modules");
pack();
install(build, [], {
  esbuild: "0.28.2",
  next: "16.4.6",
  react: "19.3.1",
  "react-dom": "19.3.1",
  vite: readJson(join(root, "package.json")).devDependencies.vite,
  webpack: "5.113.0",
});
cpSync(join(root, "scripts/bundles/build.js"), join(build, "build.js"));
for (const [project, names] of Object.entries(projects)) {
  install(join(build, project), names);
  for (const file of ["program.js", "turn.js"]) {
    cpSync(join(root, "scripts/bundles", file), join(build, project, file));
  }
  cpSync(join(root, "scripts/bundles/next"), join(build, project), { recursive: true });
}
console.log(`The tarballs and the bundlers install with npm (${(performance.now() / 1000).toFixed(1)} s)`);

function bundle(bundler, project) {
  const folder = join(scratch, `${bundler} ${project}`);
  run(`node build.js "${bundler}" ${project} "${folder}"`, build);
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  return folder;
}

function outcomeOf(folder, cwd = folder) {
  const program = readdirSync(folder).find((file) => /^program\.[cm]?js$/.test(file));
  const { outcome, ...names } = JSON.parse(run(`node "${join(folder, program)}"`, cwd));
  assert.deepEqual(names, { wrongNames: [], isMinified: true });
  return outcome;
}

for (const bundler of ["esbuild to ESM", "esbuild to CommonJS", "vite", "webpack"]) {
  const complete = bundle(bundler, "with");
  const { code, message } = outcomeOf(complete);
  assert.match(code, /MODULE_NOT_FOUND$/);
  assert.match(message, /^Cannot find \w+ 'better-sqlite3'/);
  pass(`${bundler}: without the driver, the error names the driver`);
  for (const name of ["better-sqlite3", "bindings", "file-uri-to-path"]) {
    cpSync(join(installed, name), join(complete, "node_modules", name), { recursive: true });
  }
  assert.deepEqual(outcomeOf(complete), works);
  pass(`${bundler}: with the adapter, a turn is written and read`);

  const bare = bundle(bundler, "without");
  assert.deepEqual(outcomeOf(bare), notInstalled);
  pass(`${bundler}: with no adapter, it builds, and says what to install`);
  assert.deepEqual(outcomeOf(bare, join(build, "with")), works);
  pass(`${bundler}: with no adapter, that of the working directory's project is used`);
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** What the application answers; it is started for this and stopped after. */
async function answerOf(folder) {
  const port = await freePort();
  const env = { ...process.env, HOSTNAME: "127.0.0.1", PORT: String(port) };
  const server = spawn(process.execPath, ["server.js"], { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
  const stop = () => server.kill("SIGKILL");
  process.on("exit", stop);
  let output = "";
  for (const stream of [server.stdout, server.stderr]) {
    stream.on("data", (chunk) => (output += chunk));
  }
  const closed = once(server, "close");
  try {
    const until = Date.now() + 30_000;
    while (!output.includes("Ready in")) {
      assert.ok(server.exitCode === null && Date.now() < until, `The server does not start:\n${output}`);
      await sleep(50);
    }
    const url = `http://127.0.0.1:${port}/turn`;
    const response = await fetch(url, { method: "POST", signal: AbortSignal.timeout(30_000) });
    assert.equal(response.status, 200, output);
    return await response.json();
  } finally {
    stop();
    await closed;
    process.off("exit", stop);
  }
}

for (const bundler of ["turbopack", "webpack"]) {
  for (const project of Object.keys(projects)) {
    const output = run(`npx --no -- next build --${bundler}`, join(build, project), { NEXT_TELEMETRY_DISABLED: "1" });
    assert.doesNotMatch(output, /critical dependency|too dynamic|createRequire|unexpected file/i);
    const folder = join(scratch, `next ${bundler} ${project}`);
    cpSync(join(build, project, ".next/standalone"), folder, { recursive: true, verbatimSymlinks: true });
    const application = join(folder, project);
    if (project === "with") {
      assert.deepEqual(await answerOf(application), works);
      pass(`Next by ${bundler}: with the adapter, a turn is written and read`);
      continue;
    }
    assert.deepEqual(await answerOf(application), notInstalled);
    pass(`Next by ${bundler}: with no adapter, it builds, and says what to install`);
    cpSync(installed, join(application, "node_modules"), { recursive: true });
    assert.deepEqual(await answerOf(application), works);
    pass(`Next by ${bundler}: with no adapter, that of the working directory's project is used`);
  }
}
console.log(`${passed} combinations passed in ${(performance.now() / 1000).toFixed(0)} s`);
