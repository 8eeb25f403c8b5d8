import { ConnectionStringError, InvalidArgumentError } from "@sessiondb/core";
import {
  checkLeftOut,
  count,
  flag,
  isStorable,
  milliseconds,
  objectWith,
  optional,
  present,
  readOptions,
  type OptionReaders,
  type OptionsRead,
} from "@sessiondb/core/adapter";
import { tableOptionReaders, takePoolOptions, takeUrlOptions } from "@sessiondb/drizzle";
import type { Connection, Pool } from "mysql2/promise";
import { parseMysqlUrl, readServer, storeParameters, type MysqlServer } from "./mysql-url.ts";
import type { MySqlTableOptions } from "./schema.ts";

export interface MySqlSessionDbOptions extends MySqlTableOptions {
  /**
   * `mysql://user:password@host:3306/database`, or `mariadb://…`. The query may contain `database`, `sessionTable`,
   * `runsTable`, and the parameters in docs/mysql.md, such as `ssl-mode`; any other is refused.
   */
  url?: string;
  /** Your own mysql2 pool (`mysql2/promise`), instead of `url`. It is used as configured and never closed. */
  pool?: Pool;
  /** Whether the first operation creates missing tables. Default true; false never issues DDL. */
  autoMigrate?: boolean;
  /** The number of connections in the pool of `url`. Default 10. */
  poolSize?: number;
  /** The time to wait for a connection, in milliseconds. Default 10,000. */
  connectionTimeout?: number;
  /**
   * The time to wait for one statement's answer, in milliseconds. Default 60,000. Every call ends within
   * `connectionTimeout` + `retryTimeout` + `statementTimeout`, but for `migrate`, whose indexes may take hours to build,
   * and for what works in batches, where each batch does.
   */
  statementTimeout?: number;
  /**
   * The time to retry transient failures, such as deadlocks, waits for a lock or a restart of the server, in
   * milliseconds. Default 15,000.
   */
  retryTimeout?: number;
  /**
   * The largest JSON document, in bytes of UTF-8. Default 15 MiB, or what the server's `max_allowed_packet` allows if
   * that is less; MariaDB's default is 16 MiB, MySQL's 64.
   */
  maxPayloadBytes?: number;
}

const readers = {
  ...tableOptionReaders,
  database: optional(checkDatabase),
  url: optional(parseMysqlUrl),
  // A pool of mysql2 itself has the same methods, but takes callbacks.
  pool: optional(objectWith<Pool>(["getConnection", "pool"], 'a pool of "mysql2/promise"')),
  poolSize: count({ from: 1, otherwise: 10 }),
  autoMigrate: flag(true),
  connectionTimeout: milliseconds({ from: 1, otherwise: 10_000 }),
  statementTimeout: milliseconds({ from: 1, otherwise: 60_000 }),
  retryTimeout: milliseconds({ from: 0, otherwise: 15_000 }),
  maxPayloadBytes: count({ from: 1, otherwise: 15 * 1024 * 1024 }),
} satisfies OptionReaders<MySqlSessionDbOptions>;

export interface MysqlOptions extends Omit<OptionsRead<typeof readers>, "url"> {
  /** The server of the connection string; null without one. */
  readonly server: MysqlServer | null;
}

const checkPromised = objectWith<Connection>(["execute", "connection"], 'a connection of "mysql2/promise"');

/** Checks the connection of a caller's transaction. */
export function checkConnection(connection: unknown): Connection {
  return checkPromised(connection, "connection");
}

/** Other tools' and drivers' names for the store's options in a connection string. */
const otherNames = {
  db: "database",
  dbName: "database",
  databaseName: "database",
  schema: "database",
  schemaName: "database",
  tableName: "sessionTable",
  sessionsTable: "sessionTable",
  runTable: "runsTable",
  memoriesTable: "memoryTable",
} as const;

/** Reads the constructor's options, including those in the query of `url`. */
export function readMysqlOptions(given: unknown): MysqlOptions {
  const { url, ...options } = readOptions(given, readers);
  const { pool } = options;
  if ((url === undefined) === (pool === undefined)) {
    throw new InvalidArgumentError("options", "an object with either url or pool");
  }
  if (url === undefined) {
    checkLeftOut(given as object, ["poolSize"], "pool");
    return { ...options, server: null };
  }
  const found = takeUrlOptions(url, given as object, {
    own: storeParameters,
    elsewhere: Object.keys(readers),
    otherNames,
    foreign: [],
  });
  const others = present(takePoolOptions(url.searchParams));
  const { url: _, ...all } = readOptions({ ...others, ...present(given as object), ...found }, readers);
  const server = readServer(url);
  if (server.database === "" && all.database === undefined) {
    throw new ConnectionStringError(
      "The connection string names no database. It looks like mysql://user:password@host:3306/database",
    );
  }
  return { ...all, server };
}

/** Checks the name of a database. It is quoted where it is used, so only names that no server can hold are refused. */
function checkDatabase(name: unknown, argument: string): string {
  if (typeof name !== "string" || name === "" || !isStorable(name) || name.length > 64) {
    throw new InvalidArgumentError(argument, "the name of a database, of 1 to 64 characters");
  }
  return name;
}

/** Host and database, for messages. */
export function serverOf({ server, database }: MysqlOptions): string {
  const name = database ?? server?.database ?? null;
  const where = server === null ? "the database server" : (server.login.socketPath ?? server.host);
  return name === null ? where : `Database ${JSON.stringify(name)} on ${where}`;
}
