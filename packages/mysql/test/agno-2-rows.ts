import type { LegacyRow } from "@sessiondb/conformance";
import { freshDatabase, withConnection, type TestedServer } from "./support.ts";

const id = "varchar(128)";

/** `agno_sessions` as Agno 2 creates it: with runs in it, and with the server's default collation. */
export const agno2Sessions = `create table agno_sessions (
  session_id ${id} not null, session_type varchar(20) not null, agent_id ${id}, team_id ${id}, workflow_id ${id},
  user_id ${id}, session_data json, agent_data json, team_data json, workflow_data json, metadata json, runs json,
  summary json, created_at bigint not null, updated_at bigint, primary key (session_id));
create index idx_agno_sessions_session_type on agno_sessions (session_type);
create index idx_agno_sessions_created_at on agno_sessions (created_at)`;

const jsonColumns = ["session_data", "agent_data", "team_data", "workflow_data", "metadata", "runs", "summary"];

/** The URL of a database as Agno 2 leaves it, with these rows. */
export async function agno2DatabaseOf(server: TestedServer, rows: readonly LegacyRow[]): Promise<string> {
  const url = await freshDatabase(server.url);
  await withConnection(url, async (connection) => {
    await connection.query(agno2Sessions);
    for (const row of rows) {
      const names = Object.keys(row);
      const values = Object.entries(row).map(([name, value]) =>
        jsonColumns.includes(name) && value !== null ? JSON.stringify(value) : value,
      );
      const marks = names.map(() => "?").join();
      await connection.query(`insert into agno_sessions (${names.join()}) values (${marks})`, values);
    }
  });
  return url;
}
