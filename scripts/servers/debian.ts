import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

export interface DebianPackages {
  readonly packages: readonly [string, ...string[]];
  /** `"own"` for the release this machine runs, else a suite's name, such as `sid`. */
  readonly suite: string;
}

export interface UnpackedPackages {
  /** The folder that stands for `/`. */
  readonly tree: string;
  /** Where the tree's shared libraries are, for `LD_LIBRARY_PATH` or the loader's `--library-path`. */
  readonly libraries: string;
  /** The tree's own dynamic loader, through which programs of another suite run; null in a tree of this machine's suite. */
  readonly loader: string | null;
}

/** Debian packages, fetched by apt and unpacked into a cache; nothing is installed. Rejects on other systems. */
export async function unpackPackages({ packages, suite }: DebianPackages): Promise<UnpackedPackages> {
  const cache = join(
    process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"),
    "sessiondb-test-servers",
    `${suite}-${packages.join("-")}`,
  );
  const script = fileURLToPath(new URL("unpack-debian.sh", import.meta.url));
  await promisify(execFile)("bash", [script, cache, suite, ...packages]);
  const tree = join(cache, "tree");
  const library = join(tree, "usr/lib");
  const multiarch = readdirSync(library).find((name) => name.endsWith("-linux-gnu")) ?? "";
  const libraries = join(library, multiarch);
  const loader = suite === "own" ? undefined : readdirSync(libraries).find((name) => /^ld-linux.*\.so/.test(name));
  return { tree, libraries, loader: loader === undefined ? null : join(libraries, loader) };
}
