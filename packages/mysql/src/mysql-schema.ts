import { createHash } from "node:crypto";
import { DatabaseBusyError, PermissionDeniedError } from "@sessiondb/core";
import type { MysqlConnection } from "./mysql-connection.ts";
import type { FoundMysqlSchema } from "./mysql-dialect.ts";
import { classifyMysqlError } from "./mysql-errors.ts";

/** Which tables, and in which database: null for the one that the connection is set to. */
export interface MysqlLocation {
  readonly tables: readonly string[];
  readonly database: string | null;
  /** Of the tables, that of sessions: the others compare ids as it does. */
  readonly sessionTable: string;
}

interface Inspection {
  readonly found: FoundMysqlSchema;
  readonly packetBytes: number;
}

/** An index on a large table may take hours to build. */
const ddlTimeout = 6 * 3_600_000;

/** Looks at the tables, and at the server while it is there. */
export async function inspect(
  on: MysqlConnection,
  { tables: wanted, database, sessionTable }: MysqlLocation,
): Promise<Inspection> {
  const at = database === null ? "database()" : "?";
  const parameters = database === null ? [] : [database];
  const [server] = (
    await on.query(
      `select version(), @@max_allowed_packet, @@lower_case_table_names, (select count(*) from information_schema.schemata where schema_name = ${at})`,
      parameters,
    )
  ).rows;
  const [version, packetBytes, lowerCase, databases] = server as [string, unknown, unknown, unknown];
  const mariadb = version.includes("MariaDB");
  const marks = wanted.map(() => "?").join(", ");
  // Some systems keep table names in lower case, whatever CREATE TABLE said.
  const asked = (name: string): string =>
    Number(lowerCase) === 0 ? name : (wanted.find((each) => each.toLowerCase() === name.toLowerCase()) ?? name);
  const columns = await on.query(
    `select table_name, column_name, data_type, collation_name from information_schema.columns where table_schema = ${at} and table_name in (${marks})`,
    [...parameters, ...wanted],
  );
  const indexes = await on.query(
    `select distinct index_name from information_schema.statistics where table_schema = ${at} and table_name in (${marks})`,
    [...parameters, ...wanted],
  );
  const tables = new Map<string, Map<string, string>>();
  let collation: string | null = null;
  for (const [table, column, dataType, collationName] of columns.rows as [string, string, string, string | null][]) {
    const name = asked(table);
    const type = dataType.toLowerCase();
    const found = tables.get(name) ?? new Map<string, string>();
    // JSON is another word for LONGTEXT on MariaDB.
    tables.set(name, found.set(column, mariadb && type === "longtext" ? "json" : type));
    if (column === "session_id" && (name === sessionTable || collation === null)) {
      collation = collationName;
    }
  }
  return {
    packetBytes: Number(packetBytes),
    found: {
      tables,
      indexes: new Set(indexes.rows.map(([name]) => String(name))),
      mariadb,
      collation,
      database: Number(databases) > 0,
    },
  };
}

/**
 * Runs what `plan` says of the schema found, one process at a time. DDL commits as it goes, so a lock of the connection
 * stands in for a transaction; it ends with the connection.
 */
export async function migrate(
  on: MysqlConnection,
  location: MysqlLocation,
  { plan, patience, server }: { plan: (found: FoundMysqlSchema) => string[]; patience: number; server: string },
): Promise<void> {
  const seconds = Math.max(1, Math.ceil(patience / 1000));
  const lock = await lockOf(on, location);
  const [got] = (await on.query("select get_lock(?, ?)", [lock, seconds], (seconds + 5) * 1000)).rows;
  if (Number(got?.[0]) !== 1) {
    throw new DatabaseBusyError(`Another process has been creating the tables in ${server} for ${seconds} s.`);
  }
  try {
    const { found } = await inspect(on, location);
    for (const statement of plan(found)) {
      await runStatement(on, statement, server);
    }
  } finally {
    await on.query("select release_lock(?)", [lock]);
  }
}

/** The name of the lock: the same for whatever tables are created beside those sessions, by whichever process. */
async function lockOf(on: MysqlConnection, { database, sessionTable }: MysqlLocation): Promise<string> {
  const [current] = database === null ? (await on.query("select database()")).rows : [[database]];
  const name = JSON.stringify([current?.[0], sessionTable]);
  // The servers take names of up to 64 characters, which are those of the whole server.
  return `sessiondb ${createHash("sha1").update(name).digest("hex")}`;
}

async function runStatement(on: MysqlConnection, statement: string, server: string): Promise<void> {
  try {
    await on.command(statement, ddlTimeout);
  } catch (cause) {
    const { error } = classifyMysqlError(cause, server);
    if (!(error instanceof PermissionDeniedError)) {
      throw cause;
    }
    throw new PermissionDeniedError(
      `${error.message} Refused was: ${statement}. Run the statements of planMigration() with a role that may create tables; this role needs no more than SELECT, INSERT, UPDATE and DELETE on them.`,
      { cause },
    );
  }
}
