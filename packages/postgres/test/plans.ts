import type { SessionFilter, UserScope } from "@sessiondb/core";
import pg from "pg";
import { PostgresSessionDb, type PostgresTableOptions } from "../src/index.ts";

/** A statement of the store, and how Postgres goes about it. */
export interface Plan {
  readonly text: string;
  readonly values: readonly unknown[];
  readonly steps: string;
}

const sessionCount = 100_000;

export const filters: Readonly<Record<string, SessionFilter & UserScope>> = {
  nothing: {},
  user: { userId: "u1" },
  type: { sessionType: "agent" },
  component: { componentId: "c1" },
  "agent component": { componentId: "c3", sessionType: "agent" },
  "team component": { componentId: "c4", sessionType: "team" },
  "workflow component": { componentId: "c5", sessionType: "workflow" },
  participant: { participantId: "u1" },
  "paused run": { runStatus: "PAUSED" },
  "completed run": { runStatus: "COMPLETED" },
  "user and paused run": { userId: "u777", runStatus: ["PAUSED", "ERROR"] },
  name: { sessionName: "name 7" },
  start: { startTimestamp: 1_700_000_500 },
  "start and end": { startTimestamp: 1_700_000_500, endTimestamp: 1_700_030_000 },
  "user and type": { userId: "u1", sessionType: "agent" },
  "user and name": { userId: "u1", sessionName: "name" },
  "user and start": { userId: "u1", startTimestamp: 1_700_000_500 },
  "user and component": { userId: "u1", componentId: "c1", sessionType: "agent" },
};

/** Tables with many sessions and runs, one of the sessions long. */
export async function fillTables(client: pg.Client, options: PostgresTableOptions & { schema: string }): Promise<void> {
  const { schema } = options;
  await new PostgresSessionDb({ client, ...options }).migrate();
  await client.query(`
    insert into ${schema}.agno_sessions (session_id, session_type, agent_id, team_id, workflow_id, user_id, session_data, created_at, updated_at)
    select 's' || i, case i % 3 when 0 then 'agent' when 1 then 'team' else 'workflow' end,
      case i % 3 when 0 then 'c' || (i % 50) end, case i % 3 when 1 then 'c' || (i % 50) end,
      case i % 3 when 2 then 'c' || (i % 50) end, case when i % 10 > 0 then 'u' || (i % 1000) end,
      jsonb_build_object('session_name', 'Name ' || i), 1700000000 + i / 3, case when i % 7 > 0 then 1700000000 + i / 2 end
    from generate_series(0, ${sessionCount - 1}) as n (i);
    insert into ${schema}.agno_runs (run_id, session_id, run_type, agent_id, team_id, workflow_id, user_id, status, run_index, run_data, created_at)
    select 'r' || session_id, session_id, session_type, agent_id, team_id, workflow_id, user_id,
      case when session_id like '%777' then 'PAUSED' else 'COMPLETED' end, 0, '{"run_id": "r", "agent_id": "a"}', created_at
    from ${schema}.agno_sessions;
    insert into ${schema}.agno_runs (run_id, session_id, run_type, team_id, user_id, status, run_index, run_data, created_at)
    select 'long' || i, 's1', 'team', 'c1', 'u1', 'COMPLETED', i, '{"run_id": "r", "team_id": "a"}', 1700000000 + i
    from generate_series(1, 2000) as n (i);
    analyze ${schema}.agno_sessions; analyze ${schema}.agno_runs`);
}

/** The plans of all statements of one piece of work, apart from looking at the schema. */
export async function plansOf(
  client: pg.Client,
  schema: string,
  work: (db: PostgresSessionDb) => Promise<unknown>,
): Promise<Plan[]> {
  const statements = await recorded(client, (recording) => work(new PostgresSessionDb({ client: recording, schema })));
  const plans: Plan[] = [];
  for (const { text, values } of statements) {
    const explained = await client.query<[string]>({ text: `explain (costs off) ${text}`, values, rowMode: "array" });
    plans.push({ text, values, steps: explained.rows.map(([step]) => step).join("\n") });
  }
  return plans;
}

interface Recorded {
  readonly text: string;
  readonly values: unknown[];
}

/** The statements with a client does during some work, apart from looking at the schema and from transactions. */
export async function recorded(
  client: pg.Client,
  work: (recording: pg.Client) => Promise<unknown>,
): Promise<Recorded[]> {
  const { statements } = await roundTrips(client, work);
  return statements.filter(({ text }) => !/pg_catalog|^(begin|commit|rollback|savepoint|release)/.test(text));
}

/** Everything that is sent to the server during some work, apart from looking at the schema. */
export async function roundTrips(
  client: pg.Client,
  work: (recording: pg.Client) => Promise<unknown>,
): Promise<{ statements: Recorded[] }> {
  const statements: Recorded[] = [];
  const recording = new Proxy(client, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (name !== "query") {
        return typeof member === "function" ? member.bind(target) : member;
      }
      return (query: string | pg.QueryConfig, values: unknown[] = []) => {
        const { text, values: bound = values } = typeof query === "string" ? { text: query } : query;
        if (!text.includes("pg_catalog")) {
          statements.push({ text, values: bound });
        }
        return target.query(query as pg.QueryConfig, bound);
      };
    },
  });
  await work(recording);
  return { statements };
}
