import { programOf } from "../../../scripts/servers/mysql-databases.ts";
import { startMysql } from "../../../scripts/servers/mysql.ts";
import {
  embeddedPostgres,
  installedPostgres,
  startPostgres,
  unpackedPostgres,
} from "../../../scripts/servers/postgres.ts";
import type { TestServer } from "../../../scripts/servers/provision.ts";
import type { StartedServer } from "../server.ts";

// Starts the server named, with what is committed being safe as in production, and prints where it is. It ends with its
// standard input. A program of its own, so that the loader it needs does not run in what is measured.

async function start(name: string): Promise<{ server: TestServer; binaries: string | null }> {
  if (name === "postgres") {
    const found = installedPostgres() ?? embeddedPostgres();
    const programs = found === null ? await unpackedPostgres() : { binaries: found };
    const settings = { shared_buffers: "512MB", max_wal_size: "4GB" };
    // pgbench of an unpacked Postgres would need its libraries.
    return { server: await startPostgres({ ...programs, durable: true, settings }), binaries: found };
  }
  const program = await programOf(name === "mysql" ? "mysql" : "mariadb");
  if (program === null) {
    throw new Error("there is no such server on this machine");
  }
  const log = program.flavour === "mysql" ? "innodb-redo-log-capacity" : "innodb-log-file-size";
  // The whole of a long session in one document takes more than either server would accept.
  const settings = { "innodb-buffer-pool-size": "768M", [log]: "1G", "max-allowed-packet": "256M" };
  return { server: await startMysql({ program, durable: true, settings }), binaries: null };
}

try {
  const { server, binaries } = await start(process.argv[2] ?? "");
  process.stdout.write(`${JSON.stringify({ url: server.url, binaries } satisfies StartedServer)}\n`);
  process.stdin.resume();
  process.stdin.once("end", () => void server.stop());
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
