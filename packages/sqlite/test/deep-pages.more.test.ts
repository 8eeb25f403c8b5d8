import { SqliteSessionDb } from "@sessiondb/sqlite";
import { deepCount, deepLists, deepStart, expectFlat } from "@sessiondb/testing/deep-pages";
import Database from "better-sqlite3";
import { afterAll, beforeAll, test } from "vitest";

const client = new Database(":memory:");
const db = new SqliteSessionDb({ client });
beforeAll(async () => {
  await db.migrate();
  const numbers = `with recursive n (i) as (select 0 union all select i + 1 from n where i < ${deepCount - 1})`;
  client.exec(`
    ${numbers} insert into agno_sessions (session_id, session_type, agent_id, user_id, session_data, created_at, updated_at)
    select 's' || printf('%06d', i), 'agent', 'c1', 'many', '{}', ${deepStart} + i, ${deepStart} + i from n;
    insert into agno_sessions (session_id, session_type, created_at) values ('long', 'agent', 1);
    ${numbers} insert into agno_runs (run_id, session_id, run_type, agent_id, status, run_index, run_data, created_at)
    select 'r' || printf('%06d', i), 'long', 'agent', 'c1', 'COMPLETED', i,
      '{"run_id": "r", "agent_id": "c1", "content": "${"x".repeat(500)}"}', ${deepStart} + i from n`);
}, 60_000);
afterAll(async () => {
  await db.close();
  client.close();
});

test.each(Object.entries(deepLists))("%s: as fast at every depth", { timeout: 60_000 }, async (_, list) => {
  await expectFlat(await list(db));
});
