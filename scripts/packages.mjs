// The packages that get published, for the other scripts.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));

export const publicPackages = readdirSync(join(root, "packages"))
  .map((name) => ({ name, folder: join(root, "packages", name) }))
  .filter(({ folder }) => existsSync(join(folder, "package.json")))
  .map(({ name, folder }) => ({ name, folder, manifest: readJson(join(folder, "package.json")) }))
  .filter(({ manifest }) => manifest.private !== true);

export function readJson(file) {
  return JSON.parse(readFileSync(file, "utf8"));
}
