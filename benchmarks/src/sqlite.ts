import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { BareSqlite } from "./bare-sqlite.ts";
import { rowOf, runOf, sessionOf } from "./data.ts";
import { measure, type Contest, type Result } from "./measure.ts";

export interface SqliteBenchmarkOptions {
  readonly repetitions: number;
  /** How many sessions the list is taken from. */
  readonly listed: number;
}

const lengths = [10, 1000, 10_000];

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
      // 100 sessions of each user.
      session.run(
        `listed ${index}`,
        `user ${index % Math.ceil(listed / 100)}`,
        data,
        1_780_000_000 + index,
        1_780_000_000 + index,
      );
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

/** Many of length 10, so that each is appended to once; one of each other length. */
function sessionsToAppend(repetitions: number): [sessionId: string, length: number][] {
  const short = Array.from({ length: repetitions + 50 }, (_, index): [string, number] => [`10 ${index}`, 10]);
  return [...short, ["1000 0", 1000], ["10000 0", 10_000]];
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
      ...(await measure(appends(db, bare, options.repetitions))),
      ...(await measure(reads(db, bare, options.repetitions))),
      ...(await measure([listing(db, bare, options), opening(files, options.repetitions)])),
    ];
    bare.client.close();
    return results;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function sessionAt(length: number, repetition: number): string {
  return length === 10 ? `10 ${repetition}` : `${length} 0`;
}

function appends(db: SqliteSessionDb, bare: BareSqlite, repetitions: number): Contest[] {
  return lengths.map((length) => ({
    name: `upsertRun, ${length} runs before`,
    atMost: 1.3,
    repetitions,
    store: (repetition) =>
      db.upsertRun({
        session: sessionOf(sessionAt(length, repetition)),
        run: runOf(`new ${length} ${repetition}`),
      }),
    bare: (repetition) => bare.append(`new ${length} ${repetition}`, sessionAt(length, repetition)),
  }));
}

function reads(db: SqliteSessionDb, bare: BareSqlite, repetitions: number): Contest[] {
  return lengths.map((length) => ({
    name: `getSession({ runsLimit: 10 }) of ${length} runs`,
    atMost: 1.3,
    repetitions: repetitions * 4,
    store: () => db.getSession({ sessionId: sessionAt(length, 0), runsLimit: 10 }),
    bare: () => bare.read(sessionAt(length, 0)),
  }));
}

function listing(db: SqliteSessionDb, bare: BareSqlite, { repetitions, listed }: SqliteBenchmarkOptions): Contest {
  return {
    name: `getSessions, 50 of a user's among ${listed}`,
    atMost: 1.3,
    repetitions: repetitions * 2,
    store: (repetition) => db.getSessions({ userId: `user ${repetition % 100}`, limit: 50 }),
    bare: (repetition) => bare.list(`user ${repetition % 100}`),
  };
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
