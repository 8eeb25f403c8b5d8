// build.js <bundler> <project> <output>: bundles the project's program.js, minified, with all but the native module.
import { resolve } from "node:path";
import { build as esbuild } from "esbuild";
import { build as vite } from "vite";
import webpack from "webpack";

const [bundler, project, output] = process.argv.slice(2);
const root = resolve(project);
const entry = resolve(project, "program.js");
const native = "better-sqlite3";

async function runEsbuild(options) {
  const common = {
    entryPoints: [entry],
    outdir: output,
    bundle: true,
    minify: true,
    platform: "node",
    external: [native],
  };
  const { warnings } = await esbuild({ ...common, ...options });
  return warnings.map(({ text }) => text);
}

async function runVite() {
  const warnings = [];
  const customLogger = { info() {}, warn: (text) => warnings.push(text), warnOnce: (text) => warnings.push(text) };
  await vite({
    root,
    configFile: false,
    customLogger: { ...customLogger, error: console.error, clearScreen() {}, hasErrorLogged: () => false },
    ssr: { noExternal: true, external: [native] },
    build: { ssr: entry, outDir: output, emptyOutDir: true, minify: true },
  });
  return warnings;
}

async function runWebpack() {
  const stats = await new Promise((done, fail) => {
    const compiler = webpack({
      context: root,
      entry: { program: entry },
      mode: "production",
      target: "node20",
      experiments: { outputModule: true },
      externals: { [native]: `module ${native}` },
      output: { path: output, module: true },
    });
    compiler.run((error, result) => (error ? fail(error) : done(result)));
  });
  const { errors, warnings } = stats.toJson({ all: false, errors: true, warnings: true });
  if (errors.length > 0) throw new Error(stats.toString("errors-only"));
  // What webpack says of every optional package that is absent.
  return warnings.map(({ message }) => message).filter((text) => !/Can't resolve '@sessiondb\/\w+'/.test(text));
}

const bundlers = {
  "esbuild to ESM": () => runEsbuild({ format: "esm", splitting: true }),
  "esbuild to CommonJS": () => runEsbuild({ format: "cjs", outExtension: { ".js": ".cjs" } }),
  vite: runVite,
  webpack: runWebpack,
};

const warnings = await bundlers[bundler]();
if (warnings.length > 0) throw new Error(warnings.join("\n"));
