// Compares the public declarations of each built package with its committed api.md, so that an API change shows in
// review. `--update` rewrites them. Needs a build.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { publicPackages } from "./packages.mjs";

const update = process.argv.includes("--update");

/** The declaration files that can be reached from `file` by relative imports, in order of first mention. */
function reachable(file, seen = new Set()) {
  if (seen.has(file)) {
    return seen;
  }
  seen.add(file);
  for (const [, specifier] of readFileSync(file, "utf8").matchAll(/(?:from |import\(|import )["'](\.[^"']+)["']/g)) {
    reachable(join(dirname(file), specifier.replace(/\.[jt]s$/, ".d.ts")), seen);
  }
  return seen;
}

function declarations(file) {
  return readFileSync(file, "utf8")
    .replace(/^[ \t]*\/\*\*[\s\S]*?\*\/[ \t]*\n/gm, "")
    .replace(/\/\/# sourceMappingURL.*\n?/, "")
    .trim();
}

let changed = 0;
for (const { folder, manifest } of publicPackages) {
  const dist = join(folder, "dist");
  const files = [...reachable(join(dist, "index.d.ts"))].map(
    (file) => `// ${relative(dist, file)}\n${declarations(file)}`,
  );
  const text = `# API of ${manifest.name}

Made by \`node scripts/api-snapshot.mjs --update\` after a build. Comments are left out.

\`\`\`ts
${files.join("\n\n")}
\`\`\`
`;
  const snapshot = join(folder, "api.md");
  if (existsSync(snapshot) && readFileSync(snapshot, "utf8") === text) {
    continue;
  }
  changed += 1;
  if (update) {
    writeFileSync(snapshot, text);
  }
  console.log(`${manifest.name}: ${update ? "api.md updated" : "the public API differs from api.md"}`);
}
if (changed > 0 && !update) {
  console.error("If that is meant: npm run build && node scripts/api-snapshot.mjs --update, and look at the diff.");
  process.exit(1);
}
