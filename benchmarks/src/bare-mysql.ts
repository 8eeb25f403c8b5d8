import { createPool, type Pool, type RowDataPacket } from "mysql2/promise";
import { rowOf } from "./data.ts";
import type { Bare } from "./turns.ts";

const replaced = [
  "run_type",
  "agent_id",
  "team_id",
  "workflow_id",
  "user_id",
  "parent_run_id",
  "status",
  "run_data",
  "updated_at",
];

const session =
  "session_id, session_type, agent_id, team_id, workflow_id, user_id, session_data, agent_data, team_data, workflow_data, metadata, summary, created_at, updated_at";

/**
 * The same work by hand on mysql2: prepared statements on a pool, the turn in a transaction. The turn takes its place with
 * the same guards: the session is the owner's, and a run that is stored is replaced in its session alone.
 */
export class BareMysql implements Bare {
  readonly pool: Pool;

  constructor(url: string) {
    this.pool = createPool({ uri: url.replace("mariadb:", "mysql:") });
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
      await connection.execute(
        "update agno_sessions set updated_at = greatest(updated_at, ?) where session_id = ? and session_type = 'agent' and user_id = ?",
        [now, sessionId, "user"],
      );
      await connection.execute(
        `insert into agno_runs (run_id, session_id, run_type, agent_id, team_id, workflow_id, user_id, parent_run_id, status, run_index, run_data, created_at, updated_at)
         select ?, ?, 'agent', 'agent', null, null, 'user', null, 'COMPLETED', last.next, ?, ?, ?
         from (select coalesce(max(run_index) + 1, 0) as next from agno_runs where session_id = ?) as last
         on duplicate key update ${replaced.map((name) => `${name} = if(agno_runs.session_id = values(session_id), values(${name}), agno_runs.${name})`).join(", ")}`,
        [runId, sessionId, JSON.stringify(rowOf(runId, sessionId)), now, now, sessionId],
      );
      await connection.commit();
    } finally {
      connection.release();
    }
  }

  /** One statement: the session's row, then those of the runs. */
  async read(sessionId: string): Promise<unknown> {
    const [rows] = await this.pool.execute<RowDataPacket[]>(
      `select ${session}, null as run_data, null as run_index from agno_sessions where session_id = ?
       union all (select ${session.replaceAll(/\w+/g, "null")}, run_data, run_index from agno_runs where session_id = ? and parent_run_id is null
         and (status is null or status not in ('PAUSED', 'CANCELLED', 'ERROR', 'REGENERATED')) order by run_index desc limit 10)`,
      [sessionId, sessionId],
    );
    const [row, ...runs] = rows.map(parsed);
    return { ...row, runs: runs.map((run) => run["run_data"]).toReversed() };
  }

  async list(userId: string): Promise<unknown> {
    const [rows] = await this.pool.execute<RowDataPacket[]>(
      "select * from agno_sessions where user_id = ? order by created_at desc, session_id desc limit 51",
      [userId],
    );
    return rows.map(parsed);
  }
}

const documents = ["session_data", "agent_data", "team_data", "workflow_data", "metadata", "summary", "run_data"];

/** The driver parses MySQL's JSON; what MariaDB has in its place is text. */
function parsed(row: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const result = { ...row };
  for (const name of documents) {
    const value = result[name];
    if (typeof value === "string") {
      result[name] = JSON.parse(value);
    }
  }
  return result;
}
