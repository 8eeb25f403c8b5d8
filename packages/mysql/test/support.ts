import { randomUUID } from "node:crypto";
import { MySqlSessionDb, type MySqlSessionDbOptions } from "@sessiondb/mysql";
import { createConnection, type Connection, type RowDataPacket } from "mysql2/promise";
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

const made = new Map<string, string[]>();

afterAll(async () => {
  const drop = ([url, names]: [string, string[]]): Promise<void> =>
    withConnection(url, async (connection) => {
      for (const name of names) {
        await connection.query(`drop database if exists \`${name}\``);
      }
    });
  await Promise.all([...made].map(drop));
  made.clear();
}, 300_000);

/** The URL of a new, empty database, dropped after the tests of the file. */
export async function freshDatabase(url: string, settings = ""): Promise<string> {
  const name = `t_${randomUUID().replaceAll("-", "").slice(0, 20)}`;
  await withConnection(url, (connection) => connection.query(`create database ${name} ${settings}`));
  made.set(url, [...(made.get(url) ?? []), name]);
  return Object.assign(new URL(url), { pathname: `/${name}` }).href;
}

/** Databases of a server that are emptied and used again. */
export function emptiedDatabases(server: TestedServer): EmptiedDatabases {
  const empty = (url: string) =>
    withConnection(url, async (connection) => {
      const [[table]] = await connection.query<RowDataPacket[]>("show tables like 'agno_sessions'");
      if (table !== undefined) {
        await connection.query("delete from agno_runs; delete from agno_sessions; delete from agno_schema_versions");
      }
    });
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
