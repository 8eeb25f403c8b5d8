import { ConnectionStringError, InvalidArgumentError } from "@sessiondb/core";
import {
  checkLeftOut,
  count,
  flag,
  milliseconds,
  objectWith,
  optional,
  readOptions,
  type OptionReaders,
  type OptionsRead,
} from "@sessiondb/core/adapter";
import { optionsOfUrl, tableOptionReaders } from "@sessiondb/drizzle";
import type { ClientBase, Pool, PoolOptions } from "pg";
import type { PostgresSessionDbOptions } from "./postgres-session-db.ts";
import { checkSchema } from "./schema.ts";

const readers = {
  ...tableOptionReaders,
  schema: optional(checkSchema),
  url: optional(checkUrl),
  pool: optional(objectWith<Pool>(["connect", "totalCount", "options"], "a pool of pg: new pg.Pool()")),
  // A pool has `query` as well, and would run each statement of a transaction on another connection.
  client: optional(objectWith<ClientBase>(["query", "on", "escapeIdentifier"], "one connected client of pg")),
  poolSize: count({ from: 1, otherwise: 10 }),
  autoMigrate: flag(true),
  connectionTimeout: milliseconds({ from: 1, otherwise: 10_000 }),
  statementTimeout: milliseconds({ from: 1, otherwise: 60_000 }),
  retryTimeout: milliseconds({ from: 0, otherwise: 15_000 }),
  maxPayloadBytes: count({ from: 1, otherwise: 200 * 1024 * 1024 }),
} satisfies OptionReaders<PostgresSessionDbOptions>;

export type PostgresOptions = OptionsRead<typeof readers>;

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
} as const;

/** Reads the constructor's options, including those in the query of `url`. */
export function readPostgresOptions(given: unknown): PostgresOptions {
  const options = readOptions(given, readers);
  const { url, pool, client } = options;
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
    return options;
  }
  const { rest, found } = optionsOfUrl(url, given as object, {
    own: ["schema", "sessionTable", "runsTable"],
    elsewhere: Object.keys(readers),
    otherNames,
    // Options of pg that are spelt like an option of the store.
    foreign: ["statement_timeout"],
  });
  return { ...readOptions({ ...(given as object), ...found }, readers), url: rest };
}

function checkUrl(url: unknown): string {
  if (typeof url !== "string" || !/^postgres(ql)?:/i.test(url) || !URL.canParse(url)) {
    throw new ConnectionStringError(
      "A Postgres connection string looks like postgres://user:password@host:5432/database",
    );
  }
  return url;
}

/** Host and database, as error messages name them: without user and password. */
export function placeOf({ url, pool, client }: PostgresOptions): string {
  if (client !== undefined) {
    return describe(client as Partial<Record<"host" | "port" | "database", unknown>>);
  }
  const options: Partial<PoolOptions> = pool?.options ?? { connectionString: url ?? "" };
  const { connectionString } = options;
  if (connectionString === undefined || !URL.canParse(connectionString)) {
    return describe(options);
  }
  const { hostname, port, pathname, searchParams } = new URL(connectionString);
  const database = decodeURIComponent(pathname.slice(1));
  return describe({ host: hostname || searchParams.get("host"), port, database });
}

function describe({ host, port, database }: Partial<Record<"host" | "port" | "database", unknown>>): string {
  const { PGHOST = "localhost", PGDATABASE } = process.env;
  const server = `${text(host) ?? PGHOST}${text(port) === null ? "" : `:${text(port)}`}`;
  const name = text(database) ?? PGDATABASE;
  return name === undefined ? server : `${server}/${name}`;
}

function text(value: unknown): string | null {
  return typeof value === "number" || (typeof value === "string" && value !== "") ? String(value) : null;
}
