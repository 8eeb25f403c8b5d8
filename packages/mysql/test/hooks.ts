import type { OpenCounted, OpenCut, OpenOutside, OpenSpoilt } from "@sessiondb/conformance";
import { MySqlSessionDb } from "@sessiondb/mysql";
import { networkHooks } from "@sessiondb/testing/network-hooks";
import { placeOf } from "@sessiondb/testing/place-of";
import { isCommand } from "./protocol.ts";
import { freshDatabase, query, withConnection, type TestedServer } from "./support.ts";

// What the suite asks of a store beyond opening it.

/** MySQL 8 takes the text of a command behind attributes, so only its end is looked at. */
const commit = Buffer.from("COMMIT");
const protocol = {
  isRequest: isCommand,
  commits: (bytes: Buffer) => bytes.subarray(-commit.length).equals(commit),
};

/** Openers of stores in new databases of a server. */
export function hooksOf(server: TestedServer): {
  openCounted: OpenCounted;
  openCut: OpenCut;
  openSpoilt: OpenSpoilt;
  openOutside: OpenOutside;
} {
  return {
    ...networkHooks({
      target: () => freshDatabase(server.url),
      open: (url, options) => new MySqlSessionDb({ url, ...options }),
      protocol: () => protocol,
    }),
    openSpoilt: async () => {
      const url = await freshDatabase(server.url);
      return { db: new MySqlSessionDb({ url }), spoil: (row) => spoil(server, url, row) };
    },
    openOutside: async () => {
      const url = await freshDatabase(server.url);
      return {
        db: new MySqlSessionDb({ url }),
        put: async (document, json) => {
          const { table, column, key, id } = placeOf(document);
          await query(url, `update ${table} set ${column} = ? where ${key} = ?`, json, id);
        },
        read: async (document) => {
          const { table, column, key, id } = placeOf(document);
          const select = `select cast(${column} as char) as json from ${table} where ${key} = ?`;
          return (await query<{ json: string }>(url, select, id))[0]?.json ?? "";
        },
      };
    },
  };
}

/** MySQL's JSON holds JSON alone; MariaDB's is text with a check that can be turned off. */
async function spoil(
  { name }: TestedServer,
  url: string,
  row: { readonly sessionId: string } | { readonly runId: string },
): Promise<boolean> {
  if (name === "mysql" && "sessionId" in row) {
    return false;
  }
  await withConnection(url, async (connection) => {
    if (name === "mariadb") {
      await connection.query("set check_constraint_checks = 0");
    }
    const [update, id] =
      "sessionId" in row
        ? ["update agno_sessions set session_data = ? where session_id = ?", row.sessionId]
        : ["update agno_runs set run_data = ? where run_id = ?", row.runId];
    await connection.query(update, [name === "mysql" ? "[1]" : "{broken", id]);
  });
  return true;
}
