import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";

/** The built page, in a folder that goes away. */
export async function buildClient(): Promise<{ readonly folder: string } & AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), "sessiondb-chat-client-"));
  const root = fileURLToPath(new URL("../../client", import.meta.url));
  const configFile = join(root, "vite.config.ts");
  await build({ root, configFile, logLevel: "silent", build: { outDir: folder, emptyOutDir: true } });
  return { folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}
