import { createPool, type Pool, type ResultSetHeader, type RowDataPacket } from "mysql2/promise";
import { parseText, readStatement, sessionColumns, sessionOf, sessionWithRuns, type Bare } from "./bare.ts";
import { rowOf } from "./data.ts";

const ofSameSession = "agno_runs.session_id = values(session_id)";
const replaced = ["status", "run_data", "updated_at"].map(
  (name) => `${name} = if(${ofSameSession}, values(${name}), agno_runs.${name})`,
);

const touch = `update agno_sessions set updated_at = greatest(updated_at, ?)
  where session_id = ? and session_type = 'agent' and user_id = ? and agent_id is not null`;
// A run of another session stays as it is, which the answer tells by its insert id.
const insert = `insert into agno_runs (run_id, session_id, run_type, agent_id, user_id, status, run_index, run_data, created_at, updated_at)
  select ?, ?, 'agent', 'agent', ?, 'COMPLETED', last.next, ?, ?, ?
  from (select coalesce(max(run_index) + 1, 0) as next from agno_runs where session_id = ?) as last
  on duplicate key update ${replaced.join(", ")},
    run_index = if(${ofSameSession}, agno_runs.run_index, if(last_insert_id(1), agno_runs.run_index, agno_runs.run_index))`;
const read = readStatement("agno_sessions", "agno_runs", ["?", "?"]);
const list = `select ${sessionColumns.join(", ")} from agno_sessions where user_id = ?
  order by created_at desc, session_id desc limit 51`;

/** The work by hand on mysql2: prepared statements on a pool, the turn in a transaction. */
export class BareMysql implements Bare {
  readonly pool: Pool;

  constructor(url: string) {
    // MariaDB has text where MySQL has JSON: as text, both are read alike.
    this.pool = createPool({ uri: url.replace("mariadb:", "mysql:"), jsonStrings: true });
    this.pool.on(
      "connection",
      (connection) => void connection.query("set session transaction isolation level read committed"),
    );
  }

  async append(runId: string, sessionId: string): Promise<void> {
    const now = Math.floor(Date.now() / 1000);
    const connection = await this.pool.getConnection();
    try {
      await connection.beginTransaction();
      const [touched] = await connection.execute<ResultSetHeader>(touch, [now, sessionId, "user"]);
      const data = JSON.stringify(rowOf(runId, sessionId));
      const values = [runId, sessionId, "user", data, now, now, sessionId];
      const [put] = touched.affectedRows === 1 ? await connection.execute<ResultSetHeader>(insert, values) : [];
      if (put === undefined || put.insertId !== 0) {
        await connection.rollback();
        throw new Error(`The turn was not stored in ${sessionId}`);
      }
      await connection.commit();
    } finally {
      connection.release();
    }
  }

  async read(sessionId: string): Promise<unknown> {
    return sessionWithRuns(await this.#rows(read, [sessionId, sessionId]), parseText);
  }

  async list(userId: string): Promise<unknown> {
    return (await this.#rows(list, [userId])).map((row) => sessionOf(row, parseText));
  }

  async #rows(sql: string, values: string[]): Promise<unknown[][]> {
    const [rows] = await this.pool.execute<RowDataPacket[][]>({ sql, values, rowsAsArray: true });
    return rows;
  }
}
