import Database from "better-sqlite3";
import { isHistory, parseText, sessionColumns, sessionOf, type Bare } from "./bare.ts";
import { rowOf } from "./data.ts";

/** Opens a file whose commits survive a power cut. */
export function openSqlite(file: string): Database.Database {
  const client = new Database(file);
  client.pragma("journal_mode = wal");
  client.pragma("synchronous = full");
  client.pragma("foreign_keys = on");
  return client;
}

/** The work by hand on better-sqlite3: prepared statements, each turn and each read in a transaction. */
export class BareSqlite implements Bare {
  readonly client: Database.Database;
  readonly append: (runId: string, sessionId: string) => void;
  readonly read: (sessionId: string) => unknown;
  readonly #list: Database.Statement<[string], unknown[]>;

  constructor(file: string) {
    this.client = openSqlite(file);
    const touch = this.client.prepare(
      `update agno_sessions set updated_at = max(updated_at, ?)
       where session_id = ? and session_type = 'agent' and user_id = ? and agent_id is not null`,
    );
    const insert = this.client.prepare(
      `insert into agno_runs (run_id, session_id, run_type, agent_id, user_id, status, run_index, run_data, created_at, updated_at)
       values (?, ?, 'agent', 'agent', ?, 'COMPLETED', (select coalesce(max(run_index) + 1, 0) from agno_runs where session_id = ?), ?, ?, ?)
       on conflict (run_id) do update set status = excluded.status, run_data = excluded.run_data, updated_at = excluded.updated_at
       where session_id = excluded.session_id`,
    );
    const append = this.client.transaction((runId: string, sessionId: string) => {
      const now = Math.floor(Date.now() / 1000);
      const data = JSON.stringify(rowOf(runId, sessionId));
      const isStored =
        touch.run(now, sessionId, "user").changes === 1 &&
        insert.run(runId, sessionId, "user", sessionId, data, now, now).changes === 1;
      if (!isStored) {
        throw new Error(`The turn was not stored in ${sessionId}`);
      }
    });
    this.append = (runId, sessionId) => append.immediate(runId, sessionId);
    const columns = sessionColumns.join(", ");
    const session = this.client
      .prepare<[string], unknown[]>(`select ${columns} from agno_sessions where session_id = ?`)
      .raw();
    const runs = this.client
      .prepare<[string], string>(
        `select run_data from agno_runs where session_id = ? and run_index is not null and ${isHistory}
         order by run_index desc limit 10`,
      )
      .pluck();
    this.read = this.client.transaction((sessionId: string) => {
      const row = session.get(sessionId);
      return row && { ...sessionOf(row, parseText), runs: runs.all(sessionId).map(parseText).toReversed() };
    });
    this.#list = this.client
      .prepare<[string], unknown[]>(
        `select ${columns} from agno_sessions where user_id = ? order by created_at desc, session_id desc limit 51`,
      )
      .raw();
  }

  list(userId: string): unknown {
    return this.#list.all(userId).map((row) => sessionOf(row, parseText));
  }
}
