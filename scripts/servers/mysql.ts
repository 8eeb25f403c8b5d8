import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { homedir } from "node:os";
import { join } from "node:path";
import { unpackPackages } from "./debian.ts";
import { freePort, makeDirectory, startGuarded, type GuardedServer } from "./guarded-server.ts";
import type { TestServer } from "./provision.ts";

/** A server program, MySQL's or MariaDB's, and how to fill an empty data folder with it. */
export interface MysqlProgram {
  readonly flavour: "mysql" | "mariadb";
  /** What `mysqld --version` says, for the name of a cache. */
  readonly version: string;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  initialise(data: string): Promise<void>;
}

export interface MysqlOptions {
  readonly program: MysqlProgram;
  /** Whether what is committed survives a crash of the machine. Default false, which is faster. */
  readonly durable?: boolean;
  /** Further settings, by name. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface MysqlServer extends TestServer {
  readonly port: number;
  /** Ends the server with SIGKILL. */
  kill(): Promise<void>;
  /** Stops the server until `resume`. */
  pause(): void;
  resume(): void;
  /** Starts it again after `kill`, on the same port and data, perhaps with other settings. */
  restart(settings?: Readonly<Record<string, string>>): Promise<void>;
}

const relaxed = { "innodb-flush-log-at-trx-commit": "0", "innodb-doublewrite": "0", "sync-binlog": "0" };

/** Starts a private server on a free loopback port, with a user `root` that needs no password and a database `test`. */
export async function startMysql({ program, durable = false, settings = {} }: MysqlOptions): Promise<MysqlServer> {
  const directory = makeDirectory(program.flavour);
  const data = join(directory, "data");
  cpSync(await preparedData(program), data, { recursive: true });
  const first = join(directory, "first.sql");
  writeFileSync(first, "create database test;\n");
  const port = await freePort();

  const start = (changed: Readonly<Record<string, string>> = {}): Promise<GuardedServer> => {
    const all = {
      datadir: data,
      port: String(port),
      socket: join(directory, "socket"),
      "pid-file": join(directory, "pid"),
      "bind-address": "127.0.0.1",
      "max-connections": "400",
      "innodb-buffer-pool-size": "64M",
      "performance-schema": "OFF",
      // A fixed setting: a server restarted without its binary log would lose what was being committed.
      "skip-log-bin": null,
      ...(program.flavour === "mysql" ? { mysqlx: "OFF" } : {}),
      ...(durable ? {} : relaxed),
      ...settings,
      ...changed,
    };
    const flags = Object.entries(all).map(([name, value]) => `--${name}${value === null ? "" : `=${value}`}`);
    return startGuarded({
      directory,
      environment: program.environment,
      command: [...program.command, ...userFlags(), ...flags],
      // Its data is thrown away, so nothing needs to be flushed.
      stopSignal: "KILL",
      isReady: () => greets(port),
    });
  };
  let server = await start({ "init-file": first });
  return {
    port,
    url: `${program.flavour}://root@127.0.0.1:${port}/test`,
    kill: () => server.kill(),
    pause: () => server.pause(),
    resume: () => server.resume(),
    restart: async (changed) => {
      server = await start(changed);
    },
    stop: () => server.stop(),
  };
}

/** A MySQL of at least version 8 that is installed here; null without one. */
export function installedMysql(): MysqlProgram | null {
  const program = find(["mysqld"], ["/usr/sbin", "/usr/local/mysql/bin", "/opt/homebrew/opt/mysql/bin"]);
  return program !== null && /Ver ([89]|\d\d)\./.test(program.version) && !program.version.includes("MariaDB")
    ? { ...program, flavour: "mysql", initialise: (data) => initialiseMysql(program, data) }
    : null;
}

/** A MariaDB that is installed here; null without one. */
export function installedMariadb(): MysqlProgram | null {
  const folders = ["/usr/sbin", "/usr/libexec", "/opt/homebrew/opt/mariadb/bin"];
  const program = find(["mariadbd", "mysqld"], folders);
  const installer = ["mariadb-install-db", "mysql_install_db"].find((name) => runs(name, ["--help"]));
  if (program === null || installer === undefined || !program.version.includes("MariaDB")) {
    return null;
  }
  const flags = ["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"];
  const initialise = (data: string): Promise<void> =>
    run({ command: [installer], environment: {} }, [...flags, ...userFlags(), `--datadir=${data}`]);
  return { ...program, flavour: "mariadb", initialise };
}

/** MySQL from Debian's unstable suite, the one that has it, unpacked into a cache. */
export async function unpackedMysql(): Promise<MysqlProgram> {
  const program = await unpacked({ name: "mysql-server-core", suite: "sid", file: "mysqld", share: "mysql" });
  return { ...program, flavour: "mysql", initialise: (data) => initialiseMysql(program, data) };
}

/** MariaDB from the packages of the Debian release this machine runs, unpacked into a cache. */
export async function unpackedMariadb(): Promise<MysqlProgram> {
  const program = await unpacked({ name: "mariadb-server-core", suite: "own", file: "mariadbd", share: "mysql" });
  return { ...program, flavour: "mariadb", initialise: (data) => bootstrapMariadb(program, data) };
}

