import { startContainer } from "./compose.ts";
import { startPgBouncer, type PgBouncerOptions } from "./pgbouncer.ts";
import { embeddedPostgres, installedPostgres, startPostgres, unpackedPostgres } from "./postgres.ts";
import type { TestDatabase, TestServer } from "./provision.ts";

/** The Postgres of this machine. */
export const postgres: TestDatabase = {
  name: "PostgreSQL",
  variable: "SESSIONDB_TEST_POSTGRES_URL",
  sources: [
    () => started(installedPostgres()),
    async () => startPostgres(await unpackedPostgres()),
    () => container("postgres"),
  ],
};

/** A newer one, where most text is compared by the rules of a language instead of by bytes. */
export const newerPostgres: TestDatabase = {
  name: "PostgreSQL 18",
  sources: [
    () => started(embeddedPostgres(), ["--locale-provider=icu", "--icu-locale=en-US", "--locale=C"]),
    () => container("postgres-newer"),
  ],
};

/** PgBouncer in transaction mode that does not follow prepared statements, before a Postgres of its own. */
export const pgBouncer: TestDatabase = {
  name: "PgBouncer without prepared statements",
  sources: [() => behindPgBouncer({ followsPrepared: false })],
};

/** One that does. */
export const newerPgBouncer: TestDatabase = {
  name: "PgBouncer with prepared statements",
  sources: [() => behindPgBouncer({ followsPrepared: true })],
};

async function behindPgBouncer(options: PgBouncerOptions): Promise<TestServer | null> {
  const server = await started(installedPostgres() ?? embeddedPostgres());
  if (server === null) {
    return null;
  }
  try {
    const bouncer = await startPgBouncer(server.url, options);
    return {
      url: bouncer.url,
      stop: async () => {
        await bouncer.stop();
        await server.stop();
      },
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

async function started(binaries: string | null, initialise?: readonly string[]): Promise<TestServer | null> {
  return binaries === null ? null : startPostgres({ binaries, ...(initialise !== undefined && { initialise }) });
}

// The first message of a client that asks for TLS; every Postgres answers with one byte.
const greeting = Uint8Array.of(0, 0, 0, 8, 4, 210, 22, 47);

async function container(service: string): Promise<TestServer | null> {
  const found = await startContainer({ service, port: 5432, greeting });
  return found && { url: `postgres://postgres@127.0.0.1:${found.port}/postgres`, stop: found.stop };
}
