import { MySqlSessionDb } from "@sessiondb/mysql";
import { testMemoryTables } from "@sessiondb/testing/memory-tables";
import { expect, test } from "vitest";
import { freshDatabase, freshStore, onEachServer, query } from "./support.ts";

onEachServer((server) => {
  testMemoryTables(
    async () => {
      const url = await freshDatabase(server.url);
      const names = async (sql: string): Promise<string[]> =>
        (await query<{ name: string }>(url, sql)).map(({ name }) => name);
      return {
        open: (options) => new MySqlSessionDb({ url, ...options }),
        query: (sql) => query(url, sql),
        tables: () => names("select table_name as name from information_schema.tables where table_schema = database()"),
        columns: (table) =>
          names(
            `select column_name as name from information_schema.columns where table_schema = database() and table_name = '${table}'`,
          ),
        uniqueIndexes: async (table) => {
          const indexes = await names(
            `select group_concat(column_name order by seq_in_index) as name from information_schema.statistics
             where table_schema = database() and table_name = '${table}' and not non_unique group by index_name`,
          );
          return indexes.map((each) => each.split(","));
        },
      };
    },
    { owners: true },
  );

  test("a table that compares without case keeps users apart", { timeout: 60_000 }, async () => {
    const url = await freshDatabase(server.url, "character set utf8mb4 collate utf8mb4_general_ci");
    await using maker = new MySqlSessionDb({ url });
    for (const statement of await maker.memories.planMigration()) {
      await query(url, statement.replaceAll(/ COLLATE=\w+/g, " COLLATE=utf8mb4_general_ci"));
    }
    await using db = new MySqlSessionDb({ url, autoMigrate: false });
    const { memories } = db;
    await memories.upsertMemory({ memoryId: "a", userId: "ada", memory: "Likes tea" });
    await memories.upsertMemory({ memoryId: "b", userId: "ADA", memory: "Likes tea" });
    expect((await memories.getMemories({ userId: "ada" })).memories.map(({ memoryId }) => memoryId)).toEqual(["a"]);
    expect(await memories.clearMemories({ userId: "ADA" })).toBe(1);
    expect((await memories.getMemories()).memories.map(({ memoryId }) => memoryId)).toEqual(["a"]);
  });

  test("a table without transactions is refused", { timeout: 60_000 }, async () => {
    const url = await freshDatabase(server.url);
    await using db = new MySqlSessionDb({ url });
    for (const statement of await db.memories.planMigration()) {
      await query(url, statement.replaceAll(/, INDEX `\w+` \([^)]*\)/g, "").replace("ENGINE=InnoDB", "ENGINE=MyISAM"));
    }
    await expect(db.memories.upsertMemory({ userId: "ada", memory: "Likes tea" })).rejects.toMatchObject({
      code: "SCHEMA_MISMATCH",
      problems: expect.arrayContaining([expect.objectContaining({ table: "agno_memories", found: "MyISAM" })]),
    });
  });

  test("an input longer than its column is refused before anything is written", { timeout: 60_000 }, async () => {
    await using db = await freshStore(server);
    const { memories } = db;
    const input = "é".repeat(32_768);
    await expect(memories.upsertMemory({ userId: "ada", memory: "Likes tea", input })).rejects.toMatchObject({
      code: "PAYLOAD_TOO_LARGE",
      argument: "memory.input",
    });
    await memories.upsertMemory({ userId: "ada", memory: "Likes tea", input: input.slice(1) });
    expect((await memories.getMemories()).memories).toHaveLength(1);
  });
});
