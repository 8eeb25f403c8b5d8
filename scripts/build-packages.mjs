// Builds the public packages from nothing, so that no output of a deleted source gets published.
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { publicPackages, root } from "./packages.mjs";

for (const { folder } of publicPackages) {
  for (const output of ["dist", ".tsbuildinfo"]) {
    rmSync(join(folder, output), { recursive: true, force: true });
  }
}
const folders = publicPackages.map(({ folder }) => folder);
const tsc = join(root, "node_modules/typescript/bin/tsc");
const { status } = spawnSync(process.execPath, [tsc, "-b", ...folders], { stdio: "inherit" });
process.exit(status ?? 1);
