import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export type ServerName = "postgres" | "mysql" | "mariadb";

/** What `servers/start.ts` prints. */
export interface StartedServer {
  readonly url: string;
  /** The folder of Postgres's programs. */
  readonly binaries: string | null;
}

export interface Server extends StartedServer {
  stop(): Promise<void>;
}

/** Starts a server for benchmarks on this machine; null where it cannot be had. */
export async function startServer(name: ServerName): Promise<Server | null> {
  const program = fileURLToPath(new URL("../src/servers/start.ts", import.meta.url));
  const child = spawn(process.execPath, ["--import=tsx", program, name], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "exit");
  const line = once(createInterface({ input: child.stdout }), "line") as Promise<[string]>;
  const first = await Promise.race([line, ended.then(() => null)]);
  if (first === null) {
    return null;
  }
  return {
    ...(JSON.parse(first[0]) as StartedServer),
    stop: async () => {
      child.stdin.end();
      await ended;
    },
  };
}
