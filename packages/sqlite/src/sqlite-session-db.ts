import { fileURLToPath } from "node:url";
import { ConnectionStringError, InvalidArgumentError, type SessionDb } from "@sessiondb/core";
import { DrizzleSessionDb } from "@sessiondb/drizzle";
import type { Database } from "better-sqlite3";
import type { SqliteTableOptions } from "./schema.ts";
import { sqliteDialect } from "./sqlite-dialect.ts";
import { SqliteDriver } from "./sqlite-driver.ts";
import { SqliteReads } from "./sqlite-reads.ts";

export interface SqliteSessionDbOptions extends SqliteTableOptions {
  /** The path of the database file, created if missing, or `:memory:`. */
  file?: string;
  /**
   * A better-sqlite3 connection of your own, in place of `file`. It is used as it is set up (journal mode, synchronous,
   * busy timeout), with transactions of the store's own, and never closed. While a transaction of yours is open on it, use
   * `withTransaction`.
   */
  client?: Database;
  /** Whether the first operation creates missing tables. Default true; false issues no DDL, ever. */
  autoMigrate?: boolean;
  /** Opens the file for reading alone. Default false. */
  readonly?: boolean;
  /**
   * `"full"` makes every acknowledged write survive a power cut. `"normal"` is faster and survives a crash of the process
   * but may lose the last writes to a power cut. Default `"full"`.
   */
  synchronous?: "full" | "normal";
  /** How long to wait for other connections' locks, in milliseconds. Default 10,000. */
  busyTimeout?: number;
  /** The largest JSON document, in bytes of UTF-8. Default 256 MiB. */
  maxPayloadBytes?: number;
}

/** Session storage in one SQLite file, shared safely by any number of processes on one machine. */
export class SqliteSessionDb extends DrizzleSessionDb {
  readonly #options: SqliteSessionDbOptions;

  constructor(options: SqliteSessionDbOptions) {
    checkOptions(options);
    const { file, client } = options;
    if ((file === undefined) === (client === undefined)) {
      throw new InvalidArgumentError("options", "an object with either file or client");
    }
    if (file !== undefined && (typeof file !== "string" || file === "" || file.includes("\0"))) {
      throw new InvalidArgumentError("file", 'a path, or ":memory:"');
    }
    const { readonly = false, synchronous = "full", busyTimeout = 10_000, indexes = "needed" } = options;
    const { maxPayloadBytes = 256 * 1024 * 1024 } = options;
    checkChoice(synchronous, "synchronous", ["full", "normal"]);
    checkChoice(indexes, "indexes", ["needed", "agno"]);
    checkCount(busyTimeout, "busyTimeout", 0);
    if (client !== undefined) {
      checkClient(client);
    }
    checkCount(maxPayloadBytes, "maxPayloadBytes", 1);
    const dialect = sqliteDialect(options);
    super({
      driver: new SqliteDriver({
        file: file ?? "",
        client: client ?? null,
        inTransaction: false,
        readonly,
        synchronous,
        busyTimeout,
      }),
      dialect,
      Reads: SqliteReads,
      limits: { maxIdLength: 255, maxPayloadBytes },
      autoMigrate: (options.autoMigrate ?? true) && !readonly,
    });
    this.#options = { ...options };
  }

  /**
   * The same store in a transaction that you began on `client`, and end. Each operation is a savepoint, so one that fails
   * leaves the transaction sound. Nothing is retried, and the tables must exist. Closing it closes nothing.
   */
  withTransaction(client: Database): SessionDb {
    checkClient(client);
    const dialect = sqliteDialect(this.#options);
    return new DrizzleSessionDb({
      driver: new SqliteDriver({
        file: "",
        client,
        inTransaction: true,
        readonly: false,
        synchronous: "full",
        busyTimeout: 0,
      }),
      dialect,
      Reads: SqliteReads,
      limits: this.limits,
      autoMigrate: false,
      inTransactionOf: this,
    });
  }
}

const optionNames: readonly string[] = [
  "file",
  "client",
  "sessionTable",
  "runsTable",
  "indexes",
  "autoMigrate",
  "readonly",
  "synchronous",
  "busyTimeout",
  "maxPayloadBytes",
];

function checkOptions(options: unknown): void {
  if (typeof options !== "object" || options === null) {
    throw new InvalidArgumentError("options", "an object with either file or client");
  }
  for (const [name, value] of Object.entries(options)) {
    if (!optionNames.includes(name)) {
      throw new InvalidArgumentError(`options.${name}`, `left out: a store may have ${optionNames.join(", ")}`);
    }
    if ((name === "autoMigrate" || name === "readonly") && value !== undefined && typeof value !== "boolean") {
      throw new InvalidArgumentError(name, "true or false");
    }
  }
}

function checkClient(client: unknown): void {
  const isClient = typeof client === "object" && client !== null && "prepare" in client && "inTransaction" in client;
  if (!isClient) {
    throw new InvalidArgumentError("client", "a connection of better-sqlite3");
  }
}

function checkChoice(value: string, argument: string, choices: readonly string[]): void {
  if (!choices.includes(value)) {
    throw new InvalidArgumentError(argument, choices.map((choice) => `"${choice}"`).join(" or "));
  }
}

function checkCount(value: number, argument: string, from: number): void {
  if (!Number.isSafeInteger(value) || value < from) {
    throw new InvalidArgumentError(argument, `a whole number, ${from} or more`);
  }
}

/** `sqlite:agent.db`, `sqlite:///var/lib/agent.db`, `file:agent.db` or `sqlite::memory:`. */
export function fromUrl(url: string): SqliteSessionDb {
  const path = /^(?:sqlite|file):(?:\/\/)?(.*[^/])$/i.exec(url)?.[1];
  if (path === undefined || /[?#]/.test(path)) {
    throw unusable();
  }
  return new SqliteSessionDb({ file: /^file:\/\/\//i.test(url) ? pathOf(url) : path });
}

/** A file: URL is what tools make of a path, with its spaces and accents escaped. */
function pathOf(fileUrl: string): string {
  try {
    return fileURLToPath(fileUrl);
  } catch (cause) {
    throw unusable(cause);
  }
}

function unusable(cause?: unknown): ConnectionStringError {
  const message = "An SQLite connection string is sqlite: and a path, for example sqlite:agent.db";
  return new ConnectionStringError(message, { cause });
}
