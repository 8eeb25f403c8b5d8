import { MySqlSessionDb } from "@sessiondb/mysql";
import { createPool, type Pool, type PoolConnection, type RowDataPacket } from "mysql2/promise";
import { BareMysql } from "./bare-mysql.ts";
import { parseText } from "./bare.ts";
import { rowOf, sessionOf } from "./data.ts";
import { titles } from "./database-names.ts";
import { sessionsOfUser, type Contents, type Ground, type OneColumn } from "./ground.ts";
import { lastTen, missing, runsOf, withRun } from "./one-column.ts";
import { startServer, type Server } from "./server.ts";
import { versionOf } from "./version-of.ts";

/** 0 to 99,999, as a table with a column `i`. */
export function numbers(name: string): string {
  const digits =
    "select 0 as d union all select 1 union all select 2 union all select 3 union all select 4 union all select 5 union all select 6 union all select 7 union all select 8 union all select 9";
  const tables = ["a", "b", "c", "d", "e"];
  const value = tables.map((table, place) => `${table}.d * ${10 ** place}`).join(" + ");
  return `(select ${value} as i from ${tables.map((table) => `(${digits}) as ${table}`).join(", ")}) as ${name}`;
}

export const batch = 50_000;

/** A server of its own, with a database for each name. */
export class MysqlGround implements Ground {
  readonly versions: string;
  readonly #server: Server;
  readonly #pool: Pool;
  readonly #stores: MySqlSessionDb[] = [];
  readonly #bares: BareMysql[] = [];

  private constructor(server: Server, pool: Pool, versions: string) {
    this.#server = server;
    this.#pool = pool;
    this.versions = versions;
  }

  /** Null where no server can be had. */
  static async open(flavour: "mysql" | "mariadb"): Promise<MysqlGround | null> {
    const server = await startServer(flavour);
    if (server === null) {
      return null;
    }
    const pool = createPool({ uri: server.url.replace("mariadb:", "mysql:"), jsonStrings: true, connectionLimit: 2 });
    const [[row]] = await pool.query<RowDataPacket[]>("select version() as version");
    const version = String(row?.["version"]).split("-")[0] ?? "";
    return new MysqlGround(server, pool, `${titles[flavour]} ${version}, mysql2 ${versionOf("mysql2")}`);
  }

  #urlOf(database: string): string {
    return Object.assign(new URL(this.#server.url), { pathname: `/${database}` }).href;
  }

  async make(database: string, { toAppend, toList }: Contents): Promise<void> {
    await using tables = new MySqlSessionDb({ url: this.#server.url, database });
    await tables.migrate();
    const data = JSON.stringify(sessionOf("filled").sessionData);
    const [sessions, runs] = [`${database}.agno_sessions`, `${database}.agno_runs`];
    const columns = "(session_id, session_type, agent_id, user_id, session_data, created_at, updated_at)";
    for (let start = 0; start < toList; start += batch) {
      await this.#pool.query(
        `insert into ${sessions} ${columns}
         select concat('listed ', lpad(i + ?, 7, '0')), 'agent', 'agent', concat('user ', (i + ?) % ?), ?, 1780000000 + i + ?, 1780000000 + i + ? from ${numbers("n")} where i < ?`,
        [start, start, toList / sessionsOfUser, data, start, start, Math.min(batch, toList - start)],
      );
    }
    for (const { length, count } of toAppend) {
      await this.#pool.query(
        `insert into ${sessions} ${columns} select concat(?, ' ', i), 'agent', 'agent', 'user', ?, 1790000000, 1790000000 from ${numbers("n")} where i < ?`,
        [length, data, count],
      );
      await this.#pool.query(
        `insert into ${runs} (run_id, session_id, run_type, agent_id, user_id, status, run_index, run_data, created_at, updated_at)
         select id, concat(?, ' ', s), 'agent', 'agent', 'user', 'COMPLETED', r, json_replace(?, '$.run_id', id), 1790000000, 1790000000
         from (select s.i as s, r.i as r, concat(?, ' ', s.i, ' ', r.i) as id from ${numbers("s")} join ${numbers("r")}
           where s.i < ? and r.i < ?) as numbered`,
        [length, JSON.stringify(rowOf("filled", "filled")), length, count, length],
      );
    }
    await this.#pool.query(`analyze table ${sessions}, ${runs}`);
  }

  store(database: string): MySqlSessionDb {
    const store = new MySqlSessionDb({ url: this.#urlOf(database) });
    this.#stores.push(store);
    return store;
  }

  bare(database: string): BareMysql {
    const bare = new BareMysql(this.#urlOf(database));
    this.#bares.push(bare);
    return bare;
  }

  async oneColumn(): Promise<OneColumn> {
    const pool = this.#pool;
    await pool.query(
      "create table one_column (session_id varchar(128) primary key, user_id varchar(128), runs json, updated_at bigint)",
    );
    const select = "select user_id, runs from one_column where session_id = ? and user_id = 'user'";
    const runsIn = async (on: Pool | PoolConnection, sql: string, sessionId: string): Promise<unknown> => {
      const [[row]] = await on.execute<RowDataPacket[]>(sql, [sessionId]);
      if (row === undefined) {
        throw missing(sessionId);
      }
      return parseText(row["runs"]);
    };
    return {
      put: (sessionId, length) =>
        pool.execute("insert into one_column values (?, 'user', ?, 0)", [sessionId, runsOf(sessionId, length)]),
      append: async (runId, sessionId) => {
        const connection = await pool.getConnection();
        try {
          await connection.beginTransaction();
          const runs = await runsIn(connection, `${select} for update`, sessionId);
          const now = Math.floor(Date.now() / 1000);
          await connection.execute("update one_column set runs = ?, updated_at = ? where session_id = ?", [
            withRun(runs, runId, sessionId),
            now,
            sessionId,
          ]);
          await connection.commit();
        } finally {
          connection.release();
        }
      },
      read: async (sessionId) => lastTen(await runsIn(pool, select, sessionId)),
    };
  }

  async close(): Promise<void> {
    await Promise.all([
      ...this.#stores.map((store) => store.close()),
      ...this.#bares.map(({ pool }) => pool.end()),
      this.#pool.end(),
    ]);
    await this.#server.stop();
  }
}
