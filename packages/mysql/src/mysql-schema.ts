import { createHash } from "node:crypto";
import { DatabaseBusyError, PermissionDeniedError, type SchemaProblem } from "@sessiondb/core";
import type { MysqlConnection } from "./mysql-connection.ts";
import type { FoundMysqlSchema } from "./mysql-dialect.ts";
import { classifyMysqlError, type MysqlPlace } from "./mysql-errors.ts";

/** Which tables, and in which database: null for the one that the connection is set to. */
export interface MysqlLocation {
  readonly tables: readonly string[];
  readonly database: string | null;
  /** Of the tables, that of sessions: the others compare ids as it does. */
  readonly sessionTable: string;
}

/** A column; or the engine of a table, in the place of a type, if it knows no transactions. */
type FoundColumn = [table: string, column: string | null, type: string, collation: string | null];

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
    `select table_name, column_name, data_type, collation_name from information_schema.columns where table_schema = ${at} and table_name in (${marks})
    union all select table_name, null, t.engine, null from information_schema.tables t join information_schema.engines e on e.engine = t.engine
    where e.transactions = 'NO' and table_schema = ${at} and table_name in (${marks})`,
    [...parameters, ...wanted, ...parameters, ...wanted],
  );
  const indexes = await on.query(
    `select distinct index_name from information_schema.statistics where table_schema = ${at} and table_name in (${marks})`,
    [...parameters, ...wanted],
  );
  const tables = new Map<string, Map<string, string>>();
  let collation: string | null = null;
  const unfit: SchemaProblem[] = [];
  for (const [table, column, dataType, collationName] of columns.rows as FoundColumn[]) {
    const name = asked(table);
    if (column === null) {
      unfit.push({ table: name, column, wanted: "an engine with transactions, as InnoDB is", found: dataType });
      continue;
    }
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
      unfit,
      indexes: new Set(indexes.rows.map(([name]) => String(name))),
      mariadb,
      collation,
      database: Number(databases) > 0,
    },
  };
}

/** What error messages may name of the tables found. */
export function namesOf({ tables, indexes }: FoundMysqlSchema): string[] {
  const columns = [...tables].flatMap(([table, found]) => [table, ...found.keys()]);
  return [...new Set([...columns, ...indexes])];
}

/**
 * Runs what `plan` says of the schema found, one process at a time. DDL commits as it goes, so a lock of the connection
 * stands in for a transaction; it ends with the connection.
 */
export async function migrate(
  on: MysqlConnection,
  location: MysqlLocation,
  { plan, patience, place }: { plan: (found: FoundMysqlSchema) => string[]; patience: number; place: MysqlPlace },
): Promise<void> {
  const seconds = Math.max(1, Math.ceil(patience / 1000));
  const lock = await lockOf(on, location);
  const [got] = (await on.query("select get_lock(?, ?)", [lock, seconds], (seconds + 5) * 1000)).rows;
  if (Number(got?.[0]) !== 1) {
    throw new DatabaseBusyError(`Another process has been creating the tables in ${place.server} for ${seconds} s.`);
  }
  try {
    const { found } = await inspect(on, location);
    for (const statement of plan(found)) {
      await runStatement(on, statement, place);
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

async function runStatement(on: MysqlConnection, statement: string, place: MysqlPlace): Promise<void> {
  try {
    await on.command(statement, ddlTimeout);
  } catch (cause) {
    const { error } = classifyMysqlError(cause, place);
    if (!(error instanceof PermissionDeniedError)) {
      throw cause;
    }
    throw new PermissionDeniedError(
      `${error.message} Refused was: ${statement}. Run the statements of planMigration() with a role that may create tables; this role needs no more than SELECT, INSERT, UPDATE and DELETE on them.`,
      { cause: error.cause },
    );
  }
}
