import { existsSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { unpackPackages } from "./debian.ts";
import type { TestDatabase, TestServer } from "./provision.ts";

/** A browser for tests, without a window. Its URL is for `connect` of playwright-core, which brings none along. */
export const browser: TestDatabase = {
  name: "Chromium",
  sources: [
    async () => {
      const program = installed.find((each) => each !== undefined && existsSync(each));
      return program === undefined ? null : launch(program);
    },
    async () => {
      const { tree, libraries } = await unpackPackages({ packages: ["chromium"], suite: "own" });
      // A library of PulseAudio's is in a folder of its own.
      return launch(join(tree, "usr/lib/chromium/chromium"), `${libraries}:${join(libraries, "pulseaudio")}`);
    },
  ],
};

const installed = [process.env["SESSIONDB_TEST_CHROMIUM"], "/usr/bin/chromium", "/usr/bin/google-chrome"];

async function launch(executablePath: string, libraries?: string): Promise<TestServer> {
  const server = await chromium.launchServer({
    executablePath,
    host: "127.0.0.1",
    // Its sandbox works neither for root nor in most containers; the tests open pages of their own alone.
    chromiumSandbox: false,
    args: ["--disable-gpu"],
    env: { ...process.env, ...(libraries !== undefined && { LD_LIBRARY_PATH: libraries }) },
  });
  return { url: server.wsEndpoint(), stop: () => server.close() };
}
