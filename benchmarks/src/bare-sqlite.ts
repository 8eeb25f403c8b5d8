import Database from "better-sqlite3";
import { rowOf } from "./data.ts";

interface SessionColumns {
  session_data: string | null;
  agent_data: string | null;
  team_data: string | null;
  workflow_data: string | null;
  metadata: string | null;
  summary: string | null;
  created_at: number;
}

interface RunColumns {
  run_data: string;
}

/** The store's work, hand-written: what a careful user of better-sqlite3 would have in production. */
export class BareSqlite {
  readonly client: Database.Database;
  readonly #append: (runId: string, sessionId: string) => void;
  readonly #read: (sessionId: string) => unknown;
  readonly #list: Database.Statement<[string], SessionColumns>;

  constructor(file: string) {
    this.client = new Database(file);
    this.client.pragma("journal_mode = wal");
    this.client.pragma("synchronous = full");
    this.client.pragma("foreign_keys = on");
    const touch = this.client.prepare(
      "update agno_sessions set updated_at = ? where session_id = ? and session_type = 'agent' and user_id = ?",
    );
    const insert = this.client.prepare(
      `insert into agno_runs (run_id, session_id, run_type, agent_id, user_id, status, run_index, run_data, created_at, updated_at)
       values (?, ?, 'agent', 'agent', 'user', ?, (select coalesce(max(run_index) + 1, 0) from agno_runs where session_id = ?), ?, ?, ?)
       on conflict (run_id) do update set status = excluded.status, run_data = excluded.run_data, updated_at = excluded.updated_at
       where session_id = excluded.session_id`,
    );
    const append = this.client.transaction((runId: string, sessionId: string) => {
      const now = Math.floor(Date.now() / 1000);
      touch.run(now, sessionId, "user");
      insert.run(runId, sessionId, "COMPLETED", sessionId, JSON.stringify(rowOf(runId, sessionId)), now, now);
    });
    this.#append = (runId, sessionId) => append.immediate(runId, sessionId);
    const session = this.client.prepare<[string], SessionColumns>("select * from agno_sessions where session_id = ?");
    const runs = this.client.prepare<[string], RunColumns>(
      `select run_id, session_id, run_type, user_id, parent_run_id, status, run_index, run_data, created_at
       from agno_runs where session_id = ? and run_index is not null and parent_run_id is null
       and (status is null or status not in ('PAUSED', 'CANCELLED', 'ERROR', 'REGENERATED'))
       order by run_index desc, created_at desc, run_id desc limit 10`,
    );
    this.#read = this.client.transaction((sessionId: string) => {
      const row = session.get(sessionId);
      return row && { session: parsed(row), runs: runs.all(sessionId).map(parsedRun).toReversed() };
    });
    this.#list = this.client.prepare(
      "select * from agno_sessions where user_id = ? order by created_at desc, session_id desc limit 51",
    );
  }

  append(runId: string, sessionId: string): void {
    this.#append(runId, sessionId);
  }

  read(sessionId: string): unknown {
    return this.#read(sessionId);
  }

  list(userId: string): unknown {
    return this.#list.all(userId).map(parsed);
  }
}

function parsed(row: SessionColumns): unknown {
  return {
    ...row,
    session_data: json(row.session_data),
    agent_data: json(row.agent_data),
    team_data: json(row.team_data),
    workflow_data: json(row.workflow_data),
    metadata: json(row.metadata),
    summary: json(row.summary),
  };
}

function parsedRun(row: RunColumns): unknown {
  return { ...row, run_data: json(row.run_data) };
}

function json(text: string | null): unknown {
  return text === null ? null : JSON.parse(text);
}
