import pg from "pg";
import { readStatement, sessionColumns, sessionOf, sessionWithRuns, type Bare } from "./bare.ts";
import { rowOf } from "./data.ts";

/**
 * The work by hand on pg: one statement each, named, so that the server plans it once for each connection. The driver
 * parses JSON with `JSON.parse`.
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
        where session_id = $2 and session_type = 'agent' and user_id = $3 and agent_id is not null
        and not exists (select 1 from ${runs} where run_id = $4 and session_id <> $2) returning 1)
      insert into ${runs} (run_id, session_id, run_type, agent_id, user_id, status, run_index, run_data, created_at, updated_at)
      select $4, $2, 'agent', 'agent', $3, 'COMPLETED', (select coalesce(max(run_index) + 1, 0) from ${runs} where session_id = $2), $5, $1, $1
      from touched on conflict (run_id) do update set status = excluded.status, run_data = excluded.run_data, updated_at = excluded.updated_at
      where ${runs}.session_id = excluded.session_id`;
    this.readStatement = readStatement(sessions, runs, ["$1", "$1"]);
    this.#list = `select ${sessionColumns.join(", ")} from ${sessions} where user_id = $1
      order by created_at desc, session_id collate "C" desc limit 51`;
  }

  async append(runId: string, sessionId: string): Promise<void> {
    const now = Math.floor(Date.now() / 1000);
    const { rowCount } = await this.pool.query({
      name: "append",
      text: this.appendStatement,
      values: [now, sessionId, "user", runId, JSON.stringify(rowOf(runId, sessionId))],
    });
    if (rowCount !== 1) {
      throw new Error(`The turn was not stored in ${sessionId}`);
    }
  }

  async read(sessionId: string): Promise<unknown> {
    return sessionWithRuns(await this.#rows("read", this.readStatement, sessionId), parsed);
  }

  async list(userId: string): Promise<unknown> {
    return (await this.#rows("list", this.#list, userId)).map((row) => sessionOf(row, parsed));
  }

  async #rows(name: string, text: string, value: string): Promise<unknown[][]> {
    return (await this.pool.query<unknown[]>({ name, text, values: [value], rowMode: "array" })).rows;
  }
}

const parsed = (value: unknown): unknown => value;
