import { createPool } from "mysql2/promise";
import { expect, test } from "vitest";
import { MySqlSessionDb } from "@sessiondb/mysql";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { refusal } from "@sessiondb/testing/refusal";
import { freshDatabase, onEachServer } from "./support.ts";

onEachServer((server) => {
  test("the caller's pool is used as it is, and stays open", async () => {
    const url = await freshDatabase(server.url);
    const pool = createPool({
      uri: url.replace("mariadb:", "mysql:"),
      supportBigNumbers: true,
      bigNumberStrings: true,
    });
    const db = new MySqlSessionDb({ pool });
    await db.upsertRun({ session: agentSession("s", { createdAt: 5 }), run: agentRun("a") });
    const read = await db.getSession({ sessionId: "s" });
    expect(read).toMatchObject({ createdAt: 5, runs: [{ runId: "a" }] });
    await db.close();
    expect((await pool.query("select 1 as one"))[0]).toHaveLength(1);
    await pool.end();
  });

  test.each(["agno_runs", "agno_sessions"])("a temporary table that hides %s is refused by name", async (table) => {
    const url = await freshDatabase(server.url);
    await using other = new MySqlSessionDb({ url });
    await other.upsertRun({ session: agentSession("s"), run: agentRun("a") });
    const pool = createPool({ uri: url.replace(/^\w+:/, "mysql:"), connectionLimit: 1 });
    await pool.query(`create temporary table shadow like ${table}`);
    await pool.query(`alter table shadow rename ${table}`);
    await using db = new MySqlSessionDb({ pool });
    const calls = [
      () => db.upsertRun({ session: agentSession("s"), run: agentRun("b") }),
      () => db.getSession({ sessionId: "s" }),
      () => db.verifySchema(),
    ];
    for (const call of calls) {
      const error = await refusal(call(), "INVALID_ARGUMENT");
      expect(error.message).toBe(`pool must be free of temporary tables: one hides ${table}`);
    }
    const connection = await pool.getConnection();
    await connection.beginTransaction();
    await refusal(other.withTransaction(connection).getSession({ sessionId: "s" }), "INVALID_ARGUMENT");
    await connection.rollback();
    connection.release();
    await pool.end();
    expect((await other.getSession({ sessionId: "s" }))?.runs).toHaveLength(1);
  });

  test.each([
    "set session transaction isolation level repeatable read",
    "set session transaction isolation level serializable",
    "set session sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES'",
    "set time_zone = '+05:00'",
    "set session group_concat_max_len = 4",
    "set session tmp_table_size = 1024",
  ])("a pool whose connections have %s", async (statement) => {
    const uri = (await freshDatabase(server.url)).replace(/^\w+:/, "mysql:");
    const pool = createPool({ uri, connectionLimit: 2 });
    pool.pool.on("connection", (connection) => connection.query(statement));
    const other = new MySqlSessionDb({ url: uri });
    const db = new MySqlSessionDb({ pool });
    await db.upsertRun({ session: agentSession("s"), run: agentRun("a", { content: 'it\'s \\ "q" é😀' }) });
    expect((await db.getSession({ sessionId: "s" }))?.runs).toHaveLength(1);
    await other.upsertRun({ session: agentSession("s"), run: agentRun("b") });
    expect((await db.getSession({ sessionId: "s" }))?.runs).toHaveLength(2);
    await db.updateSession({ sessionId: "s" }, { sessionState: { a: 1 } });
    expect((await other.getSession({ sessionId: "s" }))?.sessionState).toEqual({ a: 1 });
    expect((await other.getRun({ runId: "a" }))?.content).toBe('it\'s \\ "q" é😀');
    expect((await db.getSessions()).sessions).toHaveLength(1);
    expect((await db.getRuns({ sessionId: "s" })).runs).toHaveLength(2);
    await db.deleteRuns({ runIds: ["a"] });
    expect((await other.getSession({ sessionId: "s" }))?.runs).toHaveLength(1);
    expect(await db.deleteSessions({ filter: { sessionType: "agent" } })).toBe(1);
    await other.close();
    await pool.end();
  });
  test.each([
    { namedPlaceholders: true },
    { rowsAsArray: true },
    { dateStrings: true },
    { supportBigNumbers: true, bigNumberStrings: true },
    { typeCast: () => "x" },
    { typeCast: false },
    { decimalNumbers: true },
    { multipleStatements: true },
    { nestTables: true },
    { jsonStrings: true },
  ])("a pool with %o", async (options) => {
    const uri = (await freshDatabase(server.url)).replace(/^\w+:/, "mysql:");
    const pool = createPool({ uri, connectionLimit: 2, ...(options as object) });
    const db = new MySqlSessionDb({ pool });
    await db.upsertRun({
      session: agentSession("s", { sessionData: { session_name: "Näme 😀" } }),
      run: agentRun("a", { content: "é😀" }),
    });
    const read = await db.getSession({ sessionId: "s" });
    expect([read?.runs[0]?.content, read?.sessionName, read?.createdAt]).toEqual([
      "é😀",
      "Näme 😀",
      expect.any(Number),
    ]);
    expect((await db.getSessions({ sessionName: "näme" })).sessions).toHaveLength(1);
    expect((await db.getRuns({ sessionId: "s" })).runs).toHaveLength(1);
    await pool.end();
  });

  test.each<[string, string | object]>([
    ["autocommit", "set autocommit = 0"],
    ["sql_safe_updates", "set session sql_safe_updates = 1"],
    ["sql_select_limit", "set session sql_select_limit = 1"],
    ["utf8mb4", { charset: "latin1" }],
  ])("a pool that would lose something is refused: %s", async (named, how) => {
    const uri = (await freshDatabase(server.url)).replace(/^\w+:/, "mysql:");
    const pool = createPool({ uri, connectionLimit: 1, ...(typeof how === "object" && how) });
    if (typeof how === "string") {
      pool.pool.on("connection", (connection) => connection.query(how));
    }
    const error = await refusal(new MySqlSessionDb({ pool }).getSessions(), "INVALID_ARGUMENT");
    expect(error.message).toContain(named);
    await pool.end();
  });
});
