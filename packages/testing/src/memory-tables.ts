import { hasManagedTables, type ManagedTables, type MemoryDb, type SessionDb } from "@sessiondb/core";
import { expect, test } from "vitest";

/** One empty database, for the tests of the tables of memories. */
export interface MemoryDatabase {
  readonly open: (options?: { readonly memoryTable?: string; readonly autoMigrate?: boolean }) => SessionDb;
  /** Runs SQL on it. */
  readonly query: (sql: string) => Promise<unknown>;
  /** Returns the names of the tables. */
  readonly tables: () => Promise<readonly string[]>;
  /** Returns the names of a table's columns, in order. */
  readonly columns: (table: string) => Promise<readonly string[]>;
  /** Returns the columns of each unique index of a table. */
  readonly uniqueIndexes: (table: string) => Promise<readonly (readonly string[])[]>;
}

const columns = [
  ["memory_id", "memory", "feedback", "input", "agent_id", "team_id", "user_id", "topics", "created_at", "updated_at"],
].flat();

function memoriesOf(db: SessionDb): MemoryDb & ManagedTables {
  const { memories } = db;
  if (memories === null || !hasManagedTables(memories)) {
    throw new Error("The store keeps no memories in tables");
  }
  return memories;
}

/** The tests of the tables of memories, on one kind of database. `owners`: whether writers lock rows of their own. */
export function testMemoryTables(fresh: () => Promise<MemoryDatabase>, { owners }: { owners: boolean }): void {
  const own = (table: string): string[] => (owners ? [table, `${table}_owners`] : [table]);
  const fact = { userId: "ada", memory: "Likes tea" };

  test("a store that never uses memories makes no table for them", { timeout: 60_000 }, async () => {
    const database = await fresh();
    await using db = database.open();
    await db.upsertSession({ sessionId: "s", sessionType: "agent", agentId: "a" });
    expect(db.forUser("ada").memories).not.toBeNull();
    expect((await database.tables()).filter((name) => name.includes("memories"))).toEqual([]);
  });

  test(
    "the first use makes Agno's table, column for column, and no table of sessions",
    { timeout: 60_000 },
    async () => {
      const database = await fresh();
      await using db = database.open();
      await memoriesOf(db).upsertMemory(fact);
      expect((await database.tables()).toSorted()).toEqual([...own("agno_memories"), "agno_schema_versions"]);
      expect((await database.columns("agno_memories")).toSorted()).toEqual(columns.toSorted());
      expect(await database.uniqueIndexes("agno_memories")).toEqual([["memory_id"]]);
      expect(await memoriesOf(db).verifySchema()).toEqual([]);
      expect(await memoriesOf(db).planMigration()).toEqual([]);
      await db.upsertSession({ sessionId: "s", sessionType: "agent", agentId: "a" });
      expect(await database.tables()).toContain("agno_sessions");
    },
  );

  test("memoryTable names the table, and stores with two of them share nothing", { timeout: 60_000 }, async () => {
    const database = await fresh();
    await using one = database.open({ memoryTable: "facts" });
    await using other = database.open();
    await memoriesOf(one).upsertMemory(fact);
    await memoriesOf(other).upsertMemory({ userId: "ada", memory: "Likes coffee" });
    expect((await memoriesOf(one).getMemories()).memories.map(({ memory }) => memory)).toEqual(["Likes tea"]);
    expect(await database.tables()).toEqual(expect.arrayContaining([...own("facts"), ...own("agno_memories")]));
  });

  test("without autoMigrate memories need migrate(), whose statements can be had", { timeout: 60_000 }, async () => {
    const database = await fresh();
    await using strict = database.open({ autoMigrate: false });
    await expect(memoriesOf(strict).getMemories()).rejects.toMatchObject({ code: "SCHEMA_MISMATCH" });
    expect((await memoriesOf(strict).verifySchema()).map(({ table }) => table)).toEqual(own("agno_memories"));
    for (const statement of await memoriesOf(strict).planMigration()) {
      await database.query(statement);
    }
    await memoriesOf(strict).upsertMemory(fact);
    expect(await memoriesOf(strict).planMigration()).toEqual([]);
    await memoriesOf(strict).migrate();
  });

  test("a table that lacks a column is refused, and named", { timeout: 60_000 }, async () => {
    const database = await fresh();
    await database.query("create table agno_memories (memory_id varchar(128) primary key, user_id varchar(128))");
    await using db = database.open();
    await expect(memoriesOf(db).upsertMemory(fact)).rejects.toMatchObject({
      code: "SCHEMA_MISMATCH",
      message: expect.stringContaining("agno_memories.memory"),
    });
  });

  test("many stores that begin at once make the tables once", { timeout: 60_000 }, async () => {
    const database = await fresh();
    const stores = Array.from({ length: 4 }, () => database.open());
    await Promise.all(
      stores.map((db, index) => memoriesOf(db).upsertMemory({ userId: `u${index % 2}`, memory: "Fact" })),
    );
    expect((await memoriesOf(stores[0] ?? database.open()).getMemories()).memories).toHaveLength(2);
    await Promise.all(stores.map((db) => db.close()));
  });
}
