import pg from "pg";
import { rowOf } from "./data.ts";
import type { Bare } from "./turns.ts";

/**
 * The same work by hand on pg: one statement each, on a pool, without names, as behind a pooler. The turn takes its place
 * with the same guards: the session is the owner's, and a run that is stored is replaced.
 */
export class BarePostgres implements Bare {
  readonly pool: pg.Pool;
  readonly appendStatement: string;
  readonly readStatement: string;
  readonly #list: string;

  constructor(url: string, schema: string) {
    this.pool = new pg.Pool({ connectionString: url, max: 32 });
    const [sessions, runs] = [`${schema}.agno_sessions`, `${schema}.agno_runs`];
    this.appendStatement = `with touched as (update ${sessions} set updated_at = greatest(updated_at, $1)
        where session_id = $2 and session_type = 'agent' and user_id = $3
        and not exists (select 1 from ${runs} where run_id = $4 and session_id <> $2) returning 1)
      insert into ${runs} (run_id, session_id, run_type, agent_id, user_id, status, run_index, run_data, created_at, updated_at)
      select $4, $2, 'agent', 'agent', $3, 'COMPLETED', (select coalesce(max(run_index) + 1, 0) from ${runs} where session_id = $2), $5, $1, $1
      from touched on conflict (run_id) do update set status = excluded.status, run_data = excluded.run_data, updated_at = excluded.updated_at
      where ${runs}.session_id = excluded.session_id`;
    this.readStatement = `select s.*, r.runs from ${sessions} s, lateral (select json_agg(n.run_data order by n.run_index) as runs from (
        select run_data, run_index from ${runs} where session_id = s.session_id and parent_run_id is null
        and (status is null or status not in ('PAUSED', 'CANCELLED', 'ERROR', 'REGENERATED')) order by run_index desc limit 10) n) r
      where s.session_id = $1`;
    this.#list = `select * from ${sessions} where user_id = $1 order by created_at desc, session_id collate "C" desc limit 51`;
  }

  append(runId: string, sessionId: string): Promise<unknown> {
    const now = Math.floor(Date.now() / 1000);
    return this.pool.query(this.appendStatement, [
      now,
      sessionId,
      "user",
      runId,
      JSON.stringify(rowOf(runId, sessionId)),
    ]);
  }

  async read(sessionId: string): Promise<unknown> {
    return (await this.pool.query<Record<string, unknown>>(this.readStatement, [sessionId])).rows[0];
  }

  async list(userId: string): Promise<unknown> {
    return (await this.pool.query(this.#list, [userId])).rows;
  }
}
