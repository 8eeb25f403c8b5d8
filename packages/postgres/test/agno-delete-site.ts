import { randomBytes } from "node:crypto";
import { PostgresSessionDb } from "@sessiondb/postgres";
import type { DeleteSite } from "@sessiondb/testing/agno-deletes";
import pg from "pg";
import { afterAll, beforeAll, inject } from "vitest";

const server = inject("postgres") ?? "postgres://localhost";
const name = `sessiondb_deletes_${randomBytes(4).toString("hex")}`;

/** A role that may log in, and nothing else. */
export const role = `${name}_app`;
/** The URL of the file's database, a database of its own: Agno's files are in one schema for all. */
export const url = Object.assign(new URL(server), { pathname: `/${name}` });
export const roleUrl = Object.assign(new URL(url), { username: role, password: "secret" });

/** A client of the database, and empty sites on it, one after the other. */
export function agnoDatabase(): {
  readonly client: pg.Client;
  readonly query: DeleteSite["query"];
  readonly fresh: () => Promise<DeleteSite & { readonly schema: string }>;
} {
  const client = new pg.Client({ connectionString: url.href });
  const query = async (sql: string) => (await client.query<Record<string, unknown>>(sql)).rows;
  const admin = async (...statements: string[]): Promise<void> => {
    const connection = new pg.Client({ connectionString: server });
    await connection.connect();
    for (const statement of statements) {
      await connection.query(statement);
    }
    await connection.end();
  };
  beforeAll(async () => {
    await admin(`create database ${name}`, `create role ${role} login password 'secret'`);
    await client.connect();
  }, 60_000);
  afterAll(async () => {
    await client.end();
    await admin(`drop database ${name}`, `drop role ${role}`);
  }, 60_000);

  let count = 0;
  const fresh = async (): Promise<DeleteSite & { readonly schema: string }> => {
    count += 1;
    const schema = `s${count}`;
    await query(
      `drop schema if exists fs cascade; drop schema if exists s${count - 1} cascade; create schema fs; create schema ${schema}`,
    );
    return {
      schema,
      open: () => new PostgresSessionDb({ client, schema }),
      query,
      tableName: (table) => `${table === "agno_fs" ? "fs" : schema}.${table}`,
      inTransaction: async (db, work) => {
        await query("begin");
        const result = await work((db as PostgresSessionDb).withTransaction(client));
        await query("commit");
        return result;
      },
    };
  };
  return { client, query, fresh };
}
