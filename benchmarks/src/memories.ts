import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MemoryDb } from "@sessiondb/core";
import { MySqlSessionDb } from "@sessiondb/mysql";
import { PostgresSessionDb } from "@sessiondb/postgres";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { createPool } from "mysql2/promise";
import pg from "pg";
import { BareMemoriesOfMysql } from "./bare-memories-mysql.ts";
import { BareMemoriesOfPostgres, BareMemoriesOfSqlite, type BareMemories } from "./bare-memories.ts";
import { openSqlite } from "./bare-sqlite.ts";
import { titles } from "./database-names.ts";
import { measure, warmups, type Contest, type Result } from "./measure.ts";
import { batch, numbers } from "./mysql-ground.ts";
import { startServer } from "./server.ts";

/** How much slower than the work by hand the store may be. */
const aim = 1.3;
/** The memories of each user. */
const each = 100;

export interface MemoriesOptions {
  readonly repetitions: number;
  /** How many memories there are, of a hundredth as many users. */
  readonly listed: number;
}

export interface MemoriesResult {
  readonly database: string;
  readonly results: readonly Result[];
}

/** Measures memories in databases of a million each. */
export async function benchmarkMemories(options: MemoriesOptions): Promise<MemoriesResult[]> {
  const measured = [
    await onSqlite(options),
    await onPostgres(options),
    await onMysql(options, "mysql"),
    await onMysql(options, "mariadb"),
  ];
  return measured.flatMap((result) => result ?? []);
}

async function onSqlite({ repetitions, listed }: MemoriesOptions): Promise<MemoriesResult> {
  const folder = mkdtempSync(join(tmpdir(), "sessiondb-bench-"));
  try {
    const file = join(folder, "memories.db");
    await using db = new SqliteSessionDb({ file });
    await db.memories.migrate();
    const client = openSqlite(file);
    client.exec(`
      with recursive n (i) as (select 0 union all select i + 1 from n where i < ${listed - 1})
      insert into agno_memories (memory_id, memory, topics, user_id, agent_id, created_at, updated_at)
      select 'm' || i, '"The fact with the number ' || i || ' about this user"', '["food", "travel"]',
        'user ' || (i % ${listed / each}), 'agent', 1780000000 + i, 1780000000 + i from n`);
    const results = await measure(contests(db.memories, new BareMemoriesOfSqlite(client), { repetitions, listed }));
    client.close();
    return { database: titles.sqlite, results };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Null where no server can be had. */
async function onPostgres({ repetitions, listed }: MemoriesOptions): Promise<MemoriesResult | null> {
  const server = await startServer("postgres");
  if (server === null) {
    return null;
  }
  const pool = new pg.Pool({ connectionString: server.url, max: 1 });
  try {
    await using db = new PostgresSessionDb({ url: server.url, poolSize: 1 });
    await db.memories.migrate();
    await pool.query(`
      insert into agno_memories (memory_id, memory, topics, user_id, agent_id, created_at, updated_at)
      select 'm' || i, to_jsonb('The fact with the number ' || i || ' about this user'), '["food", "travel"]',
        'user ' || (i % ${listed / each}), 'agent', 1780000000 + i, 1780000000 + i
      from generate_series(0, ${listed - 1}) as n (i)`);
    await pool.query("vacuum (analyze) agno_memories");
    const results = await measure(contests(db.memories, new BareMemoriesOfPostgres(pool), { repetitions, listed }));
    return { database: titles.postgres, results };
  } finally {
    await pool.end();
    await server.stop();
  }
}

/** Null where no server can be had. */
async function onMysql(
  { repetitions, listed }: MemoriesOptions,
  flavour: "mysql" | "mariadb",
): Promise<MemoriesResult | null> {
  const server = await startServer(flavour);
  if (server === null) {
    return null;
  }
  const pool = createPool({ uri: server.url.replace("mariadb:", "mysql:"), jsonStrings: true, connectionLimit: 1 });
  pool.on(
    "connection",
    (connection) => void connection.query("set session transaction isolation level read committed"),
  );
  try {
    await using db = new MySqlSessionDb({ url: server.url, poolSize: 1 });
    await db.memories.migrate();
    for (let start = 0; start < listed; start += batch) {
      await pool.query(
        `insert into agno_memories (memory_id, memory, topics, user_id, agent_id, created_at, updated_at)
         select concat('m', i), concat('"The fact with the number ', i, ' about this user"'), '["food", "travel"]',
           concat('user ', i % ?), 'agent', 1780000000 + i, 1780000000 + i
         from (select i + ? as i from ${numbers("n")} where i < ?) as numbered`,
        [listed / each, start, Math.min(batch, listed - start)],
      );
    }
    await pool.query("analyze table agno_memories");
    const results = await measure(contests(db.memories, new BareMemoriesOfMysql(pool), { repetitions, listed }));
    return { database: titles[flavour], results };
  } finally {
    await pool.end();
    await server.stop();
  }
}

function contests(memories: MemoryDb, bare: BareMemories, { repetitions, listed }: MemoriesOptions): Contest[] {
  const users = listed / each;
  // Each repetition has a user of its own, whose memories nobody has read lately.
  const userAt = (repetition: number, side: 0 | 1): number =>
    ((repetition % (warmups + repetitions)) * 2 + side) % users;
  const user = (repetition: number, side: 0 | 1): string => `user ${userAt(repetition, side)}`;
  const common = { atMost: aim, repetitions };
  return [
    {
      ...common,
      name: `upsertMemory, ${each} memories before`,
      store: (repetition) => memories.upsertMemory({ userId: user(repetition, 0), memory: `New ${repetition}` }),
      bare: (repetition) => bare.add(user(repetition, 1), `New ${repetition}`),
    },
    {
      ...common,
      name: "updateMemory",
      store: (repetition) =>
        memories.updateMemory(
          { memoryId: `m${userAt(repetition, 0)}`, userId: user(repetition, 0) },
          { topics: ["food", `t${repetition}`] },
        ),
      bare: (repetition) => bare.change(user(repetition, 1), `m${userAt(repetition, 1)}`, ["food", `t${repetition}`]),
    },
    {
      ...common,
      name: "getMemory",
      // By hand a row of SQLite takes less than the turn of the event loop that the store gives to others.
      atMost: null,
      store: (repetition) => memories.getMemory({ memoryId: `m${userAt(repetition, 0)}`, userId: user(repetition, 0) }),
      bare: (repetition) => bare.get(user(repetition, 1), `m${userAt(repetition, 1)}`),
    },
    {
      ...common,
      name: "getMemories, 50 of one user",
      store: (repetition) => memories.getMemories({ userId: user(repetition, 0) }),
      bare: (repetition) => bare.list(user(repetition, 1)),
    },
  ];
}
