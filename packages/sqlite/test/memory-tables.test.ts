import { SqliteSessionDb } from "@sessiondb/sqlite";
import { testMemoryTables } from "@sessiondb/testing/memory-tables";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { temporaryFile } from "./support.ts";

function withClient<Result>(file: string, work: (client: Database.Database) => Result): Result {
  const client = new Database(file);
  try {
    return work(client);
  } finally {
    client.close();
  }
}

testMemoryTables(
  async () => {
    const file = temporaryFile();
    const names = (sql: string): string[] =>
      withClient(file, (client) => client.prepare<[], string>(sql).pluck().all());
    return {
      open: (options) => new SqliteSessionDb({ file, ...options }),
      query: async (sql) => withClient(file, (client) => client.exec(sql)),
      tables: async () => names("select name from sqlite_master where type = 'table'"),
      columns: async (table) => names(`select name from pragma_table_info('${table}')`),
      uniqueIndexes: async (table) =>
        names(`select name from pragma_index_list('${table}') where "unique"`).map((index) =>
          names(`select name from pragma_index_info('${index}')`),
        ),
    };
  },
  { owners: false },
);

test("memories in the caller's transaction are undone with it", async () => {
  const file = temporaryFile();
  await using db = new SqliteSessionDb({ file });
  await db.memories.upsertMemory({ memoryId: "a", userId: "ada", memory: "Likes tea" });
  const client = new Database(file);
  client.exec("begin immediate");
  const { memories } = db.withTransaction(client);
  await memories?.upsertMemory({ userId: "ada", memory: "Likes coffee" });
  await memories?.deleteMemory({ memoryId: "a", userId: "ada" });
  expect((await memories?.getMemories())?.memories.map(({ memory }) => memory)).toEqual(["Likes coffee"]);
  client.exec("rollback");
  client.close();
  expect((await db.memories.getMemories()).memories.map(({ memory }) => memory)).toEqual(["Likes tea"]);
});

test("memories in a file that is only read are read", async () => {
  const file = temporaryFile();
  await using db = new SqliteSessionDb({ file });
  await db.memories.upsertMemory({ userId: "ada", memory: "Likes tea" });
  await using reader = new SqliteSessionDb({ file, readonly: true });
  expect((await reader.memories.getMemories({ text: "TEA" })).memories).toHaveLength(1);
  await expect(reader.memories.clearMemories({ userId: "ada" })).rejects.toMatchObject({ code: "DATABASE_READ_ONLY" });
});
