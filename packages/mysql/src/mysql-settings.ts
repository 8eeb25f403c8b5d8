import { InvalidArgumentError } from "@sessiondb/core";
import type { MysqlConnection } from "./mysql-connection.ts";

// What a session of the server is set to decides what statements mean, and most of it can be set for a whole server.

/** Connections that were looked at, or set up, already. */
const fit = new WeakSet<object>();

/**
 * Sets up a connection of the store's own, once, whatever the server or the URL say: text is UTF-8, nothing is cut off or
 * left out, writers wait for a row and never for the gap beside it, and no wait is longer than the store's patience.
 */
export async function setUp(on: MysqlConnection, patience: number): Promise<void> {
  if (fit.has(on.identity)) {
    return;
  }
  const seconds = Math.max(1, Math.ceil(patience / 1000));
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
export async function checkSettings(
  on: MysqlConnection,
  argument: "pool" | "connection",
  { isReset = false }: { isReset?: boolean } = {},
): Promise<void> {
  if (fit.has(on.identity)) {
    return;
  }
  const wrong = [...clientFaults(on), ...(await serverFaults(on, argument))];
  if (wrong.length > 0) {
    throw new InvalidArgumentError(argument, `set up with ${wrong.join(", ")}`);
  }
  if (!isReset) {
    fit.add(on.identity);
  }
}

async function serverFaults(on: MysqlConnection, argument: "pool" | "connection"): Promise<string[]> {
  const [row] = (await on.query(question)).rows;
  if (row === undefined) {
    return ["the default sql_select_limit"];
  }
  const [autocommit, safeUpdates, selectLimit, bigSelects, sent, compared, answered, ...words] = row;
  const [mode = "", completion = "", isolation = ""] = words.map(String);
  const flags = { autocommit, safeUpdates, selectLimit, bigSelects };
  const settings = { ...flags, sent, compared, answered, mode, completion, isolation };
  return (argument === "pool" ? [...poolRules, ...rules] : rules)
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
