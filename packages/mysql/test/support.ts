import { randomUUID } from "node:crypto";
import { MySqlSessionDb, type MySqlSessionDbOptions } from "@sessiondb/mysql";
import { createConnection, createPool, type Connection, type Pool, type RowDataPacket } from "mysql2/promise";
import { afterAll, describe, inject } from "vitest";
import { EmptiedDatabases } from "@sessiondb/testing/emptied-databases";

/** A server of this test run. */
export interface TestedServer {
  readonly name: "mysql" | "mariadb";
  readonly url: string;
}

const found = (["mysql", "mariadb"] as const).flatMap((name): TestedServer[] => {
  const url = inject(name);
  return url === null ? [] : [{ name, url }];
});

/** The same tests against each server of these names. */
export function onEachServer(
  tests: (server: TestedServer) => void,
  names: readonly TestedServer["name"][] = ["mysql", "mariadb"],
): void {
  for (const server of found.filter(({ name }) => names.includes(name))) {
    describe(server.name, () => {
      tests(server);
    });
  }
}

/** What makes, empties and drops databases, with the names of those that it made; by the URL of the server. */
const administrators = new Map<string, { readonly pool: Pool; readonly made: string[] }>();

function administratorOf(url: string): { readonly pool: Pool; readonly made: string[] } {
  const administrator = administrators.get(url) ?? {
    pool: createPool({ uri: url.replace(/^mariadb:/, "mysql:"), multipleStatements: true, connectionLimit: 5 }),
    made: [],
  };
  administrators.set(url, administrator);
  return administrator;
}

afterAll(async () => {
  const end = async ({ pool, made }: { readonly pool: Pool; readonly made: string[] }): Promise<void> => {
    for (const name of made) {
      await pool.query(`drop database if exists ${name}`);
    }
    await pool.end();
  };
  await Promise.all([...administrators.values()].map(end));
  administrators.clear();
}, 300_000);

/** The URL of a new, empty database, dropped after the tests of the file. */
export async function freshDatabase(url: string, settings = ""): Promise<string> {
  const name = `t_${randomUUID().replaceAll("-", "").slice(0, 20)}`;
  const { pool, made } = administratorOf(url);
  await pool.query(`create database ${name} ${settings}`);
  made.push(name);
  return Object.assign(new URL(url), { pathname: `/${name}` }).href;
}

/** Databases of a server that are emptied and used again. */
export function emptiedDatabases(server: TestedServer): EmptiedDatabases {
  const { pool } = administratorOf(server.url);
  const empty = async (url: string): Promise<void> => {
    const name = new URL(url).pathname.slice(1);
    const [tables] = await pool.query<(RowDataPacket & { name: string })[]>(
      "select table_name as name from information_schema.tables where table_schema = ? order by name",
      [name],
    );
    if (tables.length > 0) {
      await pool.query(tables.map((each) => `delete from ${name}.${each.name}`).join("; "));
    }
  };
  return new EmptiedDatabases(() => freshDatabase(server.url), empty);
}

export async function withConnection<Result>(url: string, work: (on: Connection) => Promise<Result>): Promise<Result> {
  const connection = await connect(url);
  try {
    return await work(connection);
  } finally {
    await connection.end();
  }
}

export function connect(url: string): Promise<Connection> {
  return createConnection({ uri: url.replace(/^mariadb:/, "mysql:"), multipleStatements: true });
}

/** Runs SQL on a connection of its own and gives the rows. */
export function query<Row>(url: string, sql: string, ...values: unknown[]): Promise<Row[]> {
  return withConnection(url, async (connection) => (await connection.query(sql, values))[0] as Row[]);
}

/** A store in a database of its own. */
export async function freshStore(server: TestedServer, options: MySqlSessionDbOptions = {}): Promise<MySqlSessionDb> {
  return new MySqlSessionDb({ url: await freshDatabase(server.url), ...options });
}
