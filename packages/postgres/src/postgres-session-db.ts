import { ConnectionStringError, InvalidArgumentError, type SessionDb } from "@sessiondb/core";
import { DrizzleSessionDb } from "@sessiondb/drizzle";
import pg, { type ClientBase, type Pool } from "pg";
import { PoolConnections, SingleConnection, type PostgresConnections } from "./postgres-connections.ts";
import { PostgresDialect } from "./postgres-dialect.ts";
import { PostgresDriver } from "./postgres-driver.ts";
import { placeOf } from "./postgres-place.ts";
import { PostgresReads, PostgresWrites } from "./postgres-statements.ts";
import type { PostgresTableOptions } from "./schema.ts";

export interface PostgresSessionDbOptions extends PostgresTableOptions {
  /** `postgres://user:password@host:5432/database`. The store opens a pool at its first use, and closes it. */
  url?: string;
  /** How many connections the pool of `url` has. Default 10. */
  poolSize?: number;
  /** A pool of your own, in place of `url`. It is never closed. */
  pool?: Pool;
  /**
   * One connected client of your own, in place of `url`: operations take turns on it, in transactions of the store's own.
   * It is never closed. While a transaction of yours is open on it, use `withTransaction`.
   */
  client?: ClientBase;
  /** Whether the first operation creates missing tables. Default true; false issues no DDL, ever. */
  autoMigrate?: boolean;
  /** How long to wait for a connection, in milliseconds. Default 10,000. */
  connectionTimeout?: number;
  /** How long to wait for one statement's answer, in milliseconds. Default 60,000. */
  statementTimeout?: number;
  /** How long to retry what fails in passing: deadlocks, a restart of the server. In milliseconds. Default 15,000. */
  retryTimeout?: number;
  /** The largest JSON document, in bytes of UTF-8. Default 200 MiB; `jsonb` ends at 255 MiB of its own encoding. */
  maxPayloadBytes?: number;
}

/** Session storage in PostgreSQL, shared safely by any number of processes. */
export class PostgresSessionDb extends DrizzleSessionDb {
  readonly #options: PostgresSessionDbOptions;

  constructor(options: PostgresSessionDbOptions) {
    super(partsOf(options, { inTransaction: false }));
    this.#options = { ...options };
  }

  /**
   * The same store in a transaction that you began on `client`, and end. Each operation is a savepoint, so one that fails
   * leaves the transaction sound. Nothing is retried, and the tables must exist. Closing it closes nothing.
   */
  withTransaction(client: ClientBase): SessionDb {
    const { url: _url, pool: _pool, ...options } = this.#options;
    const parts = partsOf({ ...options, client, autoMigrate: false }, { inTransaction: true });
    return new DrizzleSessionDb({ ...parts, inTransactionOf: this });
  }
}

/** `postgres://…`, as `openSessionDb` gets it. `?schema=ai` says where the tables are. */
export function fromUrl(url: string): PostgresSessionDb {
  const parsed = parseUrl(url);
  const schema = parsed.searchParams.get("schema");
  parsed.searchParams.delete("schema");
  return new PostgresSessionDb({ url: parsed.href, ...(schema !== null && { schema }) });
}

function partsOf(
  options: PostgresSessionDbOptions,
  { inTransaction }: { inTransaction: boolean },
): ConstructorParameters<typeof DrizzleSessionDb>[0] {
  const dialect = new PostgresDialect(options);
  const payloadBytes = options.maxPayloadBytes ?? 200 * 1024 * 1024;
  return {
    dialect,
    Reads: PostgresReads,
    Writes: PostgresWrites,
    driver: new PostgresDriver({
      dialect,
      inTransaction,
      payloadBytes,
      connections: connectionsOf(options),
      place: placeOf(options),
      retryTimeout: options.retryTimeout ?? 15_000,
      statementTimeout: options.statementTimeout ?? 60_000,
    }),
    limits: { maxIdLength: 255, maxPayloadBytes: payloadBytes },
    autoMigrate: options.autoMigrate ?? true,
  };
}

function connectionsOf(options: PostgresSessionDbOptions): PostgresConnections {
  const { url, pool, client, poolSize = 10, connectionTimeout: timeout = 10_000 } = options;
  if ([url, pool, client].filter((given) => given !== undefined).length !== 1) {
    throw new InvalidArgumentError("options", "an object with one of url, pool and client");
  }
  if (client !== undefined) {
    return new SingleConnection(client);
  }
  if (pool !== undefined) {
    return new PoolConnections({ open: () => pool, owned: false, timeout });
  }
  const connectionString = parseUrl(url).href;
  const open = (): Pool =>
    new pg.Pool({
      connectionString,
      max: poolSize,
      connectionTimeoutMillis: timeout,
      keepAlive: true,
      // Idle connections do not keep the process alive.
      allowExitOnIdle: true,
    });
  return new PoolConnections({ open, owned: true, timeout });
}

function parseUrl(url: unknown): URL {
  const parsed = typeof url === "string" && /^postgres(ql)?:/i.test(url) && URL.canParse(url) ? new URL(url) : null;
  if (parsed === null) {
    throw new ConnectionStringError(
      "A Postgres connection string looks like postgres://user:password@host:5432/database",
    );
  }
  return parsed;
}
