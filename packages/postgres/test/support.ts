import { randomBytes } from "node:crypto";
import type { LegacyRow } from "@sessiondb/conformance";
import pg from "pg";
import { afterAll, inject } from "vitest";
import { EmptiedDatabases } from "@sessiondb/testing/emptied-databases";
import { PostgresSessionDb, type PostgresSessionDbOptions } from "@sessiondb/postgres";
import { agno2Table } from "./agno-tables.ts";

export type Database = "postgres" | "newerPostgres" | "pgBouncer" | "newerPgBouncer";

/** Options of all stores that a sandbox opens. */
export type StoreOptions = Pick<PostgresSessionDbOptions, "poolSize">;

/** A schema of its own for each test, on one of the servers. All are dropped when the file's tests are over. */
export class Sandbox {
  readonly url: string;
  readonly #options: StoreOptions;
  readonly #schemas: string[] = [];

  constructor(database: Database, options: StoreOptions = {}) {
    this.#options = options;
    this.url = inject(database) ?? "";
    afterAll(() => this.#clean(), 120_000);
  }

  /** The name of a schema that does not exist yet. */
  schema(): string {
    const name = `sessiondb_test_${randomBytes(6).toString("hex")}`;
    this.#schemas.push(name);
    return name;
  }

  /** Opens stores in one new schema. */
  readonly opener = (
    options: Partial<PostgresSessionDbOptions> = {},
  ): ((sessionTable?: string) => PostgresSessionDb) => {
    const { schema = this.schema() } = options;
    return (sessionTable = "agno_sessions") =>
      new PostgresSessionDb({
        url: this.url,
        sessionTable,
        maxPayloadBytes: 2 ** 24,
        ...this.#options,
        ...options,
        schema,
      });
  };

  readonly open = (): PostgresSessionDb => this.opener()();

  /** Schemas that are emptied and used again. */
  emptied(): EmptiedDatabases {
    const pool = new pg.Pool({ connectionString: this.url, max: 1 });
    afterAll(() => pool.end());
    const empty = async (schema: string): Promise<void> => {
      const tables = ["agno_runs", "agno_sessions", "agno_memories", "agno_memories_owners", "agno_schema_versions"];
      const { rows } = await pool.query<{ name: string }>(
        "select tablename as name from pg_tables where schemaname = $1 and tablename = any($2) order by name",
        [schema, tables],
      );
      if (rows.length > 0) {
        // A TRUNCATE makes new files for every table and index.
        await pool.query(rows.map(({ name }) => `delete from ${schema}.${name}`).join("; "));
      }
    };
    return new EmptiedDatabases(() => this.schema(), empty);
  }

  /** A store on tables that Agno 2 made. */
  readonly openLegacy = async (
    rows: readonly LegacyRow[],
    schema: string = this.schema(),
  ): Promise<PostgresSessionDb> => {
    await this.query(...agno2Table(schema));
    const client = await this.connect();
    for (const row of rows) {
      const names = Object.keys(row) as (keyof LegacyRow)[];
      const values = names.map((name) =>
        isDocument(row, name) && row[name] !== null ? JSON.stringify(row[name]) : row[name],
      );
      const places = names.map((_, index) => `$${index + 1}`);
      await client.query(
        `insert into ${schema}.agno_sessions (${names.join(", ")}) values (${places.join(", ")})`,
        values,
      );
    }
    await client.end();
    return new PostgresSessionDb({ url: this.url, schema, maxPayloadBytes: 2 ** 24 });
  };

  async connect(): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: this.url });
    await client.connect();
    return client;
  }

  async query(...statements: readonly string[]): Promise<Record<string, unknown>[]> {
    const client = await this.connect();
    try {
      let rows: Record<string, unknown>[] = [];
      for (const statement of statements) {
        rows = (await client.query<Record<string, unknown>>(statement)).rows;
      }
      return rows;
    } finally {
      await client.end();
    }
  }

  async #clean(): Promise<void> {
    await this.query(...this.#schemas.splice(0).map((schema) => `drop schema if exists ${schema} cascade`));
  }
}

const documents: readonly string[] = [
  "session_data",
  "agent_data",
  "team_data",
  "workflow_data",
  "metadata",
  "runs",
  "summary",
];

function isDocument(_row: LegacyRow, name: string): boolean {
  return documents.includes(name);
}
