import { InvalidArgumentError } from "@sessiondb/core";
import type { MysqlConnection } from "./mysql-connection.ts";

/** Connections that were looked at already. */
const fit = new WeakSet<object>();

/**
 * Refuses a connection of the caller's that is set up so that the store would read what is old, lose text, or be refused
 * later; one statement for each connection.
 *
 * @throws InvalidArgumentError which names the settings.
 */
export async function checkSettings(on: MysqlConnection, argument: "pool" | "connection"): Promise<void> {
  if (fit.has(on.identity)) {
    return;
  }
  const [settings = []] = (
    await on.query("select @@autocommit, @@sql_safe_updates, @@sql_select_limit, @@character_set_client")
  ).rows;
  const [autocommit, safeUpdates, selectLimit, characterSet] = settings;
  const wrong = [
    // Without it each read begins a transaction that never ends, and the next ones see what was there then.
    ...(argument === "pool" && Number(autocommit) !== 1 ? ["autocommit on"] : []),
    ...(Number(safeUpdates) === 0 ? [] : ["sql_safe_updates off"]),
    ...(Number(selectLimit) > Number.MAX_SAFE_INTEGER ? [] : ["the default sql_select_limit"]),
    ...(characterSet === "utf8mb4" ? [] : ["the character set utf8mb4"]),
  ];
  if (wrong.length > 0) {
    throw new InvalidArgumentError(argument, `set up with ${wrong.join(", ")}`);
  }
  fit.add(on.identity);
}
