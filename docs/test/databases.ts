import { randomBytes } from "node:crypto";
import { createConnection } from "mysql2/promise";
import pg from "pg";
import { inject } from "vitest";

/** How a program of the documents learns of a server: the URL of an empty database, as its owner. */
export const variables = ["POSTGRES_URL", "MYSQL_URL", "MARIADB_URL"] as const;

/** Null without such a server, and undefined in a tier that starts none. */
const servers = { POSTGRES_URL: inject("postgres"), MYSQL_URL: inject("mysql"), MARIADB_URL: inject("mariadb") };

/** Runs statements, one after another, on the database that a URL names. */
export async function execute(url: string, statements: readonly string[]): Promise<void> {
  if (url.startsWith("postgres")) {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    for (const statement of statements) {
      await client.query(statement);
    }
    await client.end();
    return;
  }
  const connection = await createConnection(url.replace(/^mariadb:/, "mysql:"));
  for (const statement of statements) {
    await connection.query(statement);
  }
  await connection.end();
}

/** One database on each server, for one file of tests. */
class Databases {
  readonly #name = `sessiondb_docs_${randomBytes(4).toString("hex")}`;
  /** By variable; none for a server that is not there. */
  readonly urls: Readonly<Partial<Record<(typeof variables)[number], string>>> = Object.fromEntries(
    Object.entries(servers).flatMap(([name, server]) =>
      typeof server !== "string" ? [] : [[name, Object.assign(new URL(server), { pathname: `/${this.#name}` }).href]],
    ),
  );

  async create(): Promise<void> {
    await this.#onEach(() => `create database ${this.#name}`);
  }

  async drop(): Promise<void> {
    // A program's connections may outlive it for a moment.
    await this.#onEach(
      (server) => `drop database ${this.#name}${server.startsWith("postgres") ? " with (force)" : ""}`,
    );
  }

  async #onEach(statement: (server: string) => string): Promise<void> {
    const found = Object.values(servers).filter((server) => typeof server === "string");
    await Promise.all(found.map((server) => execute(server, [statement(server)])));
  }
}

export const databases = new Databases();
