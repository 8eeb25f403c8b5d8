import { MySqlSessionDb } from "@sessiondb/mysql";
import { memoryCalls, memoryLists, memoryUsers, walkMemories } from "@sessiondb/testing/memory-lists";
import type { Connection } from "mysql2/promise";
import { afterAll, beforeAll, expect, test } from "vitest";
import { numbers, observe, planOf, rowsRead } from "./plans.ts";
import { connect, freshDatabase, onEachServer } from "./support.ts";

const tens = Array.from({ length: 10 }, (_, digit) => `select ${digit} as ten`).join(" union all ");
const i = "(n.i + 100000 * t.ten)";

onEachServer((server) => {
  let url: string;
  let on: Connection;

  beforeAll(async () => {
    url = await freshDatabase(server.url);
    await using db = new MySqlSessionDb({ url });
    await db.memories.migrate();
    on = await connect(url);
    for (let ten = 0; ten < 10; ten += 1) {
      await on.query(`
        insert into agno_memories (memory_id, memory, topics, user_id, agent_id, team_id, created_at, updated_at)
        select concat('m', ${i}), json_quote(concat('Fact ', ${i})),
          case when ${i} % 3 > 0 then json_array('tea', concat('t', ${i} % 50)) else 'null' end,
          concat('u', ${i} % ${memoryUsers}), case when ${i} % 2 = 0 then 'a' when ${i} % 1000 = 1 then 'rare' end,
          case when ${i} % 5 = 0 then 't' end, 1700000000 + ${i} div 3,
          case when ${i} % 7 > 0 then 1700000000 + ${i} div 2 end
        from ${numbers} cross join (${tens}) as t where t.ten = ${ten}`);
    }
    await on.query("analyze table agno_memories");
  }, 550_000);
  afterAll(() => on.end());

  test.each(memoryLists)("a list reads little more than its pages: %s", { timeout: 60_000 }, async (_name, options) => {
    let found = 0;
    const statements = await observe(url, async (db) => {
      found = await walkMemories(db.memories, options);
    });
    expect([found, statements.length]).toEqual([15, 3]);
    // Of one user all memories, or as many of each part of the list as the page may have; each by its id.
    expect(await rowsRead(on, statements)).toBeLessThan(3 * 600);
  });

  test.each(Object.entries(memoryCalls))(
    "%s reads the memories of its user",
    { timeout: 60_000 },
    async (_name, call) => {
      const statements = await observe(url, (db) => call(db.memories));
      expect(statements.length).toBeGreaterThan(0);
      for (const statement of statements.filter(({ text }) => /^(select|update|delete)/i.test(text))) {
        const steps = (await planOf(on, statement)).filter(({ table }) => table === "agno_memories");
        expect(steps.filter(({ type }) => type === "ALL")).toEqual([]);
      }
    },
  );
});