type Program = Pick<MysqlProgram, "command" | "environment" | "version">;

interface PackagedProgram {
  readonly name: string;
  readonly suite: string;
  readonly file: string;
  readonly share: string;
}

async function unpacked({ name, suite, file, share }: PackagedProgram): Promise<Program & { readonly share: string }> {
  const { tree, libraries, loader } = await unpackPackages({ packages: [name], suite });
  const folder = join(tree, "usr/share", share);
  const paths = [
    "--no-defaults",
    `--basedir=${join(tree, "usr")}`,
    `--lc-messages-dir=${folder}`,
    `--character-sets-dir=${join(folder, "charsets")}`,
    `--plugin-dir=${join(tree, "usr/lib/mysql/plugin")}`,
    // Its default is a folder that the package's installation would have made.
    ...(file === "mysqld" ? ["--secure-file-priv="] : []),
  ];
  const path = [libraries, join(libraries, "mysql"), join(tree, "usr/lib/mysql/private")].join(":");
  const executable = join(tree, "usr/sbin", file);
  const start = loader === null ? [executable] : [loader, "--library-path", path, executable];
  const environment: Record<string, string> = loader === null ? { LD_LIBRARY_PATH: path } : {};
  return { command: [...start, ...paths], environment, version: versionOf(start, environment), share: folder };
}

function find(names: readonly string[], folders: readonly string[]): Program | null {
  const places = [...(process.env["PATH"] ?? "").split(":"), ...folders];
  for (const file of places.flatMap((folder) => names.map((name) => join(folder, name)))) {
    if (existsSync(file)) {
      return { command: [file, "--no-defaults"], environment: {}, version: versionOf([file], {}) };
    }
  }
  return null;
}

function versionOf([file = "", ...args]: readonly string[], environment: Readonly<Record<string, string>>): string {
  const env = { ...process.env, ...environment };
  return spawnSync(file, [...args, "--no-defaults", "--version"], { encoding: "utf8", env }).stdout;
}

/** An empty server's data, made once and copied for each server: it takes MySQL two seconds to make. */
async function preparedData(program: MysqlProgram): Promise<string> {
  const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "sessiondb-test-servers");
  const version = /Ver ([\w.-]+)/.exec(program.version)?.[1] ?? "unknown";
  const prepared = join(cache, `${program.flavour}-data-${version}`);
  if (!existsSync(prepared)) {
    const making = `${prepared}.${process.pid}`;
    mkdirSync(cache, { recursive: true });
    await program.initialise(making);
    try {
      renameSync(making, prepared);
    } catch {
      // Another test run was first.
      return making;
    }
  }
  return prepared;
}

function initialiseMysql(program: Program, data: string): Promise<void> {
  return run(program, [...userFlags(), `--datadir=${data}`, "--skip-log-bin", "--initialize-insecure"]);
}

/** What mariadb-install-db does; the script itself looks for its parts in the folders of an installation. */
function bootstrapMariadb(program: Program & { readonly share: string }, data: string): Promise<void> {
  mkdirSync(data);
  const files = ["system_tables", "performance_tables", "system_tables_data"].map((name) => `mysql_${name}.sql`);
  const scripts = [...files, "maria_add_gis_sp_bootstrap.sql", "mysql_sys_schema.sql"];
  const sql = [
    "create database mysql;",
    "use mysql;",
    "set @auth_root_socket=null;",
    ...scripts.map((name) => readFileSync(join(program.share, name), "utf8")),
  ].join("\n");
  const flags = ["--bootstrap", "--log-warnings=0", "--enforce-storage-engine=", "--max-allowed-packet=8M"];
  return run(program, [...userFlags(), ...flags, `--datadir=${data}`], sql);
}

function userFlags(): readonly string[] {
  return process.getuid?.() === 0 ? ["--user=root"] : [];
}

async function run(
  program: Pick<Program, "command" | "environment">,
  flags: readonly string[],
  input = "",
): Promise<void> {
  const [file = "", ...args] = [...program.command, ...flags];
  const child = spawn(file, args, { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, ...program.environment } });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stdin.end(input);
  const [status] = (await once(child, "close")) as [number | null];
  if (status !== 0) {
    throw new Error(`${file} ended with ${status}: ${output.slice(-1000)}`);
  }
}

function runs(file: string, args: readonly string[]): boolean {
  return spawnSync(file, [...args], { stdio: "ignore" }).status === 0;
}

/** Whether the server sends its greeting, rather than an error: it does so once it takes connections. */
function greets(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const end = (greeted: boolean): void => {
      socket.destroy();
      resolve(greeted);
    };
    // After four bytes of header comes the version of the protocol; an error packet has 255 there.
    socket.once("data", (packet) => end(packet[4] === 10));
    socket.once("error", () => end(false));
    socket.once("close", () => end(false));
    socket.setTimeout(1000, () => end(false));
  });
}
