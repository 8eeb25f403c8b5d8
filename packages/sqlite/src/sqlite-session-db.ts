import type { SessionDb } from "@sessiondb/core";
import { DrizzleSessionDb, type SqlDialect } from "@sessiondb/drizzle";
import type { Database } from "better-sqlite3";
import { sqliteDialect } from "./sqlite-dialect.ts";
import { SqliteDriver } from "./sqlite-driver.ts";
import { checkClient, fileOfUrl, readSqliteOptions, type SqliteSessionDbOptions } from "./sqlite-options.ts";
import { SqliteReads } from "./sqlite-reads.ts";

/** Session storage in one SQLite file, shared safely by any number of processes on one machine. */
export class SqliteSessionDb extends DrizzleSessionDb {
  readonly #dialect: SqlDialect;

  constructor(options: SqliteSessionDbOptions) {
    const read = readSqliteOptions(options);
    const { file, client, readonly } = read;
    const dialect = sqliteDialect(options);
    super({
      driver: new SqliteDriver({
        file: file ?? "",
        client: client ?? null,
        inTransaction: false,
        readonly,
        synchronous: read.synchronous,
        busyTimeout: read.busyTimeout,
        names: [...Object.values(dialect.names), dialect.memory.names.memories],
      }),
      dialect,
      Reads: SqliteReads,
      limits: { maxIdLength: 255, maxPayloadBytes: read.maxPayloadBytes },
      autoMigrate: read.autoMigrate && !readonly,
    });
    this.#dialect = dialect;
  }

  /**
   * Returns the same store in a transaction that you began on `client` and will end. Each operation is a savepoint, so
   * a failed one leaves it usable. Nothing is retried, and the tables must exist. Closing it closes nothing.
   */
  withTransaction(client: Database): SessionDb {
    return this.inTransaction(
      new SqliteDriver({
        file: "",
        client: checkClient(client),
        inTransaction: true,
        readonly: false,
        synchronous: "full",
        busyTimeout: 0,
        names: [...Object.values(this.#dialect.names), this.#dialect.memory.names.memories],
      }),
    );
  }
}

/** Opens `sqlite:agent.db`, `sqlite:/var/lib/agent.db`, `sqlite:///agent.db`, `file:agent.db` or `sqlite::memory:`. */
export function fromUrl(url: string): SqliteSessionDb {
  return new SqliteSessionDb({ file: fileOfUrl(url) });
}

/** The connection string of the file `<file>.<name>.db`. A database in memory is nobody else's already. */
export function ownStorageUrl(url: string, name: string): string {
  return url.endsWith(":memory:") ? url : `${url.replace(/\.(db|sqlite3?)$/i, "")}.${name}.db`;
}
