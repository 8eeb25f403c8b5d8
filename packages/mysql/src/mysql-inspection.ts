import { InvalidArgumentError, type SchemaProblem } from "@sessiondb/core";
import type { MysqlConnection } from "./mysql-connection.ts";
import { quote, type FoundMysqlSchema } from "./mysql-dialect.ts";
import { errorNumber } from "./mysql-errors.ts";

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

/** Looks at the tables, and at the server while it is there. */
export async function inspect(
  on: MysqlConnection,
  { tables: wanted, database, sessionTable }: MysqlLocation,
): Promise<Inspection> {
  const at = database === null ? "database()" : "?";
  const parameters = database === null ? [] : [database];
  const serverQuery = `select version(), @@max_allowed_packet, @@lower_case_table_names,
    (select count(*) from information_schema.schemata where schema_name = ${at})`;
  const [server] = (await on.query(serverQuery, parameters)).rows;
  const [version, packetBytes, lowerCase, databases] = server as [string, unknown, unknown, unknown];
  const mariadb = version.includes("MariaDB");
  const marks = wanted.map(() => "?").join(", ");
  // Some systems keep table names in lower case, whatever CREATE TABLE said.
  const asked = (name: string): string =>
    Number(lowerCase) === 0 ? name : (wanted.find((each) => each.toLowerCase() === name.toLowerCase()) ?? name);
  const columns = await on.query(
    `select table_name, column_name, data_type, collation_name from information_schema.columns
      where table_schema = ${at} and table_name in (${marks})
    union all
    select table_name, null, t.engine, null
      from information_schema.tables t join information_schema.engines e on e.engine = t.engine
      where e.transactions = 'NO' and table_schema = ${at} and table_name in (${marks})`,
    [...parameters, ...wanted, ...parameters, ...wanted],
  );
  const indexes = await on.query(
    `select distinct index_name from information_schema.statistics
      where table_schema = ${at} and table_name in (${marks})`,
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

// What a session of the server is set to decides what statements mean, and most of it can be set for a whole server.

/** Connections that were looked at, or set up, already. */
const fit = new WeakSet<object>();

/**
 * Sets up a connection of the store's own, once, whatever the server or the URL say: text is UTF-8, nothing is cut off or
 * left out, writers wait for a row and never for the gap beside it, and no wait is longer than the store's patience.
 */
export async function setUp(on: MysqlConnection, seconds: number): Promise<void> {
  if (fit.has(on.identity)) {
    return;
  }
  const settings = Object.entries({
    autocommit: "1",
    completion_type: "0",
    foreign_key_checks: "1",
    innodb_lock_wait_timeout: String(seconds),
    lock_wait_timeout: String(seconds),
    sql_big_selects: "1",
    // A list, not an addition to the server's own, which may make NULL of empty text, or another language of SQL.
    sql_mode: "'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
    sql_safe_updates: "0",
    sql_select_limit: "18446744073709551615",
    unique_checks: "1",
  }).map(([name, value]) => `SESSION ${name} = ${value}`);
  await on.command("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED");
  await on.command(`SET NAMES utf8mb4 COLLATE utf8mb4_unicode_ci, ${settings.join(", ")}`);
  fit.add(on.identity);
}

/** `mysql2` decides by this flag whether rows that a statement found count, or those that it changed. */
const foundRows = 2;

/** How a connection of the caller's must be set up, and whether it is. */
const rules: readonly { readonly wanted: string; readonly fits: (settings: Settings) => boolean }[] = [
  { wanted: "sql_safe_updates off", fits: ({ safeUpdates }) => Number(safeUpdates) === 0 },
  {
    wanted: "the default sql_select_limit",
    // A limit of 0 would leave the answer to this question empty; Vitess says so where there is none.
    fits: ({ selectLimit }) => Number(selectLimit) === 0 || Number(selectLimit) > Number.MAX_SAFE_INTEGER,
  },
  { wanted: "sql_big_selects on", fits: ({ bigSelects }) => Number(bigSelects) === 1 },
  {
    wanted: "the character set utf8mb4 (character_set_client, character_set_connection, character_set_results)",
    fits: ({ sent, compared, answered }) => [sent, compared, answered].every((each) => each === "utf8mb4"),
  },
  { wanted: "a sql_mode with STRICT_TRANS_TABLES or STRICT_ALL_TABLES", fits: ({ mode }) => /STRICT_/.test(mode) },
  // It makes NULL of empty text, also of a bound one.
  { wanted: "a sql_mode without EMPTY_STRING_IS_NULL", fits: ({ mode }) => !mode.includes("EMPTY_STRING_IS_NULL") },
];

/** Of the connections of a pool, on which the store begins and ends transactions of its own. */
const poolRules: typeof rules = [
  // Without it each read begins a transaction that never ends, and the next ones see what was there then.
  { wanted: "autocommit on", fits: ({ autocommit }) => Number(autocommit) === 1 },
  { wanted: "completion_type NO_CHAIN", fits: ({ completion }) => /^(?:NO_CHAIN|0)$/.test(completion) },
  { wanted: "a transaction isolation above READ UNCOMMITTED", fits: ({ isolation }) => !isolation.includes("UNCOM") },
];

interface Settings {
  readonly autocommit: unknown;
  readonly safeUpdates: unknown;
  readonly selectLimit: unknown;
  readonly bigSelects: unknown;
  readonly sent: unknown;
  readonly compared: unknown;
  readonly answered: unknown;
  readonly mode: string;
  readonly completion: string;
  readonly isolation: string;
}

const question =
  "select @@autocommit, @@sql_safe_updates, @@sql_select_limit, @@sql_big_selects, @@character_set_client, " +
  "@@character_set_connection, @@character_set_results, @@sql_mode, @@completion_type, " +
  // Each server has its own name for it.
  "/*!80000 @@transaction_isolation */ /*M! @@tx_isolation */";

/**
 * Refuses a connection of the caller's that is set up so that the store would read what is old, lose text, or be refused
 * later; one statement for each connection, or for each use where the pool resets it (`isReset`).
 *
 * @throws InvalidArgumentError which names the settings.
 */
export async function checkSettings(on: MysqlConnection): Promise<void> {
  if (fit.has(on.identity)) {
    return;
  }
  const { origin, isReset } = on.options;
  const wrong = [...clientFaults(on), ...(await serverFaults(on))];
  if (wrong.length > 0) {
    throw new InvalidArgumentError(origin, `set up with ${wrong.join(", ")}`);
  }
  if (!isReset) {
    fit.add(on.identity);
  }
}

async function serverFaults(on: MysqlConnection): Promise<string[]> {
  const [row] = (await on.query(question)).rows;
  if (row === undefined) {
    return ["the default sql_select_limit"];
  }
  const [autocommit, safeUpdates, selectLimit, bigSelects, sent, compared, answered, ...words] = row;
  const [mode = "", completion = "", isolation = ""] = words.map(String);
  const flags = { autocommit, safeUpdates, selectLimit, bigSelects };
  const settings = { ...flags, sent, compared, answered, mode, completion, isolation };
  return (on.options.origin === "pool" ? [...poolRules, ...rules] : rules)
    .filter(({ fits }) => !fits(settings))
    .map(({ wanted }) => wanted);
}

function clientFaults({ connection: { config }, encoding }: MysqlConnection): string[] {
  const { clientFlags = foundRows } = config as { readonly clientFlags?: number };
  return [
    ...((clientFlags & foundRows) === 0 ? ["the flag FOUND_ROWS"] : []),
    // SET NAMES tells the server alone: the driver would go on sending the other character set.
    ...(encoding === undefined || encoding === "utf8" ? [] : ["mysql2's charset utf8mb4"]),
  ];
}

/** The tables that were looked for on a connection already, by their quoted names. */
const seen = new WeakMap<object, Set<string>>();

/**
 * Refuses a connection with a temporary table that hides one of the store's: what is written there is gone with the
 * connection, and nobody else sees it. Each connection is looked at once.
 *
 * @throws InvalidArgumentError which names the table.
 */
export async function checkTemporary(on: MysqlConnection, { database, tables }: MysqlLocation): Promise<void> {
  const known = seen.get(on.identity) ?? new Set<string>();
  seen.set(on.identity, known);
  for (const table of tables) {
    const name = `${database === null ? "" : `${quote(database)}.`}${quote(table)}`;
    if (!known.has(name) && (await isTemporary(on, name))) {
      throw new InvalidArgumentError(on.options.origin, `free of temporary tables: one hides ${table}`);
    }
    known.add(name);
  }
}

/** No catalogue names temporary tables, on either server. */
async function isTemporary(on: MysqlConnection, name: string): Promise<boolean> {
  try {
    const [row] = (await on.query(`show create table ${name}`)).rows;
    return /^create temporary\b/i.test(String(row?.[1]));
  } catch (error) {
    // There is no such table yet, or the role may not see it: a temporary one may be seen by whoever made it.
    if (errorNumber(error) > 0) {
      return false;
    }
    throw error;
  }
}
