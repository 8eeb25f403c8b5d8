import { InvalidArgumentError } from "@sessiondb/core";
import {
  checkLeftOut,
  count,
  flag,
  milliseconds,
  objectWith,
  optional,
  present,
  readOptions,
  type OptionReaders,
  type OptionsRead,
} from "@sessiondb/core/adapter";
import { tableOptionReaders, takePoolOptions, takeUrlOptions } from "@sessiondb/drizzle";
import type { ClientBase, Pool, PoolOptions } from "pg";
import { parsePostgresUrl, placeOfUrl, readServer, storeParameters, type PostgresServer } from "./postgres-url.ts";
import { checkSchema, type PostgresTableOptions } from "./schema.ts";

export interface PostgresSessionDbOptions extends PostgresTableOptions {
  /**
   * `postgres://user:password@host:5432/database`. The store opens a pool at its first use, and closes it. The query
   * may contain `schema`, `sessionTable`, `runsTable`, `memoryTable`, and the parameters in docs/postgres.md, such as `sslmode`; any
   * other is refused.
   */
  url?: string;
  /** The number of connections in the pool of `url`. Default 10. */
  poolSize?: number;
  /** Your own pool, instead of `url`. It is never closed. */
  pool?: Pool;
  /**
   * Your own connected client, instead of `url`: operations take turns on it, in the store's own transactions. It is
   * never closed. While you have a transaction open on it, use `withTransaction`.
   */
  client?: ClientBase;
  /** Whether the first operation creates missing tables. Default true; false never issues DDL. */
  autoMigrate?: boolean;
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
   * Whether the server keeps the store's statements prepared on each connection, under names `sessiondb_…`. By default
   * it does until a pooler turns out not to follow; true never gives up, false never begins.
   */
  preparedStatements?: boolean;
  /** The largest JSON document, in bytes of UTF-8. Default 200 MiB; `jsonb` allows 255 MiB in its own encoding. */
  maxPayloadBytes?: number;
}

const readers = {
  ...tableOptionReaders,
  schema: optional(checkSchema),
  url: optional(parsePostgresUrl),
  pool: optional(objectWith<Pool>(["connect", "totalCount", "options"], "a pool of pg: new pg.Pool()")),
  // A pool has `query` as well, and would run each statement of a transaction on another connection.
  client: optional(objectWith<ClientBase>(["query", "on", "escapeIdentifier"], "one connected client of pg")),
  poolSize: count({ from: 1, otherwise: 10 }),
  autoMigrate: flag(true),
  connectionTimeout: milliseconds({ from: 1, otherwise: 10_000 }),
  statementTimeout: milliseconds({ from: 1, otherwise: 60_000 }),
  retryTimeout: milliseconds({ from: 0, otherwise: 15_000 }),
  preparedStatements: optional(flag(true)),
  maxPayloadBytes: count({ from: 1, otherwise: 200 * 1024 * 1024 }),
} satisfies OptionReaders<PostgresSessionDbOptions>;

export interface PostgresOptions extends Omit<OptionsRead<typeof readers>, "url"> {
  /** The server of the connection string; null without one. */
  readonly server: PostgresServer | null;
}

/** Checks the client of a caller's transaction. */
export function checkClient(client: unknown): ClientBase {
  return readers.client(client ?? null, "client") as ClientBase;
}

/** Other tools' and drivers' names for the store's options in a connection string. */
const otherNames = {
  schemaName: "schema",
  dbSchema: "schema",
  currentSchema: "schema",
  searchPath: "schema",
  tableName: "sessionTable",
  sessionsTable: "sessionTable",
  runTable: "runsTable",
  memoriesTable: "memoryTable",
} as const;

/** Reads the constructor's options, including those in the query of `url`. */
export function readPostgresOptions(given: unknown): PostgresOptions {
  const { url, ...options } = readOptions(given, readers);
  const { pool, client } = options;
  if ([url, pool, client].filter((place) => place !== undefined).length !== 1) {
    throw new InvalidArgumentError("options", "an object with one of url, pool and client");
  }
  if (pool !== undefined) {
    checkLeftOut(given as object, ["poolSize"], "pool");
  }
  if (client !== undefined) {
    checkLeftOut(given as object, ["poolSize", "connectionTimeout"], "client");
  }
  if (url === undefined) {
    return { ...options, server: null };
  }
  const found = takeUrlOptions(url, given as object, {
    own: storeParameters,
    elsewhere: Object.keys(readers),
    otherNames,
    // Options of pg that are spelt like an option of the store.
    foreign: ["statement_timeout"],
  });
  const others = present(takePoolOptions(url.searchParams));
  const { url: _, ...all } = readOptions({ ...others, ...present(given as object), ...found }, readers);
  return { ...all, server: readServer(url) };
}

/** Host and database, as error messages name them: without user and password. */
export function placeOf({ server, pool, client }: PostgresOptions): string {
  if (server !== null) {
    return describe(server.place);
  }
  if (client !== undefined) {
    return describe(client as Place);
  }
  const options: Partial<PoolOptions> = pool?.options ?? {};
  return describe(options.connectionString === undefined ? options : placeIn(options.connectionString));
}

/** The place in a connection string of the application, which pg may read in more ways than this library. */
function placeIn(connectionString: string): Place {
  try {
    return placeOfUrl(parsePostgresUrl(connectionString));
  } catch {
    return { host: "the server of the pool" };
  }
}

type Place = Partial<Record<"host" | "port" | "database", unknown>>;

function describe({ host, port, database }: Place): string {
  const { PGHOST = "localhost", PGDATABASE } = process.env;
  const server = `${text(host) ?? PGHOST}${text(port) === null ? "" : `:${text(port)}`}`;
  const name = text(database) ?? PGDATABASE;
  return name === undefined ? server : `${server}/${name}`;
}

function text(value: unknown): string | null {
  return typeof value === "number" || (typeof value === "string" && value !== "") ? String(value) : null;
}
