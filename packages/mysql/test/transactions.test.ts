import { MySqlSessionDb } from "@sessiondb/mysql";
import { createPool } from "mysql2/promise";
import { expect, test } from "vitest";
import { refusal, run, session } from "./models.ts";
import { connect, freshDatabase, onEachServer, query } from "./support.ts";

onEachServer((server) => {
  test("what is written inside of the caller's transaction is committed and rolled back with it", async () => {
    const url = await freshDatabase(server.url);
    await using db = new MySqlSessionDb({ url });
    await db.migrate();
    const connection = await connect(url);
    await connection.query("create table orders (id int primary key)");
    for (const outcome of ["rollback", "commit"]) {
      await connection.beginTransaction();
      await connection.query("insert into orders values (1)");
      await using inside = db.withConnection(connection);
      await inside.upsertRun({ session: session("s"), run: run("a") });
      // Several at once take turns.
      await Promise.all(["b", "c", "d"].map((id) => inside.upsertRun({ session: session("s"), run: run(id) })));
      expect((await inside.getSession({ sessionId: "s" }))?.runs).toHaveLength(4);
      expect(await db.getSession({ sessionId: "s" })).toBeNull();
      await connection.query(outcome);
    }
    expect((await db.getSession({ sessionId: "s" }))?.runs).toHaveLength(4);
    expect(await query(url, "select * from orders")).toHaveLength(1);
    await connection.end();
  });

  test("an operation that is refused leaves the caller's transaction sound", async () => {
    const url = await freshDatabase(server.url);
    await using db = new MySqlSessionDb({ url });
    await db.upsertSession(session("theirs", { userId: "ann" }));
    const connection = await connect(url);
    await connection.beginTransaction();
    const inside = db.withConnection(connection);
    await inside.upsertRun({ session: session("s"), run: run("a") });
    const sessions = [session("new"), session("theirs", { userId: "ben" })];
    await refusal(inside.upsertSessions(sessions), "SESSION_OWNERSHIP");
    await connection.commit();
    expect((await db.getSession({ sessionId: "s" }))?.runs).toHaveLength(1);
    expect(await db.getSession({ sessionId: "new" })).toBeNull();
    await connection.end();
  });

  test("no DDL is issued inside of the caller's transaction", async () => {
    const url = await freshDatabase(server.url);
    await using db = new MySqlSessionDb({ url });
    const connection = await connect(url);
    await connection.beginTransaction();
    const inside = db.withConnection(connection);
    await refusal(inside.upsertRun({ session: session("s"), run: run("a") }), "SCHEMA_MISMATCH");
    await refusal(inside.migrate(), "INVALID_ARGUMENT");
    await connection.rollback();
    expect(await query(url, "show tables")).toEqual([]);
    await connection.end();
  });

  test("a pool of the caller's is used as it is, and stays open", async () => {
    const url = await freshDatabase(server.url);
    const pool = createPool({
      uri: url.replace("mariadb:", "mysql:"),
      supportBigNumbers: true,
      bigNumberStrings: true,
    });
    const db = new MySqlSessionDb({ pool });
    await db.upsertRun({ session: session("s", { createdAt: 5 }), run: run("a") });
    const read = await db.getSession({ sessionId: "s" });
    expect(read).toMatchObject({ createdAt: 5, runs: [{ runId: "a" }] });
    await db.close();
    expect((await pool.query("select 1 as one"))[0]).toHaveLength(1);
    await pool.end();
  });

  test("tables in another database than the connection's, created with it", async () => {
    const here = await freshDatabase(server.url);
    const there = `${new URL(here).pathname.slice(1)}_there`;
    await using db = new MySqlSessionDb({ url: here, database: there });
    expect((await db.planMigration())[0]).toContain("CREATE DATABASE");
    await db.upsertRun({ session: session("s"), run: run("a") });
    await db.upsertRun({ session: session("s"), run: run("b"), change: { sessionName: "Trip" } });
    expect((await db.getSessions({ sessionName: "trip", sortBy: "updatedAt" })).sessions).toHaveLength(1);
    expect(await db.deleteRuns({ runIds: ["a"] })).toBe(1);
    expect((await db.getSession({ sessionId: "s", runsLimit: 5 }))?.runs).toHaveLength(1);
    expect(await db.verifySchema()).toEqual([]);
    expect(await db.planMigration()).toEqual([]);
    expect(await query(here, "show tables")).toEqual([]);
    await query(here, `drop database ${there}`);
  });
});
