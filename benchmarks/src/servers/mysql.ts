import { MySqlSessionDb } from "@sessiondb/mysql";
import { programOf } from "../../../scripts/servers/mysql-databases.ts";
import { startMysql } from "../../../scripts/servers/mysql.ts";
import { BareMysql } from "./bare-mysql.ts";
import { rowOf, runOf, sessionOf } from "../data.ts";
import { measure, type Contest, type Result } from "../measure.ts";

const lengths = [10, 1000, 10_000];
const names = { mysql: "MySQL", mariadb: "MariaDB" };

/** Each side has a database of its own on one server. Without such a server on this machine there are no results. */
export async function benchmarkMysql(
  flavour: "mysql" | "mariadb",
  { repetitions }: { readonly repetitions: number },
): Promise<Result[]> {
  const program = await programOf(flavour);
  if (program === null) {
    return [];
  }
  const server = await startMysql({ program, durable: true });
  try {
    const urlOf = (database: string): string => Object.assign(new URL(server.url), { pathname: `/${database}` }).href;
    const admin = new BareMysql(server.url);
    for (const database of ["bare", "store"]) {
      await admin.pool.query(`create database ${database}`);
      await using tables = new MySqlSessionDb({ url: urlOf(database) });
      await tables.migrate();
      await fill(admin, database);
    }
    await admin.pool.end();
    const bare = new BareMysql(urlOf("bare"));
    await using db = new MySqlSessionDb({ url: urlOf("store") });
    const contests = lengths.flatMap((length): Contest[] => [
      {
        name: `${names[flavour]}: upsertRun, ${length} runs before`,
        atMost: 1.25,
        repetitions,
        store: (repetition) =>
          db.upsertRun({ session: sessionOf(`s${length}`), run: runOf(`new ${length} ${repetition}`) }),
        bare: (repetition) => bare.append(`new ${length} ${repetition}`, `s${length}`),
      },
      {
        name: `${names[flavour]}: getSession({ runsLimit: 10 }) of ${length} runs`,
        atMost: 1.25,
        repetitions,
        store: () => db.getSession({ sessionId: `s${length}`, runsLimit: 10 }),
        bare: () => bare.read(`s${length}`),
      },
    ]);
    const results = await measure(contests);
    await bare.pool.end();
    return results;
  } finally {
    await server.stop();
  }
}

async function fill({ pool }: BareMysql, database: string): Promise<void> {
  for (const length of lengths) {
    const sessionId = `s${length}`;
    await pool.query(
      `insert into ${database}.agno_sessions (session_id, session_type, agent_id, user_id, session_data, created_at, updated_at)
       values (?, 'agent', 'agent', 'user', ?, 1790000000, 1790000000)`,
      [sessionId, JSON.stringify(sessionOf(sessionId).sessionData)],
    );
    const json = JSON.stringify(rowOf("filled", sessionId));
    for (let start = 0; start < length; start += 500) {
      const rows = Array.from({ length: Math.min(500, length - start) }, (_, index) => {
        const place = start + index;
        const ids = [`${sessionId} ${place}`, sessionId, "agent", "agent", "user"];
        return ids.concat("COMPLETED", String(place), json, "1790000000", "1790000000");
      });
      await pool.query(
        `insert into ${database}.agno_runs (run_id, session_id, run_type, agent_id, user_id, status, run_index, run_data, created_at, updated_at) values ?`,
        [rows],
      );
    }
  }
  await pool.query(`analyze table ${database}.agno_sessions, ${database}.agno_runs`);
}
