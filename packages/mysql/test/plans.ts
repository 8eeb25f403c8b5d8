import type { SessionFilter, UserScope } from "@sessiondb/core";
import { MySqlSessionDb } from "@sessiondb/mysql";
import { listFilters } from "@sessiondb/testing/list-filters";
import { recording, type RecordedStatement } from "@sessiondb/testing/recording";
import { createPool, type Connection } from "mysql2/promise";
import { connect } from "./support.ts";

/** One table of a plan: how it is reached, by which index, and what else there is to do. */
export interface PlanStep {
  /** INSERT for the table that a statement only adds to. */
  readonly select_type: string;
  readonly table: string | null;
  readonly type: string | null;
  readonly key: string | null;
  /** How many rows the planner expects to look at. */
  readonly rows: number | string | null;
  readonly Extra: string | null;
}

const digits = Array.from({ length: 10 }, (_, digit) => `select ${digit} as d`).join(" union all ");
const places = [1, 10, 100, 1000, 10_000];
/** The numbers from 0 to 99,999, on both servers. */
export const numbers = `(select ${places.map((place) => `n${place}.d * ${place}`).join(" + ")} as i from ${places.map((place) => `(${digits}) as n${place}`).join(", ")}) as n`;

export const filters: Readonly<Record<string, SessionFilter & UserScope>> = {
  ...listFilters,
  "rare and usual status": { runStatus: ["PAUSED", "COMPLETED"] },
};

/** Tables with many sessions and runs, one of the sessions long. */
export async function fillTables(url: string): Promise<void> {
  await using db = new MySqlSessionDb({ url });
  await db.migrate();
  const connection = await connect(url);
  await connection.query(`
    insert into agno_sessions (session_id, session_type, agent_id, team_id, workflow_id, user_id, session_data, created_at, updated_at)
    select concat('s', i), case i % 3 when 0 then 'agent' when 1 then 'team' else 'workflow' end,
      case i % 3 when 0 then concat('c', i % 50) end, case i % 3 when 1 then concat('c', i % 50) end,
      case i % 3 when 2 then concat('c', i % 50) end, case when i % 10 > 0 then concat('u', i % 1000) end,
      json_object('session_name', concat('Name ', i)), 1700000000 + i div 3,
      case when i % 7 > 0 then 1700000000 + i div 2 end
    from ${numbers};
    insert into agno_runs (run_id, session_id, run_type, agent_id, team_id, workflow_id, user_id, status, run_index, run_data, created_at)
    select concat('r', session_id), session_id, session_type, agent_id, team_id, workflow_id, user_id,
      case when session_id like '%500' then 'PAUSED' else 'COMPLETED' end, 0, '{"run_id": "r"}', created_at
    from agno_sessions;
    insert into agno_runs (run_id, session_id, run_type, team_id, user_id, status, run_index, run_data, created_at)
    select concat('long', i), 's1', 'team', 'c1', 'u1', 'COMPLETED', i + 1, '{"run_id": "r"}', 1700000000 + i
    from ${numbers} where i < 2000;
    analyze table agno_sessions, agno_runs`);
  await connection.end();
}

/** What a store on a pool of the caller's sends to the server during some work, apart from looking at schema and settings. */
export async function observe(
  url: string,
  work: (db: MySqlSessionDb) => Promise<unknown>,
): Promise<RecordedStatement[]> {
  const pool = createPool({ uri: url.replace("mariadb:", "mysql:"), connectionLimit: 1 });
  const seen: RecordedStatement[] = [];
  try {
    await work(new MySqlSessionDb({ pool: recording(pool, (statement) => seen.push(statement)) }));
  } finally {
    await pool.end();
  }
  return seen.filter(({ text }) => !/information_schema|set transaction|@@autocommit|^show create/i.test(text));
}

export async function planOf(on: Connection, { text, values }: RecordedStatement): Promise<PlanStep[]> {
  return (await on.execute({ sql: `explain format=traditional ${text}`, values }))[0] as unknown as PlanStep[];
}

/** How many rows of tables and indexes the server looks at for some statements. */
export async function rowsRead(on: Connection, statements: readonly RecordedStatement[]): Promise<number> {
  await on.query("flush status");
  for (const { text, values } of statements) {
    await on.execute({ sql: text, values });
  }
  const [rows] = await on.query(
    "show session status where variable_name in ('Handler_read_first', 'Handler_read_key', 'Handler_read_last', 'Handler_read_next', 'Handler_read_prev', 'Handler_read_rnd_next')",
  );
  return (rows as { Value: string }[]).reduce((sum, { Value }) => sum + Number(Value), 0);
}
