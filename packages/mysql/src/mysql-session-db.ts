import type { SessionDb, SessionDbLimits } from "@sessiondb/core";
import { DrizzleSessionDb, tableNames, type SqlDriver } from "@sessiondb/drizzle";
import { createPool, type Connection, type Pool } from "mysql2/promise";
import { packetAdvice } from "./mysql-connection.ts";
import { mysqlDialect } from "./mysql-dialect.ts";
import { MysqlDriver, type MysqlPool } from "./mysql-driver.ts";
import { checkConnection, readMysqlOptions, type MysqlOptions } from "./mysql-options.ts";
import { MysqlReads } from "./mysql-reads.ts";
import { MysqlTransactionDriver } from "./mysql-transaction-driver.ts";
import { MysqlWrites } from "./mysql-writes.ts";
import type { MySqlTableOptions } from "./schema.ts";

export interface MySqlSessionDbOptions extends MySqlTableOptions {
  /**
   * `mysql://user:password@host:3306/database`, or `mariadb://…`. `database`, `sessionTable` and `runsTable` may stand in
   * its query, and options of mysql2, such as `ssl`.
   */
  url?: string;
  /** A mysql2 pool of your own (`mysql2/promise`), in place of `url`. It is used as it is set up and never closed. */
  pool?: Pool;
  /** Whether the first operation creates missing tables. Default true; false issues no DDL, ever. */
  autoMigrate?: boolean;
  /** How many connections the pool of `url` has. Default 10. */
  poolSize?: number;
  /** How long to wait for a connection, in milliseconds. Default 10,000. */
  connectionTimeout?: number;
  /** How long to wait for one statement's answer, in milliseconds. Default 60,000. */
  statementTimeout?: number;
  /** How long to wait for locks and to retry what fails in passing: deadlocks, lost connections. In milliseconds. Default 15,000. */
  retryTimeout?: number;
  /**
   * The largest JSON document, in bytes of UTF-8. Default 15 MiB, or what the server's `max_allowed_packet` leaves if
   * that is less; MariaDB's default is 16 MiB, MySQL's 64.
   */
  maxPayloadBytes?: number;
}

/** Session storage in MySQL (8.0.17 or later) or MariaDB (10.6 or later), shared safely by any number of processes. */
export class MySqlSessionDb extends DrizzleSessionDb {
  readonly #options: MysqlOptions;
  readonly #server: string;

  constructor(options: MySqlSessionDbOptions) {
    const read = readMysqlOptions(options);
    const server = serverOf(read);
    const { connectionTimeout, statementTimeout, retryTimeout, database = null } = read;
    const { names } = mysqlDialect(tableOptions(read));
    const driver = new MysqlDriver({
      open: () => openPool(read),
      database,
      sessionTable: names.sessions,
      tables: Object.values(names),
      server,
      patience: retryTimeout,
      connectionTimeout,
      statementTimeout,
    });
    super({ ...partsOf(read, driver, () => driver.maxPayloadBytes), autoMigrate: read.autoMigrate });
    this.#options = read;
    this.#server = server;
  }

  /**
   * The same store in a transaction that you began on `connection`, and end. Each operation that writes is a savepoint, so
   * one that fails leaves the transaction sound. Nothing is retried, and the tables must exist. Closing it closes nothing.
   */
  withTransaction(connection: Connection): SessionDb {
    const { statementTimeout: timeout, database = null } = this.#options;
    const { sessions: sessionTable } = tableNames(tableOptions(this.#options));
    const driver = new MysqlTransactionDriver(checkConnection(connection), {
      database,
      sessionTable,
      server: this.#server,
      timeout,
    });
    return new DrizzleSessionDb({
      ...partsOf(this.#options, driver, () => this.limits.maxPayloadBytes),
      autoMigrate: false,
      inTransactionOf: this,
    });
  }
}

/** `mysql://…` or `mariadb://…`, as `openSessionDb` gets it. `?database=ai` says where the tables are. */
export function fromUrl(url: string): MySqlSessionDb {
  return new MySqlSessionDb({ url });
}

function partsOf(options: MysqlOptions, driver: SqlDriver, serverBytes: () => number) {
  const { maxPayloadBytes } = options;
  const limits: SessionDbLimits = {
    maxIdLength: 128,
    get maxPayloadBytes() {
      return Math.min(maxPayloadBytes, serverBytes());
    },
    get payloadAdvice() {
      return serverBytes() < maxPayloadBytes ? packetAdvice : undefined;
    },
  };
  return { driver, dialect: mysqlDialect(tableOptions(options)), limits, Reads: MysqlReads, Writes: MysqlWrites };
}

function tableOptions({ database, sessionTable, runsTable, indexes }: MysqlOptions): MySqlTableOptions {
  return {
    indexes,
    ...(database !== undefined && { database }),
    ...(sessionTable !== undefined && { sessionTable }),
    ...(runsTable !== undefined && { runsTable }),
  };
}

/** Host and database, for messages. */
function serverOf({ url, database }: MysqlOptions): string {
  const parsed = url === undefined ? null : new URL(url);
  const name = database ?? (parsed === null ? null : decodeURIComponent(parsed.pathname.slice(1)));
  const where = parsed === null ? "the database server" : parsed.host;
  return name === null ? where : `Database ${JSON.stringify(name)} on ${where}`;
}

function openPool({ url, pool, poolSize, connectionTimeout }: MysqlOptions): MysqlPool {
  if (pool !== undefined) {
    const { config } = pool.pool as { readonly config?: { readonly resetOnRelease?: boolean } };
    return { pool, owned: false, isReset: config?.resetOnRelease === true };
  }
  const uri = driverUrl(String(url));
  const { searchParams: given } = new URL(uri);
  const opened = createPool({
    uri,
    charset: "UTF8MB4_UNICODE_CI",
    ...(!given.has("connectionLimit") && { connectionLimit: poolSize }),
    ...(!given.has("connectTimeout") && { connectTimeout: connectionTimeout }),
    jsonStrings: true,
    // Each statement of this store is prepared once per connection; lists of ids have many lengths.
    maxPreparedStatements: 200,
  });
  opened.on("connection", (connection) => {
    // A connection that is cut while it rests tells so by an event, which would end the process if nobody listened.
    (connection as unknown as NodeJS.EventEmitter).on("error", () => null);
  });
  return { pool: opened, owned: true, isReset: false };
}

/** The URL for mysql2, without what would make the store lose text, settings, or count of what it has written. */
function driverUrl(url: string): string {
  const parsed = new URL(url.replace(/^mariadb:/i, "mysql:"));
  const { searchParams } = parsed;
  for (const name of ["charset", "charsetNumber", "resetOnRelease"]) {
    searchParams.delete(name);
  }
  const flags = searchParams.getAll("flags");
  searchParams.delete("flags");
  for (const each of flags) {
    searchParams.append("flags", each.replaceAll(/-FOUND_ROWS/gi, "FOUND_ROWS"));
  }
  return parsed.href;
}
