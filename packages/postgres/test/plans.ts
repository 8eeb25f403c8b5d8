import type { SessionFilter, UserScope } from "@sessiondb/core";
import { listFilters } from "@sessiondb/testing/list-filters";
import { recording, type RecordedStatement } from "@sessiondb/testing/recording";
import pg from "pg";
import { PostgresSessionDb, type PostgresTableOptions } from "@sessiondb/postgres";

/** A statement of the store, and how Postgres goes about it. */
export interface Plan extends RecordedStatement {
  readonly steps: string;
}

const sessionCount = 100_000;

export const filters: Readonly<Record<string, SessionFilter & UserScope>> = {
  ...listFilters,
  "user and rare status": { userId: "u777", runStatus: ["PAUSED", "ERROR"] },
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
  const statements = await recorded(client, (watched) => work(new PostgresSessionDb({ client: watched, schema })));
  const plans: Plan[] = [];
  for (const { text, values } of statements) {
    const explained = await client.query<[string]>({ text: `explain (costs off) ${text}`, values, rowMode: "array" });
    plans.push({ text, values, steps: explained.rows.map(([step]) => step).join("\n") });
  }
  return plans;
}

/** The statements that a client sends during some work, apart from looking at the schema and from transactions. */
export async function recorded(
  client: pg.Client,
  work: (watched: pg.Client) => Promise<unknown>,
): Promise<RecordedStatement[]> {
  const statements = await roundTrips(client, work);
  return statements.filter(({ text }) => !/^(begin|commit|rollback|savepoint|release)/.test(text));
}

/** Everything that is sent to the server during some work, apart from looking at the schema. */
export async function roundTrips(
  client: pg.Client,
  work: (watched: pg.Client) => Promise<unknown>,
): Promise<RecordedStatement[]> {
  const statements: RecordedStatement[] = [];
  await work(recording(client, (statement) => statements.push(statement)));
  return statements.filter(({ text }) => !text.includes("pg_catalog"));
}
