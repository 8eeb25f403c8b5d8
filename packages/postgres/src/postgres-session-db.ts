import type { SessionDb } from "@sessiondb/core";
import { present } from "@sessiondb/core/adapter";
import { DrizzleSessionDb, withUrlOption, type ServerConnections } from "@sessiondb/drizzle";
import { getTableColumns, type Column } from "drizzle-orm";
import pg, { type ClientBase, type Pool } from "pg";
import type { PostgresConnection, PostgresConnectionOptions } from "./postgres-connection.ts";
import { PoolConnections, SingleConnection } from "./postgres-connections.ts";
import { PostgresDialect } from "./postgres-dialect.ts";
import { PostgresDriver } from "./postgres-driver.ts";
import {
  checkClient,
  placeOf,
  readPostgresOptions,
  type PostgresOptions,
  type PostgresSessionDbOptions,
} from "./postgres-options.ts";
import { PostgresReads } from "./postgres-reads.ts";
import { PostgresWrites } from "./postgres-writes.ts";
import { PreparedStatements } from "./prepared-statements.ts";
import { connectionOf, parsePostgresUrl } from "./postgres-url.ts";
import { startingBounds } from "./server-bounds.ts";
import type { PostgresTableOptions } from "./schema.ts";

/** Session storage in PostgreSQL, shared safely by any number of processes. */
export class PostgresSessionDb extends DrizzleSessionDb {
  readonly #options: PostgresOptions;
  readonly #parts: StoreParts;

  constructor(options: PostgresSessionDbOptions) {
    const read = readPostgresOptions(options);
    const { maxPayloadBytes, autoMigrate, preparedStatements } = read;
    const dialect = new PostgresDialect(tableOptions(read));
    const parts = { dialect, statements: new PreparedStatements(preparedStatements) };
    super({
      dialect,
      Reads: PostgresReads,
      Writes: PostgresWrites,
      driver: driverOf(read, parts, { inTransaction: false }),
      limits: { maxIdLength: 255, maxPayloadBytes },
      autoMigrate,
    });
    this.#options = read;
    this.#parts = parts;
  }

  /**
   * Returns the same store in a transaction that you began on `client` and will end. Each operation is a savepoint, so
   * a failed one leaves it usable. Nothing is retried, and the tables must exist. Closing it closes nothing.
   */
  withTransaction(client: ClientBase): SessionDb {
    const own = { server: null, pool: undefined, client: checkClient(client) };
    return this.inTransaction(driverOf({ ...this.#options, ...own }, this.#parts, { inTransaction: true }));
  }
}

/**
 * Opens `postgres://…`, as `openSessionDb` receives it. `?schema=ai` sets the schema of the tables.
 *
 * @throws ConnectionStringError
 */
export function fromUrl(url: string): PostgresSessionDb {
  return new PostgresSessionDb({ url });
}

/**
 * The connection string of the schema `<name>`, or `<schema>_<name>` beside a schema that the string names. Of a name that
 * Postgres has for itself, or for everyone, it is the schema `_<name>`.
 *
 * @throws ConnectionStringError
 */
export function ownStorageUrl(url: string, name: string): string {
  return withUrlOption(parsePostgresUrl(url), "schema", (schema) =>
    schema === null ? (/^(public$|pg_)/.test(name) ? `_${name}` : name) : `${schema}_${name}`,
  );
}

/** What a store and its handles in transactions share. */
interface StoreParts {
  readonly dialect: PostgresDialect;
  readonly statements: PreparedStatements;
}

function driverOf(
  options: PostgresOptions,
  { dialect, statements }: StoreParts,
  { inTransaction }: { readonly inTransaction: boolean },
): PostgresDriver {
  const { maxPayloadBytes: payloadBytes, connectionTimeout, retryTimeout, statementTimeout } = options;
  const { sessions, runs, versions } = dialect.tables;
  const { memories } = dialect.memory.tables;
  const columns = [sessions, runs, versions, memories].flatMap((table) =>
    Object.values<Column>(getTableColumns(table)),
  );
  const names = [
    ...new Set([
      ...Object.values(dialect.names),
      ...Object.values(dialect.memory.names),
      ...columns.map(({ name }) => name),
    ]),
  ];
  const place = placeOf(options);
  const connections = connectionsOf(options, { inTransaction, place, names, statementTimeout, statements });
  const times = { connectionTimeout, retryTimeout, statementTimeout };
  return new PostgresDriver({ connections, dialect, statements, place, names, times, payloadBytes });
}

function tableOptions(options: PostgresOptions): PostgresTableOptions {
  const { schema, sessionTable, runsTable, memoryTable, indexes } = options;
  return { indexes, ...present({ schema, sessionTable, runsTable, memoryTable }) };
}

function connectionsOf(
  { server, pool, client, poolSize, connectionTimeout: timeout }: PostgresOptions,
  each: PostgresConnectionOptions,
): ServerConnections<PostgresConnection> {
  if (client !== undefined) {
    return new SingleConnection(client, each);
  }
  if (pool !== undefined) {
    return new PoolConnections({ open: () => pool, owned: false, timeout }, each);
  }
  const open = ({ bounded }: { readonly bounded: boolean }): Pool =>
    new pg.Pool({
      ...(server === null ? {} : connectionOf(server)),
      ...(server !== null && bounded && startingBounds(server.connectionString, each.statementTimeout)),
      max: poolSize,
      connectionTimeoutMillis: timeout,
      keepAlive: true,
      // A server that is gone without a word is noticed in less than a minute, also by DDL that takes hours.
      keepAliveInitialDelayMillis: 30_000,
      // Idle connections do not keep the process alive.
      allowExitOnIdle: true,
    });
  return new PoolConnections({ open, owned: true, timeout }, each);
}
