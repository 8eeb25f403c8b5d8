const id = "varchar(128)";

/** The tables as Agno 3 creates them, with the collation that the server or the database has by default. */
export const agno3Tables = `create table agno_sessions (
  session_id ${id} not null, session_type varchar(20) not null, agent_id ${id}, team_id ${id}, workflow_id ${id},
  user_id ${id}, session_data json, agent_data json, team_data json, workflow_data json, metadata json, summary json,
  created_at bigint not null, updated_at bigint, primary key (session_id));
create index idx_agno_sessions_session_type on agno_sessions (session_type);
create index idx_agno_sessions_created_at on agno_sessions (created_at);
create table agno_schema_versions (
  table_name ${id} not null, version varchar(10) not null, created_at ${id} not null, updated_at ${id},
  primary key (table_name));
create index idx_agno_schema_versions_created_at on agno_schema_versions (created_at);
create table agno_runs (
  run_id ${id} not null, session_id ${id} not null, run_type varchar(20) not null, agent_id ${id}, team_id ${id},
  workflow_id ${id}, user_id ${id}, parent_run_id ${id}, status varchar(50), run_index bigint, run_data json not null,
  created_at bigint not null, updated_at bigint, primary key (run_id),
  foreign key (session_id) references agno_sessions (session_id) on delete cascade);
create index idx_agno_runs_run_type on agno_runs (run_type);
create index idx_agno_runs_session_id on agno_runs (session_id);
create index idx_agno_runs_agent_id on agno_runs (agent_id);
create index idx_agno_runs_team_id on agno_runs (team_id);
create index idx_agno_runs_workflow_id on agno_runs (workflow_id);
create index idx_agno_runs_user_id on agno_runs (user_id);
create index idx_agno_runs_status on agno_runs (status);
create index idx_agno_runs_created_at on agno_runs (created_at);
create index agno_runs_runs_session_id_run_index on agno_runs (session_id, run_index)`;
