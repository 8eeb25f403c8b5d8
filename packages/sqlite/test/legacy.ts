import Database from "better-sqlite3";
import { fixture, query } from "./support.ts";

/** The run ids in the `runs` column of agno-2-agent.db. */
export const columnRunIds = ["5f5d9c26-7105-4371-b0be-b959f980cf10", "81e6736a-62c2-4097-9f81-916950fe988b"] as const;

/** Agno 2 stores a JSON column as a JSON string that holds the document. */
export const agnoText = (value: unknown): string => JSON.stringify(JSON.stringify(value));

export const agnoRun = (runId: string, sessionId: string, content = `Answer of ${runId}`): object => ({
  run_id: runId,
  session_id: sessionId,
  agent_id: "agent-1",
  content,
  content_type: "str",
  created_at: 1_700_000_000,
  status: "COMPLETED",
});

/** A file as Agno 2 leaves it, with these run ids in the column of each session. */
export function agno2File(sessions: Readonly<Record<string, readonly string[]>>, content?: string): string {
  const file = fixture("agno-2-agent");
  const client = new Database(file);
  client.exec("delete from agno_sessions");
  const insert = client.prepare(
    "insert into agno_sessions (session_id, session_type, agent_id, session_data, runs, created_at) values (?, 'agent', 'agent-1', ?, ?, 1700000000)",
  );
  for (const [sessionId, runIds] of Object.entries(sessions)) {
    insert.run(sessionId, agnoText({}), agnoText(runIds.map((runId) => agnoRun(runId, sessionId, content))));
  }
  client.close();
  return file;
}

/** The `runs` column of every session, as it is stored. */
export function runsColumn(file: string): Record<string, string> {
  const rows = query<{ session_id: string; runs: string }>(file, "select session_id, runs from agno_sessions");
  return Object.fromEntries(rows.map((row) => [row.session_id, row.runs]));
}

/** The run rows of a session as `id@index`, in order. */
export function runRows(file: string, sessionId: string): string[] {
  return query<{ place: string }>(
    file,
    "select run_id || '@' || run_index as place from agno_runs where session_id = ? order by run_index, created_at, run_id",
    sessionId,
  ).map(({ place }) => place);
}
