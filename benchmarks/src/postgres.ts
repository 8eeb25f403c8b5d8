import { PostgresSessionDb } from "@sessiondb/postgres";
import { BarePostgres } from "./bare-postgres.ts";
import { rowOf, sessionOf } from "./data.ts";
import { measure, type Result } from "./measure.ts";
import { startServer } from "./server.ts";
import { measureThroughput, type Throughput } from "./throughput.ts";
import { lengths, listing, sessionsOfUser, shortSessions, turns } from "./turns.ts";

export interface ServerBenchmarkOptions {
  readonly repetitions: number;
  /** How many sessions the list is taken from. */
  readonly listed: number;
  /** Seconds for each side of a round of conversations. */
  readonly seconds: number;
}

export interface ServerResults {
  readonly results: Result[];
  readonly throughput?: Throughput | null;
}

/** For a turn either side has tables of its own on one server. Without a Postgres there are no results. */
export async function benchmarkPostgres(options: ServerBenchmarkOptions): Promise<ServerResults | null> {
  const server = await startServer("postgres");
  if (server === null) {
    return null;
  }
  const { url } = server;
  const bare = new BarePostgres(url, "bare");
  try {
    for (const schema of ["bare", "store", "listed"]) {
      await makeTables(bare, { url, schema, fill: () => fill(bare, schema, options) });
    }
    await using store = new PostgresSessionDb({ url, schema: "store", poolSize: 32 });
    await using listed = new PostgresSessionDb({ url, schema: "listed" });
    const bareListed = new BarePostgres(url, "listed");
    const results = [
      ...(await measure(turns({ store, bare, ...options }))),
      ...(await measure([listing({ store: listed, bare: bareListed, ...options })])),
    ];
    await bareListed.pool.end();
    const throughput = await measureThroughput({ server, store, bare, seconds: options.seconds });
    return { results, throughput };
  } finally {
    await bare.pool.end();
    await server.stop();
  }
}

interface NewTables {
  readonly url: string;
  readonly schema: string;
  readonly fill: () => Promise<void>;
}

/** Indexes are made last, when they are quicker to make. */
async function makeTables({ pool }: BarePostgres, { url, schema, fill: fillTables }: NewTables): Promise<void> {
  await using db = new PostgresSessionDb({ url, schema, autoMigrate: false });
  for (const statement of await db.planMigration()) {
    if (!statement.startsWith("CREATE INDEX")) {
      await pool.query(statement);
    }
  }
  await fillTables();
  await db.migrate();
  await pool.query(`vacuum (analyze) ${schema}.agno_sessions`);
  await pool.query(`vacuum (analyze) ${schema}.agno_runs`);
}

async function fill({ pool }: BarePostgres, schema: string, options: ServerBenchmarkOptions): Promise<void> {
  const data = JSON.stringify(sessionOf("filled").sessionData);
  if (schema === "listed") {
    await pool.query(
      `insert into listed.agno_sessions (session_id, session_type, agent_id, user_id, session_data, created_at, updated_at)
       select 'listed ' || i, 'agent', 'agent', 'user ' || i % $1, $2, 1780000000 + i, 1780000000 + i from generate_series(0, $3 - 1) as n (i)`,
      [options.listed / sessionsOfUser, data, options.listed],
    );
    return;
  }
  for (const length of lengths) {
    const sessions = length === 10 ? shortSessions(options.repetitions) : 1;
    await pool.query(
      `insert into ${schema}.agno_sessions (session_id, session_type, agent_id, user_id, session_data, created_at, updated_at)
       select $1 || ' ' || i, 'agent', 'agent', 'user', $2, 1790000000, 1790000000 from generate_series(0, $3 - 1) as n (i)`,
      [length, data, sessions],
    );
    await pool.query(
      `insert into ${schema}.agno_runs (run_id, session_id, run_type, agent_id, user_id, status, run_index, run_data, created_at, updated_at)
       select $1 || ' ' || s || ' ' || i, $1 || ' ' || s, 'agent', 'agent', 'user', 'COMPLETED', i, $2, 1790000000, 1790000000
       from generate_series(0, $3 - 1) as n (s), generate_series(0, $4 - 1) as m (i)`,
      [String(length), JSON.stringify(rowOf("filled", "filled")), sessions, length],
    );
  }
}
