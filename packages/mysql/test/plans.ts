import type { SessionFilter, UserScope } from "@sessiondb/core";
import { MySqlSessionDb } from "@sessiondb/mysql";
import { createPool, type Connection, type Pool } from "mysql2/promise";
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

export interface ObservedStatement {
  readonly text: string;
  readonly values: unknown[];
}

const digits = Array.from({ length: 10 }, (_, digit) => `select ${digit} as d`).join(" union all ");
const places = [1, 10, 100, 1000, 10_000];
/** The numbers from 0 to 99,999, on both servers. */
const numbers = `(select ${places.map((place) => `n${place}.d * ${place}`).join(" + ")} as i from ${places.map((place) => `(${digits}) as n${place}`).join(", ")}) as n`;

export const filters: Readonly<Record<string, SessionFilter & UserScope>> = {
  nothing: {},
  user: { userId: "u1" },
  type: { sessionType: "agent" },
  component: { componentId: "c1" },
  "agent component": { componentId: "c3", sessionType: "agent" },
  "team component": { componentId: "c4", sessionType: "team" },
  "workflow component": { componentId: "c5", sessionType: "workflow" },
  participant: { participantId: "u1" },
  "rare status": { runStatus: "PAUSED" },
  "usual status": { runStatus: "COMPLETED" },
  "rare and usual status": { runStatus: ["PAUSED", "COMPLETED"] },
  name: { sessionName: "name 7" },
  start: { startTimestamp: 1_700_000_500 },
  "start and end": { startTimestamp: 1_700_000_500, endTimestamp: 1_700_030_000 },
  "user and type": { userId: "u1", sessionType: "agent" },
  "user and name": { userId: "u1", sessionName: "name" },
  "user and start": { userId: "u1", startTimestamp: 1_700_000_500 },
  "user and component": { userId: "u1", componentId: "c1", sessionType: "agent" },
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
): Promise<ObservedStatement[]> {
  const pool = createPool({ uri: url.replace("mariadb:", "mysql:"), connectionLimit: 1 });
  const seen: ObservedStatement[] = [];
  try {
    await work(new MySqlSessionDb({ pool: observing(pool, seen) }));
  } finally {
    await pool.end();
  }
  return seen.filter(({ text }) => !/information_schema|set transaction|@@autocommit|^show create/i.test(text));
}

function observing(pool: Pool, seen: ObservedStatement[]): Pool {
  const watch = <Target extends object>(target: Target): Target =>
    new Proxy(target, {
      get(_, name) {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== "function") {
          return member;
        }
        return (...args: unknown[]) => {
          if (name === "query" || name === "execute") {
            const [given] = args as [string | { sql: string; values?: unknown[] }];
            seen.push(
              typeof given === "string" ? { text: given, values: [] } : { text: given.sql, values: given.values ?? [] },
            );
          }
          const result: unknown = Reflect.apply(member, target, args);
          return name === "getConnection" ? (result as Promise<object>).then(watch) : result;
        };
      },
    });
  return watch(pool);
}

export async function planOf(on: Connection, { text, values }: ObservedStatement): Promise<PlanStep[]> {
  return (await on.execute({ sql: `explain format=traditional ${text}`, values }))[0] as unknown as PlanStep[];
}

/** How many rows of tables and indexes the server looks at for some statements. */
export async function rowsRead(on: Connection, statements: readonly ObservedStatement[]): Promise<number> {
  await on.query("flush status");
  for (const { text, values } of statements) {
    await on.execute({ sql: text, values });
  }
  const [rows] = await on.query(
    "show session status where variable_name in ('Handler_read_first', 'Handler_read_key', 'Handler_read_last', 'Handler_read_next', 'Handler_read_prev', 'Handler_read_rnd_next')",
  );
  return (rows as { Value: string }[]).reduce((sum, { Value }) => sum + Number(Value), 0);
}
