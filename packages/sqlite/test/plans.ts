import type { GetSessionsOptions, UserScope } from "@sessiondb/core";
import { listFilters } from "@sessiondb/testing/list-filters";
import { SqliteSessionDb, type SqliteTableOptions } from "@sessiondb/sqlite";
import Database from "better-sqlite3";

/** A SELECT or a write of the store, and how SQLite goes about it. */
export interface Plan {
  readonly text: string;
  readonly steps: readonly string[];
}

const sessionCount = 100_000;

/** A database with many sessions and runs, and without the statistics that ANALYZE would leave. */
export async function largeDatabase(tables: SqliteTableOptions = {}): Promise<Database.Database> {
  const client = new Database(":memory:");
  const db = new SqliteSessionDb({ client, ...tables });
  await db.migrate();
  client.exec(`
    with recursive n (i) as (select 0 union all select i + 1 from n where i < ${sessionCount - 1})
    insert into agno_sessions (session_id, session_type, agent_id, team_id, workflow_id, user_id, session_data, created_at, updated_at)
    select 's' || i, case i % 3 when 0 then 'agent' when 1 then 'team' else 'workflow' end,
      case i % 3 when 0 then 'c' || (i % 50) end, case i % 3 when 1 then 'c' || (i % 50) end,
      case i % 3 when 2 then 'c' || (i % 50) end, case when i % 10 > 0 then 'u' || (i % 1000) end,
      '{"session_name": "Name ' || i || '"}', 1700000000 + i / 3, case when i % 7 > 0 then 1700000000 + i / 2 end
    from n;
    insert into agno_runs (run_id, session_id, run_type, agent_id, team_id, workflow_id, user_id, status, run_index, run_data, created_at)
    select 'r' || session_id, session_id, session_type, agent_id, team_id, workflow_id, user_id,
      case cast(substr(session_id, 2) as integer) % 7 when 0 then 'PAUSED' else 'COMPLETED' end, 0,
      '{"run_id": "r", "agent_id": "a"}', created_at
    from agno_sessions;
    with recursive n (i) as (select 1 union all select i + 1 from n where i < 2000)
    insert into agno_runs (run_id, session_id, run_type, user_id, status, run_index, run_data, created_at)
    select 'long' || i, 's1', 'team', 'u1', 'COMPLETED', i, '{"run_id": "r", "team_id": "a"}', 1700000000 + i from n;
  `);
  await db.close();
  return client;
}

/** The plans of everything that the store prepares for one piece of work, apart from looking at the schema and settings. */
export async function plansOf(
  client: Database.Database,
  work: (db: SqliteSessionDb) => Promise<unknown>,
): Promise<Plan[]> {
  const texts: string[] = [];
  const prepare = client.prepare.bind(client);
  // Not by `verbose`, which puts the values into the text: a plan must hold for whatever is bound.
  client.prepare = (text: string) => {
    texts.push(text);
    return prepare(text);
  };
  try {
    await using db = new SqliteSessionDb({ client });
    await work(db);
  } finally {
    client.prepare = prepare;
  }
  return texts
    .filter((text) => !text.includes("sqlite_master") && !text.startsWith("pragma "))
    .map((text) => {
      const values = Array.from(text.matchAll(/\?/g), () => null);
      const rows = prepare(`explain query plan ${text}`).all(...values) as { detail: string }[];
      return { text, steps: rows.map(({ detail }) => detail) };
    });
}

const component = { agent: "agentId", team: "teamId", workflow: "workflowId" } as const;

/** Every kind of condition of a list, alone and together as applications ask for them. */
export const filters: Readonly<Record<string, GetSessionsOptions & UserScope & { page?: never }>> = {
  ...listFilters,
  ...Object.fromEntries(
    (Object.keys(component) as (keyof typeof component)[]).map((sessionType, index) => [
      `${sessionType} component`,
      { sessionType, componentId: `c${index}` },
    ]),
  ),
  component: { componentId: "c1" },
  participant: { participantId: "u1" },
  start: { startTimestamp: 1_700_010_000 },
  end: { endTimestamp: 1_700_020_000 },
  "start and end": { startTimestamp: 1_700_010_000, endTimestamp: 1_700_020_000 },
  name: { sessionName: "name 9" },
  "user and type": { userId: "u1", sessionType: "team" },
  "user and component": { userId: "u1", sessionType: "team", componentId: "c1" },
  "user and start": { userId: "u1", startTimestamp: 1_700_010_000 },
  "user and participant": { userId: "u1", participantId: "u1" },
  "type and start": { sessionType: "agent", startTimestamp: 1_700_010_000 },
  "rare status": { runStatus: "PAUSED" },
  "rare statuses": { runStatus: ["PAUSED", "ERROR"] },
  "usual status": { runStatus: "COMPLETED" },
  "any status": { runStatus: ["COMPLETED", "PAUSED"] },
  "user and rare status": { userId: "u1", runStatus: "PAUSED" },
  "user and usual status": { userId: "u1", runStatus: "COMPLETED" },
  "type and rare status": { sessionType: "agent", runStatus: "PAUSED" },
  "type and usual status": { sessionType: "agent", runStatus: "COMPLETED" },
  "component and rare status": { sessionType: "agent", componentId: "c0", runStatus: "PAUSED" },
  "component and usual status": { sessionType: "agent", componentId: "c0", runStatus: "COMPLETED" },
  "component and start": { sessionType: "agent", componentId: "c0", startTimestamp: 1_700_010_000 },
};
