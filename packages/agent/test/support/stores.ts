import { randomBytes } from "node:crypto";
import { InMemorySessionDb, type SessionDb } from "@sessiondb/core";
import { PostgresSessionDb } from "@sessiondb/postgres";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import pg from "pg";

/** Opens an empty store. */
export type OpenStore = () => Promise<SessionDb & AsyncDisposable>;

export const localStores: Readonly<Record<string, OpenStore>> = {
  memory: async () => new InMemorySessionDb(),
  sqlite: async () => new SqliteSessionDb({ file: ":memory:" }),
};

/** Opens a store in a schema of its own, which is dropped when the store closes. */
export function postgresStore(url: string): OpenStore {
  return async () => {
    const schema = `sessiondb_test_${randomBytes(6).toString("hex")}`;
    const db = new PostgresSessionDb({ url, schema });
    const close = async (): Promise<void> => {
      await db.close();
      const admin = new pg.Client({ connectionString: url });
      await admin.connect();
      await admin.query(`drop schema if exists ${schema} cascade`);
      await admin.end();
    };
    return Object.assign(db, { [Symbol.asyncDispose]: close });
  };
}
