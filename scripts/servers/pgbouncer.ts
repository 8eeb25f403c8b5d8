import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { unpackPackages } from "./debian.ts";
import { freePort, makeDirectory, startGuarded } from "./guarded-server.ts";
import { asOrdinaryUser } from "./postgres.ts";
import type { TestServer } from "./provision.ts";

export interface PgBouncerOptions {
  /**
   * Whether it keeps track of the statements that its clients prepare, as versions from 1.21 on can. Otherwise a client
   * meets connections of the server that do not know them.
   */
  readonly followsPrepared: boolean;
}

/**
 * Starts a PgBouncer in transaction mode before a Postgres that trusts its clients. All clients of one database share
 * four connections of the server.
 */
export async function startPgBouncer(postgresUrl: string, { followsPrepared }: PgBouncerOptions): Promise<TestServer> {
  const target = new URL(postgresUrl);
  const { command, environment } = await findPgBouncer({ followsPrepared });
  const directory = makeDirectory("bouncer");
  const port = await freePort();
  const ini = join(directory, "pgbouncer.ini");
  const users = join(directory, "users.txt");
  writeFileSync(users, `"postgres" ""\n`);
  const prepared = canFollow({ command, environment }) ? `max_prepared_statements = ${followsPrepared ? 200 : 0}` : "";
  writeFileSync(
    ini,
    `[databases]
* = host=${target.hostname} port=${target.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = trust
auth_file = ${users}
pool_mode = transaction
default_pool_size = 4
max_client_conn = 1000
${prepared}
`,
  );
  const { stop } = await startGuarded({
    directory,
    environment,
    command: [...asOrdinaryUser(directory), ...command, ini],
    isReady: () => accepts(port),
  });
  return { url: `postgres://postgres@127.0.0.1:${port}${target.pathname}`, stop };
}

interface PgBouncer {
  readonly command: readonly [string, ...string[]];
  readonly environment: Readonly<Record<string, string>>;
}

const installedPlaces = ["/usr/sbin/pgbouncer", "/usr/local/bin/pgbouncer", "/opt/homebrew/bin/pgbouncer"];

/** The installed one, else that of the Debian release this machine runs, else, if it cannot follow, that of the newest. */
async function findPgBouncer({ followsPrepared }: PgBouncerOptions): Promise<PgBouncer> {
  const installed = installedPlaces.find(existsSync);
  const found = installed === undefined ? await unpacked("own") : { command: [installed] as const, environment: {} };
  if (!followsPrepared || canFollow(found)) {
    return found;
  }
  const newest = await unpacked("sid");
  if (!canFollow(newest)) {
    throw new Error("no PgBouncer from 1.21 on, which follows prepared statements");
  }
  return newest;
}

async function unpacked(suite: "own" | "sid"): Promise<PgBouncer> {
  const { tree, libraries, loader } = await unpackPackages({ packages: ["pgbouncer"], suite });
  const program = join(tree, "usr/sbin/pgbouncer");
  return loader === null
    ? { command: [program], environment: { LD_LIBRARY_PATH: libraries } }
    : { command: [loader, "--library-path", libraries, program], environment: {} };
}

/** Whether its version knows prepared statements. Others refuse the setting. */
function canFollow({ command: [program, ...args], environment }: PgBouncer): boolean {
  const options = { encoding: "utf8", env: { ...process.env, ...environment } } as const;
  const { stdout } = spawnSync(program, [...args, "--version"], options);
  const [, major, minor] = /PgBouncer (\d+)\.(\d+)/.exec(stdout) ?? [];
  return Number(major) > 1 || (Number(major) === 1 && Number(minor) >= 21);
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
