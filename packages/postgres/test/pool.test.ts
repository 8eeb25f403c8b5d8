import pg from "pg";
import { expect, inject, test, describe } from "vitest";
import { PostgresSessionDb } from "../src/index.ts";
import { agentRun, agentSession, Sandbox } from "./support.ts";

describe.skipIf(inject("postgres") === null)("a pool of the caller's", () => {
  const sandbox = new Sandbox("postgres");

  test.each([
    "set default_transaction_isolation = 'serializable'",
    "set default_transaction_isolation = 'repeatable read'",
    "set search_path = ''",
    "set timezone = 'Asia/Tokyo'",
    "set datestyle = 'German, DMY'",
    "set standard_conforming_strings = off",
    "set bytea_output = 'escape'",
    "set lock_timeout = 50",
    "set enable_indexscan = off",
    "set client_encoding = 'UTF8'",
    "set row_security = off",
    "set plan_cache_mode = force_generic_plan",
  ])("whose connections have %s", async (statement) => {
    const schema = sandbox.schema();
    const pool = new pg.Pool({ connectionString: sandbox.url, max: 2 });
    pool.on("connect", (client) => void client.query(statement));
    const db = new PostgresSessionDb({ pool, schema });
    const other = new PostgresSessionDb({ url: sandbox.url, schema });
    const content = `it's \\ "q" é😀`;
    await db.upsertRun({ session: agentSession("s"), run: agentRun("a", { content }) });
    await other.upsertRun({ session: agentSession("s"), run: agentRun("b") });
    expect((await db.getSession({ sessionId: "s" }))?.runs.map(({ runId }) => runId)).toEqual(["a", "b"]);
    await Promise.all(
      Array.from({ length: 10 }, () =>
        db.updateSession({ sessionId: "s" }, ({ sessionState }) => ({
          sessionState: { n: Number(sessionState["n"] ?? 0) + 1 },
        })),
      ),
    );
    const read = await other.getSession({ sessionId: "s" });
    expect([read?.sessionState, read?.runs[0]?.content]).toEqual([{ n: 10 }, content]);
    expect((await db.getSessions({ limit: 1 })).sessions).toHaveLength(1);
    await db.deleteRuns({ runIds: ["a"] });
    expect(await db.deleteSessions({ filter: { sessionType: "agent" } })).toBe(1);
    await other.close();
    await pool.end();
  });

  test("that parses and prints values in its own way", async () => {
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
});
