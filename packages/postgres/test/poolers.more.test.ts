import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { describe, expect, inject, test } from "vitest";
import { PostgresSessionDb } from "@sessiondb/postgres";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { everyOperation, expectedOfEveryOperation } from "./every-operation.ts";
import { Sandbox } from "./support.ts";

const clients = 32;

describe.each(["pgBouncer", "newerPgBouncer"] as const)("%s, four connections of the server", (database) => {
  describe.skipIf(inject(database) === null)("", { timeout: 120_000 }, () => {
    const sandbox = new Sandbox(database);
    const { url } = sandbox;

    /** How many of a store's statements each connection of the server knows. */
    async function namesOnServer(schema: string): Promise<number[]> {
      const held = await Promise.all(Array.from({ length: 4 }, () => sandbox.connect()));
      // Each in a transaction, so that each has another connection of the server.
      const counts = await Promise.all(
        held.map(async (client) => {
          await client.query("begin");
          const text = `select count(*)::int as count from pg_prepared_statements where statement like '%${schema}%'`;
          return (await client.query<{ count: number }>(text)).rows[0]?.count ?? 0;
        }),
      );
      for (const client of held) {
        await client.query("rollback");
        await client.end();
      }
      return counts.toSorted((a, b) => a - b);
    }

    test.each([undefined, ...(database === "newerPgBouncer" ? [true] : []), false])(
      "32 that write at once lose and repeat nothing: preparedStatements %s",
      async (preparedStatements) => {
        const schema = sandbox.schema();
        await using db = new PostgresSessionDb({
          url,
          schema,
          poolSize: clients,
          // Nothing is retried: what names cost is no failure.
          retryTimeout: 0,
          ...(preparedStatements !== undefined && { preparedStatements }),
        });
        await db.migrate();
        // Counts what is executed, so that a turn that was done twice shows.
        await sandbox.query(
          `create table ${schema}.counted (run_id text)`,
          `create function ${schema}.count() returns trigger language plpgsql as $$ begin
             insert into ${schema}.counted values (new.run_id); return null; end $$`,
          `create trigger counting after insert or update on ${schema}.agno_runs
             for each row execute function ${schema}.count()`,
        );
        const written = await Promise.all(
          Array.from({ length: clients }, async (_, writer) => {
            const sessionId = `s ${writer}`;
            const runIds: string[] = [];
            for (let turn = 0; turn < 25; turn += 1) {
              const runId = `${sessionId} ${turn}`;
              await db.upsertRun({ session: agentSession(sessionId), run: agentRun(runId) });
              runIds.push(runId);
              await db.updateSession({ sessionId }, ({ sessionState }) => ({
                sessionState: { turns: Number(sessionState?.["turns"] ?? 0) + 1 },
              }));
              await db.getSession({ sessionId, runsLimit: 3 });
            }
            return { sessionId, runIds };
          }),
        );
        for (const { sessionId, runIds } of written) {
          const session = await db.getSession({ sessionId });
          expect(session?.runs.map(({ runId }) => runId)).toEqual(runIds);
          expect(session?.sessionState).toEqual({ turns: 25 });
        }
        const counted = await sandbox.query(
          `select count(*)::int as all, count(distinct run_id)::int as runs from ${schema}.counted`,
        );
        expect(counted).toEqual([{ all: clients * 25, runs: clients * 25 }]);
      },
    );

    test("every operation is the same", async () => {
      for (let round = 0; round < 3; round += 1) {
        await using db = new PostgresSessionDb({ url, schema: sandbox.schema(), poolSize: clients });
        expect(await everyOperation(db)).toEqual(await expectedOfEveryOperation());
      }
    });

    test("transactions of callers go on", async () => {
      const schema = sandbox.schema();
      await using db = new PostgresSessionDb({ url, schema, poolSize: clients });
      await db.migrate();
      const pool = new pg.Pool({ connectionString: url, max: 8 });
      await Promise.all(
        Array.from({ length: 40 }, async (_, index) => {
          const client = await pool.connect();
          await client.query("begin");
          const within = db.withTransaction(client);
          const sessionId = `s ${index}`;
          await within.upsertRun({ session: agentSession(sessionId), run: agentRun(`a ${index}`) });
          await within.upsertRun({ session: agentSession(sessionId), run: agentRun(`b ${index}`) });
          await within.updateSession({ sessionId }, { sessionState: { index } });
          expect((await within.getSession({ sessionId }))?.runs).toHaveLength(2);
          await client.query(index % 2 === 0 ? "commit" : "rollback");
          client.release();
        }),
      );
      await pool.end();
      const { sessions } = await db.getSessions({ limit: 100, includeRuns: true });
      expect(sessions).toHaveLength(20);
      expect(sessions.every(({ runs }) => runs?.length === 2)).toBe(true);
    });

    test("a change of the tables' types fails nobody", async () => {
      const schema = sandbox.schema();
      await using db = new PostgresSessionDb({ url, schema, poolSize: clients, retryTimeout: 0 });
      const over = new AbortController();
      await db.migrate();
      const writing = Promise.all(
        Array.from({ length: 16 }, async (_, writer) => {
          const sessionId = `s ${writer}`;
          let turns = 0;
          while (!over.signal.aborted) {
            await db.upsertRun({ session: agentSession(sessionId), run: agentRun(`${sessionId} ${turns}`) });
            turns += 1;
            await db.getSession({ sessionId, runsLimit: 3 });
          }
          return { sessionId, turns };
        }),
      );
      for (const type of ["json", "jsonb", "json"]) {
        await sleep(200);
        await sandbox.query(
          `alter table ${schema}.agno_runs add column added_${type}_${Date.now()} text`,
          `alter table ${schema}.agno_runs alter column run_data type ${type} using run_data::${type}`,
        );
      }
      await sleep(200);
      over.abort();
      for (const { sessionId, turns } of await writing) {
        expect((await db.getSession({ sessionId }))?.runs).toHaveLength(turns);
      }
    });

    test("statements are prepared where the pooler follows, and soon no more where it does not", async () => {
      const schema = sandbox.schema();
      await using db = new PostgresSessionDb({ url, schema, poolSize: clients });
      const turns = async (from: number) => {
        const ids = Array.from({ length: 200 }, (_, index) => String(from + index));
        await Promise.all(ids.map((id) => db.upsertRun({ session: agentSession(id), run: agentRun(id) })));
      };
      const reads = () =>
        Promise.all(Array.from({ length: 50 }, () => db.getSession({ sessionId: "1", runsLimit: 3 })));
      await turns(0);
      const before = await namesOnServer(schema);
      await turns(200);
      await reads();
      const after = await namesOnServer(schema);
      expect(after.every((count) => count < 40)).toBe(true);
      const isMore = Math.max(...after) > Math.max(...before);
      expect(isMore).toBe(database === "newerPgBouncer");
    });
  });
});
