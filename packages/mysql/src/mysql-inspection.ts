import { InvalidArgumentError, type SchemaProblem } from "@sessiondb/core";
import type { MysqlConnection } from "./mysql-connection.ts";
import { quote, type FoundMysqlSchema } from "./mysql-dialect.ts";
import { errorNumber } from "./mysql-errors.ts";

/** Tables and their database: null for the connection's own. */
export interface MysqlLocation {
  readonly tables: readonly string[];
  readonly database: string | null;
  /** The sessions table: the other tables compare ids as it does. */
  readonly sessionTable: string;
}

/** A column; or, in place of the type, the engine of a table without transactions. */
type FoundColumn = [table: string, column: string | null, type: string, collation: string | null];

interface Inspection {
  readonly found: FoundMysqlSchema;
  readonly packetBytes: number;
}

/** Inspects the tables, and the server in passing. */
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
  // Some systems store table names in lower case, regardless of CREATE TABLE.
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
      unfit.push({ table: name, column, wanted: "an engine with transactions, such as InnoDB", found: dataType });
      continue;
    }
    const type = dataType.toLowerCase();
    const found = tables.get(name) ?? new Map<string, string>();
    // On MariaDB, JSON is an alias of LONGTEXT.
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

/** The names among the tables found that error messages may repeat. */
export function namesOf({ tables, indexes }: FoundMysqlSchema): string[] {
  const columns = [...tables].flatMap(([table, found]) => [table, ...found.keys()]);
  return [...new Set([...columns, ...indexes])];
}

// A session's settings decide the meaning of statements, and most can be set for a whole server.

/** Connections that were already checked or set up. */
const fit = new WeakSet<object>();

/** The bounds that the server keeps for a connection of the store's own, in seconds. */
export interface ServerBounds {
  /** The wait for a lock. */
  readonly lockWait: number;
  /** The wait for the client's next statement, with what a transaction has locked. */
  readonly idle: number;
}

/**
 * Sets up a connection of the store's own, once, regardless of the server and the URL: text is UTF-8, nothing is cut
 * off or left out, writers wait for a row and never for the gap beside it, and no wait exceeds the store's patience. If
 * the client is gone without a word, the server undoes its transaction.
 */
export async function setUp(on: MysqlConnection, { lockWait, idle }: ServerBounds): Promise<void> {
  if (fit.has(on.identity)) {
    return;
  }
  const settings = Object.entries({
    autocommit: "1",
    completion_type: "0",
    foreign_key_checks: "1",
    innodb_lock_wait_timeout: String(lockWait),
    lock_wait_timeout: String(lockWait),
    sql_big_selects: "1",
    // The full list: the server's own may turn empty text into NULL or select another dialect of SQL.
    sql_mode: "'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
    sql_safe_updates: "0",
    sql_select_limit: "18446744073709551615",
    unique_checks: "1",
  }).map(([name, value]) => `SESSION ${name} = ${value}`);
  // MySQL has none for a transaction alone: it closes any connection that is idle.
  const bound = `/*!80000 , SESSION wait_timeout = ${idle} */ /*M! , SESSION idle_transaction_timeout = ${idle} */`;
  await on.command("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED");
  await on.command(`SET NAMES utf8mb4 COLLATE utf8mb4_unicode_ci, ${settings.join(", ")} ${bound}`);
  fit.add(on.identity);
}

/** With this flag, `mysql2` counts the rows that a statement found, otherwise those that it changed. */
const foundRows = 2;

/** The required settings of a caller's connection, and whether it has them. */
const rules: readonly { readonly wanted: string; readonly fits: (settings: Settings) => boolean }[] = [
  { wanted: "sql_safe_updates off", fits: ({ safeUpdates }) => Number(safeUpdates) === 0 },
  {
    wanted: "the default sql_select_limit",
    // A limit of 0 would leave the answer to this question empty; Vitess reports 0 for no limit.
    fits: ({ selectLimit }) => Number(selectLimit) === 0 || Number(selectLimit) > Number.MAX_SAFE_INTEGER,
  },
  { wanted: "sql_big_selects on", fits: ({ bigSelects }) => Number(bigSelects) === 1 },
  {
    wanted: "the character set utf8mb4 (character_set_client, character_set_connection, character_set_results)",
    fits: ({ sent, compared, answered }) => [sent, compared, answered].every((each) => each === "utf8mb4"),
  },
  { wanted: "a sql_mode with STRICT_TRANS_TABLES or STRICT_ALL_TABLES", fits: ({ mode }) => /STRICT_/.test(mode) },
  // It turns empty text into NULL, including bound text.
  { wanted: "a sql_mode without EMPTY_STRING_IS_NULL", fits: ({ mode }) => !mode.includes("EMPTY_STRING_IS_NULL") },
];

/** Rules for the connections of a pool, on which the store begins and ends its own transactions. */
const poolRules: typeof rules = [
  // Without it, each read begins a transaction that never ends, and later reads see its old snapshot.
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
  // Each server has its own name for this setting.
  "/*!80000 @@transaction_isolation */ /*M! @@tx_isolation */";

/**
 * Refuses a connection of the caller's with settings such that the store would read stale data, lose text, or fail
 * later. Takes one statement per connection, or per use if the pool resets it (`isReset`).
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
    // SET NAMES tells only the server: the driver would continue to send the other character set.
    ...(encoding === undefined || encoding === "utf8" ? [] : ["mysql2's charset utf8mb4"]),
  ];
}

/** The tables already looked for on a connection, by their quoted names. */
const seen = new WeakMap<object, Set<string>>();

/**
 * Refuses a connection with a temporary table that hides one of the store's: data written there disappears with the
 * connection, and nobody else sees it. Each connection is checked once.
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

/** Whether a table is temporary. Neither server lists temporary tables in a catalogue. */
async function isTemporary(on: MysqlConnection, name: string): Promise<boolean> {
  try {
    const [row] = (await on.query(`show create table ${name}`)).rows;
    return /^create temporary\b/i.test(String(row?.[1]));
  } catch (error) {
    // The table does not exist yet, or the role may not see it; a temporary one is visible to its creator.
    if (errorNumber(error) > 0) {
      return false;
    }
    throw error;
  }
}
