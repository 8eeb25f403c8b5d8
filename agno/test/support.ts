import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ManagedSchema, SessionDb } from "@sessiondb/core";
import { MySqlSessionDb } from "@sessiondb/mysql";
import { PostgresSessionDb } from "@sessiondb/postgres";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { createConnection } from "mysql2/promise";
import pg from "pg";
import { afterAll, describe, inject } from "vitest";
import { Agno } from "../src/agno.ts";
import type { pinned } from "../src/environment.ts";

const databases = ["sqlite", "postgres", "mysql", "mariadb"] as const;
export type DatabaseName = (typeof databases)[number];

/** One empty database that both sides open. */
export interface SharedDatabase {
  /** Opens our store on it. */
  readonly open: (sessionTable?: string) => SessionDb & ManagedSchema & AsyncDisposable;
  /** Opens it in Python, under its own name; `options` are those of Agno's database, such as `session_table`. */
  readonly openIn: (agno: Agno, options?: Readonly<Record<string, string>>) => Promise<string>;
  /** Runs SQL on it, and returns the rows. */
  readonly query: (sql: string) => Promise<Record<string, unknown>[]>;
  /** The same database for one who may only read and write the rows of the tables that are there now. Our store makes none. */
  readonly withoutDdl: () => Promise<SharedDatabase>;
  /** Where Agno has a driver for it, the same database for its asynchronous adapters. */
  readonly openAsyncIn: ((agno: Agno) => Promise<string>) | null;
}

const defaultTable = "agno_sessions";

/** What a role may do that keeps sessions in tables which others make. */
const dml = "select, insert, update, delete";

const cleanups: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const clean of cleanups.splice(0)) {
    await clean();
  }
}, 120_000);

/** The Pythons that have Agno; tests that need one are skipped without it. */
const pythons: Readonly<Record<keyof typeof pinned, string | null>> = {
  newest: inject("agno"),
  first: inject("agnoFirst"),
  two: inject("agnoTwo"),
};

/** The same tests on each database that there is, with the real Agno. */
export function withAgnoOnEach(tests: (name: DatabaseName, fresh: () => Promise<SharedDatabase>) => void): void {
  describe.each(databases)("%s", (name) => {
    const url = name === "sqlite" ? "sqlite:" : inject(name);
    describe.skipIf(pythons.newest === null || url === null)("with Agno", () => {
      tests(name, () => makers[name](url ?? ""));
    });
  });
}

export function isInstalled(release: keyof typeof pinned): boolean {
  return pythons[release] !== null;
}

/** Starts Agno, which ends with the tests of the file. */
export function startAgno(release: keyof typeof pinned = "newest"): Agno {
  const agno = new Agno(pythons[release] ?? "");
  cleanups.unshift(() => agno[Symbol.asyncDispose]());
  return agno;
}

const makers: Readonly<Record<DatabaseName, (server: string) => Promise<SharedDatabase>>> = {
  sqlite: async () => {
    const folder = mkdtempSync(join(tmpdir(), "sessiondb-agno-"));
    cleanups.push(async () => rmSync(folder, { recursive: true, force: true }));
    const file = join(folder, "shared.db");
    return {
      open: (sessionTable = defaultTable) => new SqliteSessionDb({ file, sessionTable }),
      openIn: (agno, options) => opened(agno, `sqlite:///${file}`, options),
      query: async (sql) => {
        const { default: Database } = await import("better-sqlite3");
        const client = new Database(file);
        try {
          const statement = client.prepare<[], Record<string, unknown>>(sql);
          return statement.reader ? statement.all() : (statement.run(), []);
        } finally {
          client.close();
        }
      },
      async withoutDdl(this: SharedDatabase) {
        return { ...this, open: () => new SqliteSessionDb({ file, autoMigrate: false }) };
      },
      openAsyncIn: (agno) => opened(agno, `sqlite+aiosqlite:///${file}`),
    };
  },
  postgres: async (server) => {
    const schema = `agno_${randomBytes(6).toString("hex")}`;
    const query = async (sql: string): Promise<Record<string, unknown>[]> => {
      const client = new pg.Client({ connectionString: server, options: `-c search_path=${schema},public` });
      await client.connect();
      try {
        return (await client.query<Record<string, unknown>>(sql)).rows;
      } finally {
        await client.end();
      }
    };
    await query(`create schema ${schema}`);
    cleanups.push(async () => void (await query(`drop schema ${schema} cascade`)));
    return {
      open: (sessionTable = defaultTable) => new PostgresSessionDb({ url: server, schema, sessionTable }),
      openIn: (agno, options) =>
        opened(agno, server.replace(/^postgres(ql)?:/, "postgresql+psycopg:"), { schema, ...options }),
      query,
      async withoutDdl(this: SharedDatabase) {
        const role = `app_${schema}`;
        await query(`create role ${role} login password 'secret'`);
        cleanups.push(async () => void (await query(`drop owned by ${role}; drop role ${role}`)));
        await query(`grant usage on schema ${schema} to ${role}`);
        await query(`grant ${dml} on all tables in schema ${schema} to ${role}`);
        const url = Object.assign(new URL(server), { username: role, password: "secret" }).href;
        return {
          ...this,
          open: () => new PostgresSessionDb({ url, schema, autoMigrate: false }),
          openIn: (agno) => opened(agno, url.replace(/^postgres(ql)?:/, "postgresql+psycopg:"), { schema }),
        };
      },
      openAsyncIn: (agno) => opened(agno, server.replace(/^postgres(ql)?:/, "postgresql+psycopg_async:"), { schema }),
    };
  },
  mysql: mysqlDatabase,
  mariadb: mysqlDatabase,
};

async function mysqlDatabase(server: string): Promise<SharedDatabase> {
  const name = `agno_${randomBytes(6).toString("hex")}`;
  const on = async (url: string, sql: string): Promise<Record<string, unknown>[]> => {
    const connection = await createConnection({ uri: url.replace(/^mariadb:/, "mysql:") });
    try {
      return (await connection.query(sql))[0] as Record<string, unknown>[];
    } finally {
      await connection.end();
    }
  };
  await on(server, `create database ${name}`);
  cleanups.push(async () => void (await on(server, `drop database ${name}`)));
  const url = Object.assign(new URL(server), { pathname: `/${name}` }).href;
  return {
    open: (sessionTable = defaultTable) => new MySqlSessionDb({ url, sessionTable }),
    openIn: (agno, options) => opened(agno, url.replace(/^(\w+):/, "$1+pymysql:"), { schema: name, ...options }),
    query: (sql) => on(url, sql),
    async withoutDdl(this: SharedDatabase) {
      await on(server, `create user ${name}@'%' identified by 'secret'`);
      cleanups.push(async () => void (await on(server, `drop user ${name}@'%'`)));
      await on(server, `grant ${dml} on ${name}.* to ${name}@'%'`);
      const limited = Object.assign(new URL(url), { username: name, password: "secret" }).href;
      return {
        ...this,
        open: () => new MySqlSessionDb({ url: limited, autoMigrate: false }),
        openIn: (agno) => opened(agno, limited.replace(/^(\w+):/, "$1+pymysql:"), { schema: name }),
      };
    },
    openAsyncIn: null,
  };
}

let count = 0;

async function opened(agno: Agno, url: string, options: Readonly<Record<string, string>> = {}): Promise<string> {
  count += 1;
  const db = `db${count}`;
  await agno.open(db, url, options);
  return db;
}
