import { MySqlSessionDb } from "@sessiondb/mysql";
import { deepLists, deepStart, expectFlat } from "@sessiondb/testing/deep-pages";
import { afterAll, beforeAll, expect, test } from "vitest";
import { numbers } from "./plans.ts";
import { connect, freshDatabase, onEachServer } from "./support.ts";

onEachServer((server) => {
  let db: MySqlSessionDb;
  beforeAll(async () => {
    const url = await freshDatabase(server.url);
    db = new MySqlSessionDb({ url });
    await db.migrate();
    const connection = await connect(url);
    await connection.query(`
      insert into agno_sessions (session_id, session_type, agent_id, user_id, session_data, created_at, updated_at)
      select concat('s', lpad(i, 6, '0')), 'agent', 'c1', 'many', '{}', ${deepStart} + i, ${deepStart} + i from ${numbers};
      insert into agno_sessions (session_id, session_type, created_at) values ('long', 'agent', 1);
      insert into agno_runs (run_id, session_id, run_type, agent_id, status, run_index, run_data, created_at)
      select concat('r', lpad(i, 6, '0')), 'long', 'agent', 'c1', 'COMPLETED', i,
        concat('{"run_id": "r", "agent_id": "c1", "content": "', repeat('x', 500), '"}'), ${deepStart} + i
      from ${numbers};
      analyze table agno_sessions, agno_runs`);
    await connection.end();
  }, 180_000);
  afterAll(() => db.close());

  test.each(Object.entries(deepLists))("%s: as fast at every depth", { timeout: 60_000 }, async (_, list) => {
    const pages = await list(db);
    expect(pages.length).toBeGreaterThan(1);
    await expectFlat(pages);
  });
});
