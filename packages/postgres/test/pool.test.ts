import pg from "pg";
import { expect, inject, test, describe } from "vitest";
import { PostgresSessionDb } from "@sessiondb/postgres";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { Sandbox } from "./support.ts";

describe.skipIf(inject("postgres") === null)("a pool of the caller's", () => {
  const sandbox = new Sandbox("postgres");

  test("may parse and print values in its own way", async () => {
    const schema = sandbox.schema();
    const types = { getTypeParser: () => () => "parsed by the application" } as unknown as pg.CustomTypesConfig;
    const pool = new pg.Pool({ connectionString: sandbox.url, max: 1, types });
    const db = new PostgresSessionDb({ pool, schema });
    await db.upsertRun({ session: agentSession("s"), run: agentRun("a", { content: "as it was" }) });
    const session = await db.getSession({ sessionId: "s" });
    expect([session?.createdAt, session?.runs[0]?.content]).toEqual([expect.any(Number), "as it was"]);
    expect((await db.getRuns({ sessionId: "s" })).runs).toHaveLength(1);
    expect(await db.verifySchema()).toEqual([]);
    await pool.end();
  });

  test("serves fifty stores, closed or not, with one listener and no warning", async () => {
    const warnings: string[] = [];
    const note = ({ name }: Error): void => void warnings.push(name);
    process.on("warning", note);
    const pool = new pg.Pool({ connectionString: sandbox.url, max: 3 });
    const schema = sandbox.schema();
    const stores = Array.from({ length: 50 }, () => new PostgresSessionDb({ pool, schema }));
    await Promise.all(
      stores.map((db, index) => db.upsertRun({ session: agentSession("s"), run: agentRun(`${index}`) })),
    );
    await Promise.all(stores.slice(25).map((db) => db.close()));
    const client = await pool.connect();
    expect([pool.listenerCount("error"), client.listenerCount("error")]).toEqual([1, 0]);
    client.release();
    await sandbox.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where query like '%${schema}%' and pid <> pg_backend_pid()`,
    );
    const [first] = stores;
    expect((await first?.getSession({ sessionId: "s" }))?.runs).toHaveLength(50);
    await pool.end();
    await new Promise((resolve) => setImmediate(resolve));
    process.off("warning", note);
    expect(warnings).toEqual([]);
  });
});
