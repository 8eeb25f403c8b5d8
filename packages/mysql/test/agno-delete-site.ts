import { MySqlSessionDb } from "@sessiondb/mysql";
import { agnoTableSets, type DeleteSite } from "@sessiondb/testing/agno-deletes";
import type { Connection } from "mysql2/promise";
import { afterAll } from "vitest";
import { connect, freshDatabase, type TestedServer } from "./support.ts";

/** No table of Agno, and all of them: Agno makes them on SQLite and Postgres alone so far. */
export const endSets = [agnoTableSets.usual[0] ?? [], agnoTableSets.usual.at(-1) ?? []];

const connections: Connection[] = [];
afterAll(() => Promise.all(connections.map((connection) => connection.end())));

/** An empty database for a store beside tables of Agno. */
export async function deleteSite(server: TestedServer): Promise<DeleteSite & { readonly url: string }> {
  const url = await freshDatabase(server.url, "character set utf8mb4 collate utf8mb4_bin");
  const connection = await connect(url);
  connections.push(connection);
  return {
    url,
    open: () => new MySqlSessionDb({ url }),
    query: async (sql) => (await connection.query(sql))[0] as Record<string, unknown>[],
    tableName: (table) => table,
    inTransaction: async (db, work) => {
      await connection.beginTransaction();
      const result = await work((db as MySqlSessionDb).withTransaction(connection));
      await connection.commit();
      return result;
    },
  };
}
