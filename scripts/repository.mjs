// Where the repository lives is said once: `repository` in the root package.json. This compares the addresses in each
// public package with it: those of its package.json, and the links of its README. `--update` rewrites them.
import { readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { publicPackages, readJson, root } from "./packages.mjs";

const update = process.argv.includes("--update");
const { repository } = readJson(join(root, "package.json"));
const site = repository.url.replace(/^git\+|\.git$/g, "");

let wrong = 0;
function compare(file, wanted) {
  if (readFileSync(file, "utf8") === wanted) {
    return;
  }
  if (update) {
    writeFileSync(file, wanted);
  } else {
    wrong += 1;
    console.error(`${relative(root, file)} does not name ${site}.`);
  }
}

for (const { name, folder, manifest } of publicPackages) {
  const addresses = {
    homepage: `${site}/tree/main/packages/${name}#readme`,
    bugs: `${site}/issues`,
    repository: { ...repository, directory: `packages/${name}` },
  };
  compare(join(folder, "package.json"), `${JSON.stringify({ ...manifest, ...addresses }, null, 2)}\n`);
  const readme = join(folder, "README.md");
  compare(readme, readFileSync(readme, "utf8").replaceAll(/https:\/\/[^\s)]+?(?=\/(?:blob|tree)\/main\/)/g, site));
}
process.exit(wrong === 0 ? 0 : 1);
