import { randomUUID } from "node:crypto";
import { sameFact } from "@sessiondb/core/adapter";
import type { Pool, PoolConnection, ResultSetHeader, RowDataPacket } from "mysql2/promise";
import { parseText } from "./bare.ts";
import { memoryColumns, memoryOf, now, type BareMemories } from "./bare-memories.ts";

const changed = (order: string, condition: string): string =>
  `(select memory_id as id, ${order} as at from agno_memories where user_id = ? and ${condition}
    order by ${order} desc, memory_id desc limit 51)`;
// MariaDB has no index on an expression: memories that were never changed are a list of their own.
const list = `select ${memoryColumns} from (
    select id, at from (${changed("updated_at", "updated_at is not null")} union all
      ${changed("created_at", "updated_at is null")}) as listed
    order by at desc, id desc limit 51
  ) as page join agno_memories on memory_id = id order by at desc, id desc`;
const lockUser =
  "insert into agno_memories_owners (user_id) values (?) on duplicate key update user_id = agno_memories_owners.user_id";

/** The work by hand on mysql2, on MySQL and MariaDB alike. */
export class BareMemoriesOfMysql implements BareMemories {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  add(userId: string, memory: string): Promise<void> {
    return this.#transaction(async (on) => {
      await on.execute(lockUser, [userId]);
      const facts = await rowsOf(on, "select memory_id, memory from agno_memories where user_id = ?", [userId]);
      const fact = sameFact(memory);
      if (!facts.some(([, stored]) => sameFact(String(parseText(stored))) === fact)) {
        await on.execute(
          `insert into agno_memories (${memoryColumns}) values (?, ?, null, null, null, null, ?, 'null', ?, ?)`,
          [randomUUID(), JSON.stringify(memory), userId, now(), now()],
        );
      }
    });
  }

  change(userId: string, memoryId: string, topics: readonly string[]): Promise<void> {
    return this.#transaction(async (on) => {
      await on.execute(lockUser, [userId]);
      const lock = `select ${memoryColumns} from agno_memories where memory_id = ? and user_id = ? for update`;
      const [row] = await rowsOf(on, lock, [memoryId, userId]);
      const update =
        "update agno_memories set topics = ?, updated_at = greatest(updated_at, ?) where memory_id = ? and user_id = ?";
      const values = [JSON.stringify(topics), now(), memoryId, userId];
      const [{ affectedRows }] =
        row === undefined ? [{ affectedRows: 0 }] : await on.execute<ResultSetHeader>(update, values);
      if (affectedRows !== 1) {
        throw new Error("The memory is not this user's");
      }
    });
  }

  async get(userId: string, memoryId: string): Promise<unknown> {
    const text = `select ${memoryColumns} from agno_memories where memory_id = ? and user_id = ?`;
    const [row] = await rowsOf(this.#pool, text, [memoryId, userId]);
    return row && memoryOf(row, parseText);
  }

  async list(userId: string): Promise<unknown> {
    return (await rowsOf(this.#pool, list, [userId, userId])).map((row) => memoryOf(row, parseText));
  }

  async #transaction(work: (on: PoolConnection) => Promise<void>): Promise<void> {
    const connection = await this.#pool.getConnection();
    try {
      await connection.beginTransaction();
      await work(connection);
      await connection.commit();
    } finally {
      connection.release();
    }
  }
}

async function rowsOf(on: Pool | PoolConnection, sql: string, values: string[]): Promise<unknown[][]> {
  const [rows] = await on.execute<RowDataPacket[][]>({ sql, values, rowsAsArray: true });
  return rows;
}
