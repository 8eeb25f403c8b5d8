import type { Connection } from "mysql2/promise";
import type { MysqlConnection } from "./mysql-connection.ts";

/** A connection as its server knows it. */
export interface MysqlThread {
  readonly id: number;
  /** The port on the client's side; "localhost" for a socket of the machine. */
  readonly port: string;
}

export function threadOf(connection: Connection): MysqlThread {
  return { id: connection.threadId, port: String(socketOf(connection)?.localPort ?? "localhost") };
}

/**
 * Closes a connection at once. The driver's own destroy() closes its half of the socket alone: it would still read the
 * server's farewell and print a warning about it on the console.
 */
export function cutOff(connection: Connection): void {
  connection.destroy();
  socketOf(connection)?.destroy?.();
}

interface Socket {
  readonly localPort?: number;
  destroy?(): void;
}

/** The socket beneath a connection, or beneath one of a pool. */
function socketOf(connection: Connection): Socket | undefined {
  return (connection as { readonly connection?: { readonly stream?: Socket } }).connection?.stream;
}

/**
 * Ends a connection that was given up in the midst of a statement. A server that waits for a lock does not see that its
 * client has left, and would hold what the transaction has locked for as long as it waits.
 */
export async function endThread(on: MysqlConnection, { id, port }: MysqlThread): Promise<void> {
  // Behind a balancer this may be another server, where the number is that of somebody else's connection.
  const { rows } = await on.query(
    "select id from information_schema.processlist where id = ? and substring_index(host, ':', -1) = ?",
    [id, port],
  );
  for (const [found] of rows) {
    await on.command(`KILL ${Number(found)}`);
  }
}
