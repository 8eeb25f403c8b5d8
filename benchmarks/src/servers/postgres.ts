import { PostgresSessionDb } from "@sessiondb/postgres";
import { embeddedPostgres, installedPostgres, startPostgres } from "../../../scripts/servers/postgres.ts";
import { BarePostgres } from "./bare-postgres.ts";
import { rowOf, runOf, sessionOf } from "../data.ts";
import { measure, type Contest, type Result } from "../measure.ts";

const lengths = [10, 1000, 10_000];

/** Each side has tables of its own on one server. Without a Postgres on this machine there are no results. */
export async function benchmarkPostgres({ repetitions }: { readonly repetitions: number }): Promise<Result[]> {
  const binaries = installedPostgres() ?? embeddedPostgres();
  if (binaries === null) {
    return [];
  }
  const server = await startPostgres({ binaries, durable: true });
  try {
    const bare = new BarePostgres(server.url, "bare");
    await using db = new PostgresSessionDb({ url: server.url, schema: "store" });
    for (const schema of ["bare", "store"]) {
      await using tables = new PostgresSessionDb({ url: server.url, schema });
      await tables.migrate();
      await fill(bare, schema);
    }
    const contests = lengths.flatMap((length): Contest[] => [
      {
        name: `Postgres: upsertRun, ${length} runs before`,
        atMost: 1.15,
        repetitions,
        store: (repetition) =>
          db.upsertRun({ session: sessionOf(`s${length}`), run: runOf(`new ${length} ${repetition}`) }),
        bare: (repetition) => bare.append(`new ${length} ${repetition}`, `s${length}`),
      },
      {
        name: `Postgres: getSession({ runsLimit: 10 }) of ${length} runs`,
        atMost: 1.15,
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

async function fill({ pool }: BarePostgres, schema: string): Promise<void> {
  for (const length of lengths) {
    const sessionId = `s${length}`;
    await pool.query(
      `insert into ${schema}.agno_sessions (session_id, session_type, agent_id, user_id, session_data, created_at, updated_at)
       values ($1, 'agent', 'agent', 'user', $2, 1790000000, 1790000000)`,
      [sessionId, JSON.stringify(sessionOf(sessionId).sessionData)],
    );
    await pool.query(
      `insert into ${schema}.agno_runs (run_id, session_id, run_type, agent_id, user_id, status, run_index, run_data, created_at, updated_at)
       select $1 || ' ' || i, $1, 'agent', 'agent', 'user', 'COMPLETED', i, $2, 1790000000, 1790000000 from generate_series(0, $3 - 1) as n (i)`,
      [sessionId, JSON.stringify(rowOf("filled", sessionId)), length],
    );
  }
  await pool.query(`analyze ${schema}.agno_sessions`);
  await pool.query(`analyze ${schema}.agno_runs`);
}
