import { randomUUID } from "node:crypto";
import { sameFact } from "@sessiondb/core/adapter";
import type Database from "better-sqlite3";
import type pg from "pg";
import { parseText } from "./bare.ts";

/** The store's work on memories by hand, with the same promises: one fact once for each user, and the owner checked. */
export interface BareMemories {
  add(userId: string, memory: string): unknown;
  change(userId: string, memoryId: string, topics: readonly string[]): unknown;
  get(userId: string, memoryId: string): unknown;
  /** 50 memories, and one that tells whether there are more. */
  list(userId: string): unknown;
}

export const memoryColumns =
  "memory_id, memory, feedback, input, agent_id, team_id, user_id, topics, created_at, updated_at";

export function memoryOf(row: readonly unknown[], parse: (stored: unknown) => unknown) {
  const [memoryId, memory, feedback, input, agentId, teamId, userId, topics, createdAt, updatedAt] = row;
  const document = { memory: parse(memory), topics: topics === null ? null : parse(topics) };
  const times = { createdAt: Number(createdAt), updatedAt: Number(updatedAt ?? createdAt) };
  return { memoryId, ...document, feedback, input, agentId, teamId, userId, ...times };
}

export const now = (): number => Math.floor(Date.now() / 1000);

export class BareMemoriesOfSqlite implements BareMemories {
  readonly add: (userId: string, memory: string) => void;
  readonly change: (userId: string, memoryId: string, topics: readonly string[]) => void;
  readonly #get: Database.Statement<[string, string], unknown[]>;
  readonly #list: Database.Statement<[string], unknown[]>;

  constructor(client: Database.Database) {
    const facts = client
      .prepare<[string], [string, string]>("select memory_id, memory from agno_memories where user_id = ?")
      .raw();
    const insert = client.prepare(
      `insert into agno_memories (${memoryColumns}) values (?, ?, null, null, null, null, ?, 'null', ?, ?)`,
    );
    const lock = client
      .prepare<[string], unknown[]>(`select ${memoryColumns} from agno_memories where memory_id = ?`)
      .raw();
    const update = client.prepare(
      "update agno_memories set topics = ?, updated_at = max(updated_at, ?) where memory_id = ? and user_id = ?",
    );
    const add = client.transaction((userId: string, memory: string) => {
      const fact = sameFact(memory);
      if (!facts.all(userId).some(([, stored]) => sameFact(String(parseText(stored))) === fact)) {
        insert.run(randomUUID(), JSON.stringify(memory), userId, now(), now());
      }
    });
    const change = client.transaction((userId: string, memoryId: string, topics: readonly string[]) => {
      const row = lock.get(memoryId);
      if (row === undefined || update.run(JSON.stringify(topics), now(), memoryId, userId).changes !== 1) {
        throw new Error("The memory is not this user's");
      }
      return memoryOf(row, parseText);
    });
    this.add = (userId, memory) => add.immediate(userId, memory);
    this.change = (userId, memoryId, topics) => change.immediate(userId, memoryId, topics);
    this.#get = client
      .prepare<[string, string], unknown[]>(
        `select ${memoryColumns} from agno_memories where memory_id = ? and user_id = ?`,
      )
      .raw();
    this.#list = client
      .prepare<[string], unknown[]>(
        `select ${memoryColumns} from agno_memories where user_id = ?
         order by coalesce(updated_at, created_at) desc, memory_id desc limit 51`,
      )
      .raw();
  }

  get(userId: string, memoryId: string): unknown {
    const row = this.#get.get(memoryId, userId);
    return row && memoryOf(row, parseText);
  }

  list(userId: string): unknown {
    return this.#list.all(userId).map((row) => memoryOf(row, parseText));
  }
}

export class BareMemoriesOfPostgres implements BareMemories {
  readonly #pool: pg.Pool;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  add(userId: string, memory: string): Promise<void> {
    return this.#transaction(async (query) => {
      await this.#lockUser(query, userId);
      const facts = await query("facts", "select memory_id, memory from agno_memories where user_id = $1", [userId]);
      const fact = sameFact(memory);
      if (!facts.some(([, stored]) => sameFact(String(stored)) === fact)) {
        await query(
          "insert",
          `insert into agno_memories (${memoryColumns}) values ($1, $2, null, null, null, null, $3, 'null', $4, $4)`,
          [randomUUID(), JSON.stringify(memory), userId, now()],
        );
      }
    });
  }

  change(userId: string, memoryId: string, topics: readonly string[]): Promise<void> {
    return this.#transaction(async (query) => {
      await this.#lockUser(query, userId);
      const lock = `select ${memoryColumns} from agno_memories where memory_id = $1 and user_id = $2 for no key update`;
      const [row] = await query("lock", lock, [memoryId, userId]);
      if (row === undefined) {
        throw new Error("The memory is not this user's");
      }
      await query(
        "update",
        "update agno_memories set topics = $1, updated_at = greatest(updated_at, $2) where memory_id = $3 and user_id = $4",
        [JSON.stringify(topics), now(), memoryId, userId],
      );
    });
  }

  async get(userId: string, memoryId: string): Promise<unknown> {
    const text = `select ${memoryColumns} from agno_memories where memory_id = $1 and user_id = $2`;
    const { rows } = await this.#pool.query<unknown[]>({
      name: "get",
      text,
      values: [memoryId, userId],
      rowMode: "array",
    });
    return rows[0] && memoryOf(rows[0], (stored) => stored);
  }

  async list(userId: string): Promise<unknown> {
    const text = `select ${memoryColumns} from agno_memories where user_id = $1
      order by coalesce(updated_at, created_at) desc, memory_id collate "C" desc limit 51`;
    const { rows } = await this.#pool.query<unknown[]>({ name: "list", text, values: [userId], rowMode: "array" });
    return rows.map((row) => memoryOf(row, (stored) => stored));
  }

  async #lockUser(query: Query, userId: string): Promise<void> {
    const text = `insert into agno_memories_owners (user_id) values ($1)
      on conflict (user_id) do update set user_id = agno_memories_owners.user_id where false`;
    await query("lock user", text, [userId]);
  }

  async #transaction(work: (query: Query) => Promise<void>): Promise<void> {
    const client = await this.#pool.connect();
    try {
      await client.query("begin isolation level read committed");
      await work(async (name, text, values) => {
        const { rows } = await client.query<unknown[]>({ name, text, values, rowMode: "array" });
        return rows;
      });
      await client.query("commit");
    } finally {
      client.release();
    }
  }
}

type Query = (name: string, text: string, values: unknown[]) => Promise<unknown[][]>;
