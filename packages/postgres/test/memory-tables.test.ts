import { testMemoryTables } from "@sessiondb/testing/memory-tables";
import { describe, expect, inject, test } from "vitest";
import { Sandbox } from "./support.ts";

describe.skipIf(inject("postgres") === null)("the tables of memories", () => {
  const sandbox = new Sandbox("postgres");

  testMemoryTables(
    async () => {
      const schema = sandbox.schema();
      await sandbox.query(`create schema ${schema}`);
      const names = async (sql: string): Promise<string[]> =>
        (await sandbox.query(sql)).map(({ name }) => String(name));
      return {
        open: (options) => sandbox.opener({ schema, ...options })(),
        query: (sql) => sandbox.query(`set search_path = ${schema}`, sql),
        tables: () => names(`select tablename as name from pg_tables where schemaname = '${schema}'`),
        columns: (table) =>
          names(
            `select column_name as name from information_schema.columns where table_schema = '${schema}' and table_name = '${table}'`,
          ),
        uniqueIndexes: async (table) => {
          const indexes = await names(
            `select pg_get_indexdef(indexrelid) as name from pg_index where indrelid = '${schema}.${table}'::regclass and indisunique`,
          );
          return indexes.map((definition) => [/\((.*)\)/.exec(definition)?.[1] ?? ""]);
        },
      };
    },
    { owners: true },
  );

  test("memories in the caller's transaction are undone with it", async () => {
    await using db = sandbox.open();
    await db.memories.upsertMemory({ memoryId: "a", userId: "ada", memory: "Likes tea" });
    const client = await sandbox.connect();
    await client.query("begin");
    const { memories } = db.withTransaction(client);
    await memories?.upsertMemory({ userId: "bob", memory: "Likes coffee" });
    await expect(memories?.upsertMemory({ memoryId: "a", userId: "bob", memory: "x" })).rejects.toMatchObject({
      code: "MEMORY_OWNERSHIP",
    });
    await memories?.deleteMemory({ memoryId: "a", userId: "ada" });
    expect((await memories?.getMemories())?.memories.map(({ memory }) => memory)).toEqual(["Likes coffee"]);
    await client.query("rollback");
    await client.end();
    expect((await db.memories.getMemories()).memories.map(({ memory }) => memory)).toEqual(["Likes tea"]);
  });
});
