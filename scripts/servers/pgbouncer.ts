import { existsSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { unpackPackages } from "./debian.ts";
import { freePort, makeDirectory, startGuarded } from "./guarded-server.ts";
import { asOrdinaryUser } from "./postgres.ts";
import type { TestServer } from "./provision.ts";

/** Starts a PgBouncer in transaction mode before a Postgres that trusts its clients. */
export async function startPgBouncer(postgresUrl: string): Promise<TestServer> {
  const target = new URL(postgresUrl);
  const { program, environment } = await findPgBouncer();
  const directory = makeDirectory("bouncer");
  const port = await freePort();
  const ini = join(directory, "pgbouncer.ini");
  const users = join(directory, "users.txt");
  writeFileSync(users, `"postgres" ""\n`);
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
default_pool_size = 20
max_client_conn = 1000
`,
  );
  const { stop } = await startGuarded({
    directory,
    environment,
    command: [...asOrdinaryUser(directory), program, ini],
    isReady: () => accepts(port),
  });
  return { url: `postgres://postgres@127.0.0.1:${port}${target.pathname}`, stop };
}

async function findPgBouncer(): Promise<{ program: string; environment: Record<string, string> }> {
  const installed = ["/usr/sbin/pgbouncer", "/usr/local/bin/pgbouncer", "/opt/homebrew/bin/pgbouncer"].find(existsSync);
  if (installed !== undefined) {
    return { program: installed, environment: {} };
  }
  const { tree, libraries } = await unpackPackages({ packages: ["pgbouncer"], suite: "own" });
  return { program: join(tree, "usr/sbin/pgbouncer"), environment: { LD_LIBRARY_PATH: libraries } };
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
