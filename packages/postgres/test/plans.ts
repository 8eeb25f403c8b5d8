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

/**
 * How the server plans a statement: for its values, or, as it may after five executions of a prepared one, for any. A
 * statement that the store does not prepare is always planned for its values.
 */
export type Planning = "custom" | "generic";

/** The plans of all statements of one piece of work, apart from looking at the schema. */
export async function plansOf(
  client: pg.Client,
  { schema, planning = "custom" }: { readonly schema: string; readonly planning?: Planning },
  work: (db: PostgresSessionDb) => Promise<unknown>,
): Promise<Plan[]> {
  const statements = await recorded(client, (watched) =>
    work(new PostgresSessionDb({ pool: poolOf(watched), schema })),
  );
  const plans: Plan[] = [];
  for (const statement of statements) {
    const steps = await explain(client, statement, { planning, options: "costs off" });
    plans.push({ ...statement, steps: steps.join("\n") });
  }
  return plans;
}

/** The steps of a statement's plan. */
export async function explain(
  client: pg.Client,
  { text, values, name }: RecordedStatement,
  { planning, options }: { readonly planning: Planning; readonly options: string },
): Promise<string[]> {
  const query = { rowMode: "array" } as const;
  if (planning === "custom" || name === undefined) {
    const explained = await client.query<[string]>({ ...query, text: `explain (${options}) ${text}`, values });
    return explained.rows.map(([step]) => step);
  }
  await client.query("set plan_cache_mode = force_generic_plan");
  await client.query(`prepare explained as ${text}`);
  const literals = values.map((value) => literal(client, value));
  const execute = `execute explained${literals.length === 0 ? "" : `(${literals.join(", ")})`}`;
  try {
    const explained = await client.query<[string]>({ ...query, text: `explain (${options}) ${execute}` });
    return explained.rows.map(([step]) => step);
  } finally {
    await client.query("deallocate explained; reset plan_cache_mode");
  }
}

function literal(client: pg.Client, value: unknown): string {
  if (value === null || value === undefined) {
    return "null";
  }
  return Array.isArray(value)
    ? `array[${value.map((each) => literal(client, each)).join(", ")}]::text[]`
    : client.escapeLiteral(typeof value === "string" ? value : JSON.stringify(value));
}

/** A pool with one client, which serves one call after another: on a client of the caller's a turn is a transaction. */
export function poolOf(client: pg.Client): pg.Pool {
  const pool = new pg.Pool({ max: 1 });
  const connect = async (): Promise<pg.Client> => Object.assign(client, { release: () => {} });
  return Object.assign(pool, { connect });
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
