import { memoryCalls, memoryCount, memoryLists, memoryUsers, walkMemories } from "@sessiondb/testing/memory-lists";
import type pg from "pg";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { explain, plansOf, type Planning } from "./plans.ts";
import { Sandbox } from "./support.ts";

describe.skipIf(inject("postgres") === null)("on a million memories", () => {
  const sandbox = new Sandbox("postgres");
  const schema = sandbox.schema();
  let client: pg.Client;

  beforeAll(async () => {
    client = await sandbox.connect();
    await using db = sandbox.opener({ schema })();
    await db.memories.migrate();
    await client.query(`
      insert into ${schema}.agno_memories (memory_id, memory, topics, user_id, agent_id, team_id, created_at, updated_at)
      select 'm' || i, to_jsonb('Fact ' || i), case when i % 3 > 0 then jsonb_build_array('tea', 't' || (i % 50)) else 'null' end,
        'u' || (i % ${memoryUsers}), case when i % 2 = 0 then 'a' when i % 1000 = 1 then 'rare' end,
        case when i % 5 = 0 then 't' end, 1700000000 + i / 3, case when i % 7 > 0 then 1700000000 + i / 2 end
      from generate_series(0, ${memoryCount - 1}) as n (i);
      analyze ${schema}.agno_memories`);
  }, 400_000);
  afterAll(() => client.end());

  describe.each<Planning>(["custom", "generic"])("with a %s plan", (planning) => {
    const wanted = { schema, planning };

    test.each(memoryLists)(
      "a list reads little more than its pages: %s",
      { timeout: 60_000 },
      async (_name, options) => {
        const plans = await plansOf(client, wanted, async (db) => {
          expect(await walkMemories(db.memories, options)).toBe(15);
        });
        expect(plans).toHaveLength(3);
        for (const plan of plans) {
          expect(plan.steps).not.toContain("Seq Scan");
          // The memories of one user may be sorted; those of an agent are too many.
          expect("userId" in options || !/^ *(-> +)?Sort/m.test(plan.steps)).toBe(true);
          expect(await rowsRead(plan)).toBeLessThan(300);
        }
      },
    );

    test.each(Object.entries(memoryCalls))(
      "%s reads the memories of its user",
      { timeout: 60_000 },
      async (_name, call) => {
        const plans = await plansOf(client, wanted, (db) => call(db.memories));
        expect(plans.length).toBeGreaterThan(0);
        for (const { steps } of plans) {
          expect(steps).not.toContain("Seq Scan on agno_memories ");
        }
      },
    );

    /** The most rows that a step of the plan has looked at. */
    async function rowsRead(plan: Parameters<typeof explain>[1]): Promise<number> {
      const options = "analyze, costs off, timing off, summary off, format text";
      const steps = await explain(client, plan, { planning, options });
      const found = steps.flatMap((step) => [
        ...Array.from(step.matchAll(/rows=(\d+) loops/g), ([, rows]) => Number(rows)),
        ...Array.from(step.matchAll(/Rows Removed by Filter: (\d+)/g), ([, rows]) => Number(rows)),
      ]);
      return Math.max(...found);
    }
  });
});
