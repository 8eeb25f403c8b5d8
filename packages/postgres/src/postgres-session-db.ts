import type { SessionDb } from "@sessiondb/core";
import { DrizzleSessionDb } from "@sessiondb/drizzle";
import pg, { type ClientBase, type Pool } from "pg";
import { PoolConnections, SingleConnection, type PostgresConnections } from "./postgres-connections.ts";
import { PostgresDialect } from "./postgres-dialect.ts";
import { PostgresDriver } from "./postgres-driver.ts";
import { checkClient, readPostgresOptions, type PostgresOptions } from "./postgres-options.ts";
import { placeOf } from "./postgres-place.ts";
import { PostgresReads, PostgresWrites } from "./postgres-statements.ts";
import type { PostgresTableOptions } from "./schema.ts";

export interface PostgresSessionDbOptions extends PostgresTableOptions {
  /**
   * `postgres://user:password@host:5432/database`. The store opens a pool at its first use, and closes it. `schema`,
   * `sessionTable` and `runsTable` may stand in its query.
   */
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
  readonly #options: PostgresOptions;

  constructor(options: PostgresSessionDbOptions) {
    const read = readPostgresOptions(options);
    super(partsOf(read, { inTransaction: false }));
    this.#options = read;
  }

  /**
   * The same store in a transaction that you began on `client`, and end. Each operation is a savepoint, so one that fails
   * leaves the transaction sound. Nothing is retried, and the tables must exist. Closing it closes nothing.
   */
  withTransaction(client: ClientBase): SessionDb {
    const own = { url: undefined, pool: undefined, client: checkClient(client), autoMigrate: false };
    const parts = partsOf({ ...this.#options, ...own }, { inTransaction: true });
    return new DrizzleSessionDb({ ...parts, inTransactionOf: this });
  }
}

/** `postgres://…`, as `openSessionDb` gets it. `?schema=ai` says where the tables are. */
export function fromUrl(url: string): PostgresSessionDb {
  return new PostgresSessionDb({ url });
}

function partsOf(
  options: PostgresOptions,
  { inTransaction }: { inTransaction: boolean },
): ConstructorParameters<typeof DrizzleSessionDb>[0] {
  const { maxPayloadBytes, autoMigrate, retryTimeout, statementTimeout } = options;
  const dialect = new PostgresDialect(tableOptions(options));
  return {
    dialect,
    Reads: PostgresReads,
    Writes: PostgresWrites,
    driver: new PostgresDriver({
      dialect,
      inTransaction,
      payloadBytes: maxPayloadBytes,
      connections: connectionsOf(options),
      place: placeOf(options),
      retryTimeout,
      statementTimeout,
    }),
    limits: { maxIdLength: 255, maxPayloadBytes },
    autoMigrate,
  };
}

function tableOptions({ schema, sessionTable, runsTable, indexes }: PostgresOptions): PostgresTableOptions {
  return {
    indexes,
    ...(schema !== undefined && { schema }),
    ...(sessionTable !== undefined && { sessionTable }),
    ...(runsTable !== undefined && { runsTable }),
  };
}

function connectionsOf({ url, pool, client, poolSize, connectionTimeout }: PostgresOptions): PostgresConnections {
  if (client !== undefined) {
    return new SingleConnection(client);
  }
  if (pool !== undefined) {
    return new PoolConnections({ open: () => pool, owned: false, timeout: connectionTimeout });
  }
  const open = (): Pool =>
    new pg.Pool({
      connectionString: url,
      max: poolSize,
      connectionTimeoutMillis: connectionTimeout,
      keepAlive: true,
      // Idle connections do not keep the process alive.
      allowExitOnIdle: true,
    });
  return new PoolConnections({ open, owned: true, timeout: connectionTimeout });
}
