import type { SessionDb, SessionDbLimits } from "@sessiondb/core";
import { present } from "@sessiondb/core/adapter";
import { DrizzleSessionDb, withUrlOption, type ServerConnections, type SqlDialect } from "@sessiondb/drizzle";
import { createPool, type Connection, type Pool } from "mysql2/promise";
import { packetAdvice, packetReserve, type MysqlConnection, type ServerLimits } from "./mysql-connection.ts";
import { PoolConnections, SingleConnection } from "./mysql-connections.ts";
import { mysqlDialect } from "./mysql-dialect.ts";
import { MysqlDriver } from "./mysql-driver.ts";
import {
  checkConnection,
  readMysqlOptions,
  serverOf,
  type MysqlOptions,
  type MySqlSessionDbOptions,
} from "./mysql-options.ts";
import { MysqlMemories } from "./mysql-memories.ts";
import { MysqlReads } from "./mysql-reads.ts";
import { MysqlWrites } from "./mysql-writes.ts";
import { connectionOf, parseMysqlUrl, type MysqlServer } from "./mysql-url.ts";
import type { MySqlTableOptions } from "./schema.ts";

/** Session storage in MySQL (8.0.17 or later) or MariaDB (10.6 or later), shared safely by any number of processes. */
export class MySqlSessionDb extends DrizzleSessionDb {
  readonly #parts: MysqlParts;

  constructor(options: MySqlSessionDbOptions) {
    const read = readMysqlOptions(options);
    const parts = partsOf(read);
    const { dialect, limits } = parts;
    super({
      dialect,
      Reads: MysqlReads,
      Writes: MysqlWrites,
      Memories: MysqlMemories,
      driver: driverOf(parts, poolOf(parts)),
      limits: limitsOf(read.maxPayloadBytes, limits),
      autoMigrate: read.autoMigrate,
    });
    this.#parts = parts;
  }

  /**
   * Returns the same store in a transaction that you began on `connection` and will end. Each write operation is a
   * savepoint, so a failed one leaves it usable. Nothing is retried, and the tables must exist. Closing it closes
   * nothing.
   */
  withTransaction(connection: Connection): SessionDb {
    const { options, limits } = this.#parts;
    const { statementTimeout: timeout } = options;
    const each = { origin: "connection", isReset: false, timeout, limits } as const;
    return this.inTransaction(driverOf(this.#parts, new SingleConnection(checkConnection(connection), each)));
  }
}

/**
 * Opens `mysql://…` or `mariadb://…`, as `openSessionDb` receives it. `?database=ai` sets the tables' database.
 *
 * @throws ConnectionStringError
 */
export function fromUrl(url: string): MySqlSessionDb {
  return new MySqlSessionDb({ url });
}

/**
 * The connection string of the database `<database>_<name>`.
 *
 * @throws ConnectionStringError
 */
export function ownStorageUrl(url: string, name: string): string {
  return withUrlOption(parseMysqlUrl(url), "database", (given, path) => `${given ?? path}_${name}`);
}

/** The parts that all drivers of a store share. */
interface MysqlParts {
  readonly options: MysqlOptions;
  readonly dialect: SqlDialect;
  readonly limits: ServerLimits;
  readonly server: string;
}

function partsOf(options: MysqlOptions): MysqlParts {
  const limits = { packetBytes: Number.POSITIVE_INFINITY };
  return { options, dialect: mysqlDialect(tableOptions(options)), limits, server: serverOf(options) };
}

function driverOf(
  { options, dialect, limits, server }: MysqlParts,
  connections: ServerConnections<MysqlConnection>,
): MysqlDriver {
  const { names } = dialect;
  const { database = null, connectionTimeout, retryTimeout, statementTimeout } = options;
  const location = { tables: Object.values(names), sessionTable: names.sessions, database };
  const times = { connectionTimeout, retryTimeout, statementTimeout };
  return new MysqlDriver({ connections, location, server, times, limits });
}

function limitsOf(maxPayloadBytes: number, server: ServerLimits): SessionDbLimits {
  const serverBytes = (): number => server.packetBytes - packetReserve;
  return {
    maxIdLength: 128,
    get maxPayloadBytes() {
      return Math.min(maxPayloadBytes, serverBytes());
    },
    get payloadAdvice() {
      return serverBytes() < maxPayloadBytes ? packetAdvice : undefined;
    },
  };
}

function tableOptions(options: MysqlOptions): MySqlTableOptions {
  const { database, sessionTable, runsTable, memoryTable, indexes } = options;
  return { indexes, ...present({ database, sessionTable, runsTable, memoryTable }) };
}

function poolOf({ options, limits, server }: MysqlParts): PoolConnections {
  const { server: given, pool, poolSize, connectionTimeout, statementTimeout: timeout } = options;
  const { config } = (pool?.pool ?? {}) as { readonly config?: { readonly resetOnRelease?: boolean } };
  const isReset = config?.resetOnRelease === true;
  const each = { origin: pool === undefined ? "url" : "pool", isReset, timeout, limits } as const;
  const open = (): Pool => (given === null ? (pool as Pool) : openPool(given, options));
  const size = pool === undefined ? poolSize : null;
  return new PoolConnections({ open, server, timeout: connectionTimeout, size, each });
}

function openPool(server: MysqlServer, { poolSize, connectionTimeout }: MysqlOptions): Pool {
  const connection = connectionOf(server);
  const { searchParams: given } = new URL(server.uri);
  const pool = createPool({
    ...connection,
    charset: "UTF8MB4_UNICODE_CI",
    ...(!given.has("connectionLimit") && { connectionLimit: poolSize }),
    ...(!given.has("connectTimeout") && { connectTimeout: connectionTimeout }),
    jsonStrings: true,
    // Each statement of this store is prepared once per connection; lists of ids have many lengths.
    maxPreparedStatements: 200,
  });
  pool.on("connection", (made) => {
    // A connection cut while idle emits an event, which would end the process without a listener.
    (made as unknown as NodeJS.EventEmitter).on("error", () => null);
  });
  return pool;
}
