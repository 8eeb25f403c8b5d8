import { PostgresSessionDb } from "@sessiondb/postgres";
import { deepCount, deepLists, deepStart, expectFlat } from "@sessiondb/testing/deep-pages";
import { afterAll, beforeAll, describe, inject, test } from "vitest";
import { Sandbox } from "./support.ts";

describe.skipIf(inject("postgres") === null)("pages", () => {
  const sandbox = new Sandbox("postgres");
  const schema = sandbox.schema();
  const db = new PostgresSessionDb({ url: sandbox.url, schema });
  beforeAll(async () => {
    await db.migrate();
    await sandbox.query(
      `insert into ${schema}.agno_sessions (session_id, session_type, agent_id, user_id, session_data, created_at, updated_at)
        select 's' || lpad(i::text, 6, '0'), 'agent', 'c1', 'many', '{}', ${deepStart} + i, ${deepStart} + i
        from generate_series(0, ${deepCount - 1}) as n (i)`,
      `insert into ${schema}.agno_sessions (session_id, session_type, created_at) values ('long', 'agent', 1)`,
      `insert into ${schema}.agno_runs (run_id, session_id, run_type, agent_id, status, run_index, run_data, created_at)
        select 'r' || lpad(i::text, 6, '0'), 'long', 'agent', 'c1', 'COMPLETED', i,
          jsonb_build_object('run_id', 'r', 'agent_id', 'c1', 'content', repeat('x', 500)), ${deepStart} + i
        from generate_series(0, ${deepCount - 1}) as n (i)`,
      `analyze ${schema}.agno_sessions`,
      `analyze ${schema}.agno_runs`,
    );
  }, 120_000);
  afterAll(() => db.close());

  test.each(Object.entries(deepLists))("%s: as fast at every depth", { timeout: 60_000 }, async (_, list) => {
    await expectFlat(await list(db));
  });
});
