// The tables as Agno itself creates them on Postgres, column for column and index for index.

const sessionColumns = `session_id VARCHAR NOT NULL, session_type VARCHAR NOT NULL, agent_id VARCHAR, team_id VARCHAR,
  workflow_id VARCHAR, user_id VARCHAR, session_data JSONB, agent_data JSONB, team_data JSONB, workflow_data JSONB,
  metadata JSONB`;
const times = "created_at BIGINT NOT NULL, updated_at BIGINT";

/** What Agno 2.9 creates: the runs are a column. */
export function agno2Table(schema: string): string[] {
  return [
    `create schema ${schema}`,
    `create table ${schema}.agno_sessions (${sessionColumns}, runs JSONB, summary JSONB, ${times}, PRIMARY KEY (session_id))`,
    `create index idx_agno_sessions_session_type on ${schema}.agno_sessions (session_type)`,
    `create index idx_agno_sessions_created_at on ${schema}.agno_sessions (created_at)`,
  ];
}

const runIndexes = ["run_type", "session_id", "agent_id", "team_id", "workflow_id", "user_id", "status", "created_at"];

/** What Agno 3 creates. */
export function agno3Tables(schema: string): string[] {
  return [
    `create schema ${schema}`,
    `create table ${schema}.agno_sessions (${sessionColumns}, summary JSONB, ${times}, PRIMARY KEY (session_id))`,
    `create index idx_agno_sessions_session_type on ${schema}.agno_sessions (session_type)`,
    `create index idx_agno_sessions_created_at on ${schema}.agno_sessions (created_at)`,
    `create table ${schema}.agno_schema_versions (table_name VARCHAR NOT NULL, version VARCHAR NOT NULL,
       created_at VARCHAR NOT NULL, updated_at VARCHAR, PRIMARY KEY (table_name))`,
    `create index idx_agno_schema_versions_created_at on ${schema}.agno_schema_versions (created_at)`,
    `create table ${schema}.agno_runs (run_id VARCHAR NOT NULL, session_id VARCHAR NOT NULL, run_type VARCHAR NOT NULL,
       agent_id VARCHAR, team_id VARCHAR, workflow_id VARCHAR, user_id VARCHAR, parent_run_id VARCHAR, status VARCHAR,
       run_index BIGINT, run_data JSONB NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT, PRIMARY KEY (run_id),
       FOREIGN KEY(session_id) REFERENCES ${schema}.agno_sessions (session_id) ON DELETE CASCADE)`,
    ...runIndexes.map((column) => `create index idx_agno_runs_${column} on ${schema}.agno_runs (${column})`),
    `create index idx_agno_runs_session_id_run_index on ${schema}.agno_runs (session_id, run_index)`,
  ];
}
