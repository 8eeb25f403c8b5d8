import { PostgresSessionDb } from "@sessiondb/postgres";
import pg from "pg";
import { BarePostgres } from "./bare-postgres.ts";
import { rowOf, sessionOf } from "./data.ts";
import { titles } from "./database-names.ts";
import { sessionsOfUser, type Contents, type Ground, type OneColumn } from "./ground.ts";
import { lastTen, missing, runsOf, withRun } from "./one-column.ts";
import { startServer, type Server } from "./server.ts";
import { versionOf } from "./version-of.ts";

/** A server of its own, with a schema for each name. */
export class PostgresGround implements Ground {
  readonly versions: string;
  readonly server: Server;
  readonly #pool: pg.Pool;
  readonly #stores: PostgresSessionDb[] = [];
  readonly #bares: BarePostgres[] = [];

  private constructor(server: Server, pool: pg.Pool, version: string) {
    this.server = server;
    this.#pool = pool;
    this.versions = `${titles.postgres} ${version}, pg ${versionOf("pg")}`;
  }

  /** Null where no server can be had. */
  static async open(): Promise<PostgresGround | null> {
    const server = await startServer("postgres");
    if (server === null) {
      return null;
    }
    const pool = new pg.Pool({ connectionString: server.url, max: 2 });
    const { rows } = await pool.query<{ server_version: string }>("show server_version");
    return new PostgresGround(server, pool, rows[0]?.server_version.split(" ")[0] ?? "");
  }

  /** Indexes are made last, when they are quicker to make. */
  async make(schema: string, contents: Contents): Promise<void> {
    await using db = new PostgresSessionDb({ url: this.server.url, schema, autoMigrate: false });
    for (const statement of await db.planMigration()) {
      if (!statement.startsWith("CREATE INDEX")) {
        await this.#pool.query(statement);
      }
    }
    await this.#fill(schema, contents);
    await db.migrate();
    await this.#pool.query(`vacuum (analyze) ${schema}.agno_sessions`);
    await this.#pool.query(`vacuum (analyze) ${schema}.agno_runs`);
  }

  async #fill(schema: string, { toAppend, toList }: Contents): Promise<void> {
    const data = JSON.stringify(sessionOf("filled").sessionData);
    const columns = "(session_id, session_type, agent_id, user_id, session_data, created_at, updated_at)";
    await this.#pool.query(
      `insert into ${schema}.agno_sessions ${columns}
       select 'listed ' || i, 'agent', 'agent', 'user ' || i % $1, $2, 1780000000 + i, 1780000000 + i from generate_series(0, $3 - 1) as n (i)`,
      [Math.max(1, toList / sessionsOfUser), data, toList],
    );
    for (const { length, count } of toAppend) {
      await this.#pool.query(
        `insert into ${schema}.agno_sessions ${columns}
         select $1 || ' ' || i, 'agent', 'agent', 'user', $2, 1790000000, 1790000000 from generate_series(0, $3 - 1) as n (i)`,
        [length, data, count],
      );
      await this.#pool.query(
        `insert into ${schema}.agno_runs (run_id, session_id, run_type, agent_id, user_id, status, run_index, run_data, created_at, updated_at)
         select id, $1 || ' ' || s, 'agent', 'agent', 'user', 'COMPLETED', i, $2 || jsonb_build_object('run_id', id), 1790000000, 1790000000
         from generate_series(0, $3 - 1) as n (s), generate_series(0, $4 - 1) as m (i), lateral (select $1 || ' ' || s || ' ' || i) as numbered (id)`,
        [String(length), JSON.stringify(rowOf("filled", "filled")), count, length],
      );
    }
  }

  store(schema: string): PostgresSessionDb {
    const store = new PostgresSessionDb({ url: this.server.url, schema, poolSize: 32 });
    this.#stores.push(store);
    return store;
  }

  bare(schema: string): BarePostgres {
    const bare = new BarePostgres(this.server.url, schema);
    this.#bares.push(bare);
    return bare;
  }

  async oneColumn(): Promise<OneColumn> {
    const pool = this.#pool;
    await pool.query(
      "create table one_column (session_id text primary key, user_id text, runs jsonb, updated_at bigint)",
    );
    const select = "select user_id, runs from one_column where session_id = $1 and user_id = 'user'";
    const runsIn = (result: pg.QueryResult<{ runs: unknown }>, sessionId: string): unknown => {
      const [row] = result.rows;
      if (row === undefined) {
        throw missing(sessionId);
      }
      return row.runs;
    };
    return {
      put: (sessionId, length) =>
        pool.query("insert into one_column values ($1, 'user', $2, 0)", [sessionId, runsOf(sessionId, length)]),
      append: async (runId, sessionId) => {
        const client = await pool.connect();
        try {
          await client.query("begin");
          const found = await client.query<{ runs: unknown }>({
            name: "lock one column",
            text: `${select} for no key update`,
            values: [sessionId],
          });
          await client.query({
            name: "write one column",
            text: "update one_column set runs = $2, updated_at = $3 where session_id = $1",
            values: [sessionId, withRun(runsIn(found, sessionId), runId, sessionId), Math.floor(Date.now() / 1000)],
          });
          await client.query("commit");
        } finally {
          client.release();
        }
      },
      read: async (sessionId) => {
        const found = await pool.query<{ runs: unknown }>({
          name: "read one column",
          text: select,
          values: [sessionId],
        });
        return lastTen(runsIn(found, sessionId));
      },
    };
  }

  async close(): Promise<void> {
    await Promise.all([
      ...this.#stores.map((store) => store.close()),
      ...this.#bares.map(({ pool }) => pool.end()),
      this.#pool.end(),
    ]);
    await this.server.stop();
  }
}
