import type pg from "pg";
import { describe, expect, inject, test } from "vitest";
import { PostgresSessionDb } from "@sessiondb/postgres";
import { agentRun } from "@sessiondb/testing/models";
import { explain, plansOf, type Plan } from "./plans.ts";
import { testPlans } from "./query-plans.ts";
import { Sandbox } from "./support.ts";

testPlans("generic");

/** How many a user or a session has on average, besides the one that has half of all. */
const averages = [1, 2, 4, 10];

describe.skipIf(inject("postgres") === null)("where half belongs to one, one plan is good for all", () => {
  const sandbox = new Sandbox("postgres");
  const tables = (["needed", "agno"] as const).flatMap((indexes) => averages.map((average) => ({ indexes, average })));

  /** The rows that each prepared statement reads by an index of the table, with one plan for all values. */
  async function rowsRead(client: pg.Client, plans: readonly Plan[], table: string): Promise<number[]> {
    const read: number[] = [];
    for (const plan of plans.filter(({ name }) => name !== undefined)) {
      await client.query("begin");
      const options = "analyze, costs off, timing off, summary off";
      const steps = await explain(client, plan, { planning: "generic", options });
      await client.query("rollback");
      const rows = new RegExp(`(?:Scan.* on|Index Scan.*) (?:idx_)?${table}.*rows=(\\d+)`);
      read.push(...steps.flatMap((step) => rows.exec(step)?.[1] ?? []).map(Number));
    }
    return read;
  }

  test.each(tables)("sessions of users: $average each, indexes $indexes", async ({ indexes, average }) => {
    const [schema, client] = [sandbox.schema(), await sandbox.connect()];
    await new PostgresSessionDb({ client, schema, indexes }).migrate();
    await client.query(
      `insert into ${schema}.agno_sessions (session_id, session_type, agent_id, user_id, created_at, updated_at)
       select 's' || i, 'agent', 'a', case i % 2 when 0 then 'half' else 'u' || i % ${20_000 / average} end, i / 3, i / 2
       from generate_series(1, 20000) as n (i); analyze ${schema}.agno_sessions`,
    );
    for (const sortBy of ["createdAt", "updatedAt"] as const) {
      for (const sortOrder of ["asc", "desc"] as const) {
        const options = { userId: "half", sortBy, sortOrder, limit: 5 };
        const plans = await plansOf(client, { schema }, async (db) => {
          const { nextCursor } = await db.getSessions(options);
          await db.getSessions({ ...options, cursor: nextCursor ?? "" });
          await db.getSessions({ ...options, page: 2 });
        });
        expect(plans).toHaveLength(3);
        expect(await rowsRead(client, plans, "agno_sessions")).toEqual([6, 6]);
      }
    }
    await client.end();
  });

  test.each(tables)("runs of sessions: $average each, indexes $indexes", async ({ indexes, average }) => {
    const [schema, client] = [sandbox.schema(), await sandbox.connect()];
    await new PostgresSessionDb({ client, schema, indexes }).migrate();
    await client.query(
      `insert into ${schema}.agno_sessions (session_id, session_type, agent_id, user_id, created_at)
       select 's' || i, 'agent', 'agent-1', 'u' || i / 10, i from generate_series(0, ${20_000 / average}) as n (i);
       insert into ${schema}.agno_runs (run_id, session_id, run_type, agent_id, status, run_index, run_data, created_at)
       select 'r' || i, case i % 2 when 0 then 's0' else 's' || i % ${20_000 / average} end, 'agent', 'agent-1', 'COMPLETED', i, '{"run_id": "r", "agent_id": "a"}', i
       from generate_series(1, 20000) as n (i); analyze ${schema}.agno_sessions; analyze ${schema}.agno_runs`,
    );
    const session = { sessionType: "agent", sessionId: "s0", userId: "u0" } as const;
    const plans = await plansOf(client, { schema }, async (db) => {
      await db.getSession({ sessionId: "s0", runsLimit: 10 });
      await db.upsertRun({ session, run: agentRun("new") });
      await db.getSessions({ userId: "u0", limit: 3, includeRuns: true, runsLimit: 10 });
      await db.getRuns({ sessionId: "s0", limit: 5 });
    });
    const read = await rowsRead(client, plans, "agno_runs");
    expect(read.length).toBeGreaterThan(3);
    expect(read.every((count) => count <= 11)).toBe(true);
    await client.end();
  });
});
