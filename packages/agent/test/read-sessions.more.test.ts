import { randomBytes } from "node:crypto";
import { PostgresSessionDb } from "@sessiondb/postgres";
import pg from "pg";
import { describe, inject } from "vitest";
import { describeReadSessions, type StoreWithRows } from "./support/read-sessions.ts";

const url = inject("postgres");

async function postgres(): Promise<StoreWithRows> {
  const schema = `sessiondb_test_${randomBytes(6).toString("hex")}`;
  const client = new pg.Client({ connectionString: url ?? "" });
  await client.connect();
  const db = new PostgresSessionDb({ url: url ?? "", schema });
  const rowsOf = async (sessionId: string): Promise<string> => {
    const rows = ["agno_sessions", "agno_runs"].map(async (table) => {
      const query = `select t::text from ${schema}.${table} t where session_id = $1 order by 1`;
      return (await client.query<{ t: string }>(query, [sessionId])).rows;
    });
    return JSON.stringify(await Promise.all(rows));
  };
  const dispose = async (): Promise<void> => {
    await db.close();
    await client.query(`drop schema if exists ${schema} cascade`);
    await client.end();
  };
  return { db, rowsOf, [Symbol.asyncDispose]: dispose };
}

describe.skipIf(url === null)("postgres", () => {
  describeReadSessions(postgres);
});
