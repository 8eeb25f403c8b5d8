import { ConnectionStringError, InvalidArgumentError, type SessionDb, type SessionDbLimits } from "@sessiondb/core";
import { DrizzleSessionDb, tableNames, type SqlDriver } from "@sessiondb/drizzle";
import { createPool, type Connection, type Pool } from "mysql2/promise";
import { mysqlDialect } from "./mysql-dialect.ts";
import { MysqlDriver, type MysqlPool } from "./mysql-driver.ts";
import { MysqlReads } from "./mysql-reads.ts";
import { MysqlTransactionDriver } from "./mysql-transaction-driver.ts";
import { MysqlWrites } from "./mysql-writes.ts";
import type { MySqlTableOptions } from "./schema.ts";

export interface MySqlSessionDbOptions extends MySqlTableOptions {
  /** `mysql://user:password@host:3306/database`, or `mariadb://…`; options of mysql2, such as `ssl`, go into its query. */
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
  readonly #options: MySqlSessionDbOptions;
  readonly #server: string;

  constructor(options: MySqlSessionDbOptions) {
    const copy = checkedOptions(options);
    const server = serverOf(copy);
    const { connectionTimeout = 10_000, statementTimeout = 60_000, retryTimeout = 15_000 } = copy;
    const driver = new MysqlDriver({
      open: () => openPool(copy),
      database: copy.database ?? null,
      sessionTable: tableNames(copy).sessions,
      server,
      patience: retryTimeout,
      connectionTimeout,
      statementTimeout,
    });
    super({ ...partsOf(copy, driver, () => driver.maxPayloadBytes), autoMigrate: copy.autoMigrate ?? true });
    this.#options = copy;
    this.#server = server;
  }

  /**
   * The same store in a transaction that you began on `connection`, and end. Each operation that writes is a savepoint, so
   * one that fails leaves the transaction sound. Nothing is retried, and the tables must exist. Closing it closes nothing.
   */
  withTransaction(connection: Connection): SessionDb {
    const { statementTimeout: timeout = 60_000, database = null } = this.#options;
    const sessionTable = tableNames(this.#options).sessions;
    const driver = new MysqlTransactionDriver(connection, { database, sessionTable, server: this.#server, timeout });
    return new DrizzleSessionDb({
      ...partsOf(this.#options, driver, () => this.limits.maxPayloadBytes),
      autoMigrate: false,
      inTransactionOf: this,
    });
  }
}

/** `mysql://…` or `mariadb://…`, as `openSessionDb` gets it. `?database=ai` says where the tables are. */
export function fromUrl(url: string): MySqlSessionDb {
  if (!URL.canParse(url)) {
    return new MySqlSessionDb({ url });
  }
  const parsed = new URL(url);
  const database = parsed.searchParams.get("database");
  parsed.searchParams.delete("database");
  return new MySqlSessionDb({ url: parsed.href, ...(database !== null && { database }) });
}

function partsOf(options: MySqlSessionDbOptions, driver: SqlDriver, serverBytes: () => number) {
  const dialect = mysqlDialect(options);
  const { maxPayloadBytes = 15 * 1024 * 1024 } = options;
  const limits: SessionDbLimits = {
    maxIdLength: 128,
    get maxPayloadBytes() {
      return Math.min(maxPayloadBytes, serverBytes());
    },
  };
  return { driver, dialect, limits, Reads: MysqlReads, Writes: MysqlWrites };
}

function checkedOptions(options: MySqlSessionDbOptions): MySqlSessionDbOptions {
  const { url, pool, database } = options;
  if ((url === undefined) === (pool === undefined)) {
    throw new InvalidArgumentError("options", "an object with either url or pool");
  }
  if (database !== undefined && (typeof database !== "string" || database === "" || database.length > 64)) {
    throw new InvalidArgumentError("database", "the name of a database, of 1 to 64 characters");
  }
  if (url !== undefined) {
    checkUrl(url, database);
  }
  return { ...options };
}

function checkUrl(url: unknown, database: string | undefined): void {
  const parsed = typeof url === "string" && /^(?:mysql|mariadb):\/\//i.test(url) ? parseUrl(url) : null;
  if (parsed === null || parsed.hostname === "") {
    throw new ConnectionStringError(
      "A MySQL connection string is mysql://user:password@host:3306/database, with special characters of the password percent-encoded",
    );
  }
  if (parsed.pathname.length < 2 && database === undefined) {
    throw new ConnectionStringError(
      "The connection string names no database: mysql://user:password@host:3306/database",
    );
  }
}

function parseUrl(url: string): URL | null {
  return URL.canParse(url) ? new URL(url) : null;
}

/** Host and database, for messages. */
function serverOf({ url, database }: MySqlSessionDbOptions): string {
  const parsed = url === undefined ? null : parseUrl(url);
  const name = database ?? (parsed === null ? null : decodeURIComponent(parsed.pathname.slice(1)));
  const where = parsed === null ? "the database server" : parsed.host;
  return name === null ? where : `Database ${JSON.stringify(name)} on ${where}`;
}

function openPool(options: MySqlSessionDbOptions): MysqlPool {
  const { url, pool, poolSize = 10, connectionTimeout = 10_000, retryTimeout = 15_000 } = options;
  if (pool !== undefined) {
    return { pool, owned: false };
  }
  const opened = createPool({
    uri: String(url).replace(/^mariadb:/i, "mysql:"),
    connectionLimit: poolSize,
    connectTimeout: connectionTimeout,
    jsonStrings: true,
    // Each statement of this store is prepared once per connection; lists of ids have many lengths.
    maxPreparedStatements: 200,
  });
  const seconds = Math.max(1, Math.ceil(retryTimeout / 1000));
  opened.on("connection", (connection) => {
    // A connection that is cut while it rests tells so by an event, which would end the process if nobody listened.
    (connection as unknown as NodeJS.EventEmitter).on("error", () => null);
    for (const statement of sessionSettings(seconds)) {
      (connection as unknown as { query(sql: string, done: () => void): void }).query(statement, () => null);
    }
  });
  return { pool: opened, owned: true };
}

/**
 * Writers wait for a row and never for the gap beside it; no wait is longer than the store's patience; and a value that
 * does not fit is an error, whatever the server's default.
 */
function sessionSettings(seconds: number): string[] {
  return [
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    `SET SESSION innodb_lock_wait_timeout = ${seconds}, lock_wait_timeout = ${seconds}, sql_mode = concat(@@sql_mode, ',STRICT_TRANS_TABLES')`,
  ];
}
