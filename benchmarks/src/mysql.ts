import { MySqlSessionDb } from "@sessiondb/mysql";
import { BareMysql } from "./bare-mysql.ts";
import { rowOf, sessionOf } from "./data.ts";
import { measure } from "./measure.ts";
import type { ServerBenchmarkOptions, ServerResults } from "./postgres.ts";
import { startServer } from "./server.ts";
import { lengths, listing, sessionsOfUser, shortSessions, turns } from "./turns.ts";

/** 0 to 99,999, as a table with a column `i`. */
function numbers(name: string): string {
  const digits =
    "select 0 as d union all select 1 union all select 2 union all select 3 union all select 4 union all select 5 union all select 6 union all select 7 union all select 8 union all select 9";
  const tables = ["a", "b", "c", "d", "e"];
  const value = tables.map((table, place) => `${table}.d * ${10 ** place}`).join(" + ");
  return `(select ${value} as i from ${tables.map((table) => `(${digits}) as ${table}`).join(", ")}) as ${name}`;
}

/** For a turn either side has a database of its own on one server. Without such a server there are no results. */
export async function benchmarkMysql(
  flavour: "mysql" | "mariadb",
  options: ServerBenchmarkOptions,
): Promise<ServerResults | null> {
  const server = await startServer(flavour);
  if (server === null) {
    return null;
  }
  const urlOf = (database: string): string => Object.assign(new URL(server.url), { pathname: `/${database}` }).href;
  const opened = new Map<string, BareMysql>();
  try {
    for (const database of ["bare", "store", "listed"]) {
      const bare = new BareMysql(urlOf(database));
      opened.set(database, bare);
      await using tables = new MySqlSessionDb({ url: server.url, database });
      await tables.migrate();
      await fill(bare, database, options);
      await bare.pool.query("analyze table agno_sessions, agno_runs");
    }
    const [bare, bareListed] = [opened.get("bare"), opened.get("listed")] as [BareMysql, BareMysql];
    await using store = new MySqlSessionDb({ url: urlOf("store") });
    await using listed = new MySqlSessionDb({ url: urlOf("listed") });
    const results = [
      ...(await measure(turns({ store, bare, ...options }))),
      ...(await measure([listing({ store: listed, bare: bareListed, ...options })])),
    ];
    return { results };
  } finally {
    await Promise.all([...opened.values()].map(({ pool }) => pool.end()));
    await server.stop();
  }
}

async function fill({ pool }: BareMysql, database: string, options: ServerBenchmarkOptions): Promise<void> {
  const data = JSON.stringify(sessionOf("filled").sessionData);
  const columns = "session_id, session_type, agent_id, user_id, session_data, created_at, updated_at";
  const batch = 50_000;
  if (database === "listed") {
    for (let start = 0; start < options.listed; start += batch) {
      await pool.query(
        `insert into agno_sessions (${columns})
         select concat('listed ', lpad(i + ?, 7, '0')), 'agent', 'agent', concat('user ', (i + ?) % ?), ?, 1780000000 + i + ?, 1780000000 + i + ? from ${numbers("n")} where i < ?`,
        [start, start, options.listed / sessionsOfUser, data, start, start, Math.min(batch, options.listed - start)],
      );
    }
    return;
  }
  for (const length of lengths) {
    const sessions = length === 10 ? shortSessions(options.repetitions) : 1;
    await pool.query(
      `insert into agno_sessions (${columns}) select concat(?, ' ', i), 'agent', 'agent', 'user', ?, 1790000000, 1790000000 from ${numbers("n")} where i < ?`,
      [length, data, sessions],
    );
    await pool.query(
      `insert into agno_runs (run_id, session_id, run_type, agent_id, user_id, status, run_index, run_data, created_at, updated_at)
       select concat(?, ' ', s.i, ' ', r.i), concat(?, ' ', s.i), 'agent', 'agent', 'user', 'COMPLETED', r.i, ?, 1790000000, 1790000000
       from ${numbers("s")} join ${numbers("r")} where s.i < ? and r.i < ?`,
      [length, length, JSON.stringify(rowOf("filled", "filled")), sessions, length],
    );
  }
}
