import { SqliteSessionDb } from "@sessiondb/sqlite";
import { memoryCalls, memoryCount, memoryLists, memoryUsers, walkMemories } from "@sessiondb/testing/memory-lists";
import Database from "better-sqlite3";
import { afterAll, beforeAll, expect, test } from "vitest";
import { plansOf, type Plan } from "./plans.ts";

// Without the statistics of ANALYZE, which nobody runs.

let client: Database.Database;

beforeAll(async () => {
  client = new Database(":memory:");
  await using db = new SqliteSessionDb({ client });
  await db.memories.migrate();
  client.exec(`
    with recursive n (i) as (select 0 union all select i + 1 from n where i < ${memoryCount - 1})
    insert into agno_memories (memory_id, memory, topics, user_id, agent_id, team_id, created_at, updated_at)
    select 'm' || i, '"Fact ' || i || '"', case when i % 3 > 0 then '["tea", "t' || (i % 50) || '"]' else 'null' end,
      'u' || (i % ${memoryUsers}), case when i % 2 = 0 then 'a' when i % 1000 = 1 then 'rare' end,
      case when i % 5 = 0 then 't' end, 1700000000 + i / 3, case when i % 7 > 0 then 1700000000 + i / 2 end
    from n`);
}, 240_000);
afterAll(() => client.close());

/** The steps that look at all memories: a list that goes along an index until its page is full may begin so. */
const scans = ({ steps }: Plan) => steps.filter((step) => step.startsWith("SCAN agno_memories"));

test.each(memoryLists)("a list goes along an index: %s", async (name, options) => {
  const plans = await plansOf(client, async (db) => {
    expect(await walkMemories(db.memories, options)).toBe(15);
  });
  expect(plans).toHaveLength(3);
  for (const plan of plans) {
    expect(plan.steps).not.toContain("USE TEMP B-TREE FOR ORDER BY");
    const isOfAll = /^(all|text|topic),/.test(name);
    expect(scans(plan).filter((step) => !(isOfAll && step.includes(" USING INDEX ")))).toEqual([]);
  }
});

test.each(Object.entries(memoryCalls))("%s finds what it needs by an index", async (name, call) => {
  const plans = await plansOf(client, (db) => call(db.memories));
  expect(plans.length).toBeGreaterThan(0);
  for (const plan of plans) {
    // The users are counted along the index in whose order they come.
    const isCount = name === "getMemoryStats" && scans(plan).every((step) => step.includes("USING INDEX"));
    expect(isCount ? [] : scans(plan)).toEqual([]);
  }
});
