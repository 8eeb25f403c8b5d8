import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { BareSqlite } from "./bare-sqlite.ts";
import { rowOf, sessionOf } from "./data.ts";
import { measure, type Contest, type Result } from "./measure.ts";
import { listing, sessionsOfUser, sessionsToAppend, turns } from "./turns.ts";

export interface SqliteBenchmarkOptions {
  readonly repetitions: number;
  /** How many sessions the list is taken from. */
  readonly listed: number;
}

/** A file with sessions of each length, and many short ones to list; made once, then copied for either side. */
async function makeFile(file: string, { repetitions, listed }: SqliteBenchmarkOptions): Promise<void> {
  await using db = new SqliteSessionDb({ file, synchronous: "normal" });
  await db.migrate();
  const { client } = new BareSqlite(file);
  const session = client.prepare(
    "insert into agno_sessions (session_id, session_type, agent_id, user_id, session_data, created_at, updated_at) values (?, 'agent', 'agent', ?, ?, ?, ?)",
  );
  const run = client.prepare(
    "insert into agno_runs (run_id, session_id, run_type, agent_id, user_id, status, run_index, run_data, created_at, updated_at) values (?, ?, 'agent', 'agent', 'user', 'COMPLETED', ?, ?, 1790000000, 1790000000)",
  );
  const fill = client.transaction(() => {
    for (let index = 0; index < listed; index += 1) {
      const data = JSON.stringify(sessionOf(`listed ${index}`).sessionData);
      const time = 1_780_000_000 + index;
      session.run(`listed ${index}`, `user ${index % (listed / sessionsOfUser)}`, data, time, time);
    }
    for (const [sessionId, length] of sessionsToAppend(repetitions)) {
      session.run(sessionId, "user", JSON.stringify(sessionOf(sessionId).sessionData), 1_790_000_000, 1_790_000_000);
      for (let index = 0; index < length; index += 1) {
        const runId = `${sessionId} ${index}`;
        run.run(runId, sessionId, index, JSON.stringify(rowOf(runId, sessionId)));
      }
    }
  });
  fill();
  client.close();
}

export async function benchmarkSqlite(options: SqliteBenchmarkOptions): Promise<Result[]> {
  const folder = mkdtempSync(join(tmpdir(), "sessiondb-bench-"));
  const files = { store: join(folder, "store.db"), bare: join(folder, "bare.db") };
  try {
    await makeFile(files.store, options);
    copyFileSync(files.store, files.bare);
    await using db = new SqliteSessionDb({ file: files.store });
    const bare = new BareSqlite(files.bare);
    const results = [
      ...(await measure(turns({ store: db, bare, ...options }))),
      ...(await measure([listing({ store: db, bare, ...options }), opening(files, options.repetitions)])),
    ];
    bare.client.close();
    return results;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function opening(files: { store: string; bare: string }, repetitions: number): Contest {
  return {
    name: "open, read one session, close",
    atMost: 1.5,
    repetitions,
    store: async () => {
      await using db = new SqliteSessionDb({ file: files.store });
      await db.getSession({ sessionId: "1000 0", runsLimit: 10 });
    },
    bare: () => {
      const opened = new BareSqlite(files.bare);
      opened.read("1000 0");
      opened.client.close();
    },
  };
}
