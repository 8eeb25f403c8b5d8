import { hasManagedSchema } from "@sessiondb/core";
import { MySqlSessionDb } from "@sessiondb/mysql";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { refusal } from "@sessiondb/testing/refusal";
import { expect, test } from "vitest";
import { connect, freshDatabase, onEachServer, query, withConnection } from "./support.ts";

onEachServer((server) => {
  test("writes inside the caller's transaction are committed and rolled back with it", async () => {
    const url = await freshDatabase(server.url);
    await using db = new MySqlSessionDb({ url });
    await db.migrate();
    const connection = await connect(url);
    await connection.query("create table orders (id int primary key)");
    for (const outcome of ["rollback", "commit"]) {
      await connection.beginTransaction();
      await connection.query("insert into orders values (1)");
      await using inside = db.withTransaction(connection);
      await inside.upsertRun({ session: agentSession("s"), run: agentRun("a") });
      // Several at once take turns.
      await Promise.all(
        ["b", "c", "d"].map((id) => inside.upsertRun({ session: agentSession("s"), run: agentRun(id) })),
      );
      expect((await inside.getSession({ sessionId: "s" }))?.runs).toHaveLength(4);
      expect(await db.getSession({ sessionId: "s" })).toBeNull();
      await connection.query(outcome);
    }
    expect((await db.getSession({ sessionId: "s" }))?.runs).toHaveLength(4);
    expect(await query(url, "select * from orders")).toHaveLength(1);
    await connection.end();
  });

  test("a refused operation leaves the caller's transaction usable", async () => {
    const url = await freshDatabase(server.url);
    await using db = new MySqlSessionDb({ url });
    await db.upsertSession(agentSession("theirs", { userId: "ann" }));
    const connection = await connect(url);
    await connection.beginTransaction();
    const inside = db.withTransaction(connection);
    await inside.upsertRun({ session: agentSession("s"), run: agentRun("a") });
    const sessions = [agentSession("new"), agentSession("theirs", { userId: "ben" })];
    await refusal(inside.upsertSessions(sessions), "SESSION_OWNERSHIP");
    await connection.commit();
    expect((await db.getSession({ sessionId: "s" }))?.runs).toHaveLength(1);
    expect(await db.getSession({ sessionId: "new" })).toBeNull();
    await connection.end();
  });

  test("a statement that gets no answer in time ends the caller's transaction, of which nothing is stored", async () => {
    const url = await freshDatabase(server.url);
    await using db = new MySqlSessionDb({ url, statementTimeout: 300 });
    await db.upsertSession(agentSession("s"));
    await query(url, "create trigger wait before update on agno_sessions for each row set @waited = sleep(0.6)");
    const connection = await connect(url);
    await connection.beginTransaction();
    const inside = db.withTransaction(connection);
    const change = { metadata: { last: "r" } };
    await refusal(inside.upsertRun({ session: agentSession("s"), run: agentRun("r"), change }), "DATABASE_UNREACHABLE");
    await expect(connection.commit()).rejects.toMatchObject({ message: expect.stringContaining("closed") as string });
    expect(await db.getSession({ sessionId: "s" })).toMatchObject({ metadata: null, runs: [] });
  });

  test("two stores for one transaction take turns on it", async () => {
    const url = await freshDatabase(server.url);
    await using db = new MySqlSessionDb({ url });
    await db.upsertSession(agentSession("theirs", { userId: "owner" }));
    await withConnection(url, async (connection) => {
      await connection.beginTransaction();
      const many = Array.from({ length: 12 }, (_, index) => agentSession(`b${index}`, { userId: "me" }));
      const outcomes = await Promise.allSettled([
        db.withTransaction(connection).upsertRun({ session: agentSession("a"), run: agentRun("r") }),
        db.withTransaction(connection).upsertSessions([...many, agentSession("theirs", { userId: "me" })]),
        db
          .withTransaction(connection)
          .forUser("me")
          .upsertSessions([agentSession("c"), agentSession("d")]),
      ]);
      await connection.commit();
      expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    });
    const { sessions } = await db.getSessions();
    expect(sessions.map(({ sessionId }) => sessionId).toSorted()).toEqual(["a", "c", "d", "theirs"]);
    expect((await db.getRuns()).runs.map(({ runId }) => runId)).toEqual(["r"]);
  });

  test("changed, replaced and deleted runs are restored when the caller rolls back", async () => {
    const url = await freshDatabase(server.url);
    await using db = new MySqlSessionDb({ url });
    for (const id of ["a", "b", "c"]) {
      await db.upsertRun({ session: agentSession("s"), run: agentRun(id) });
    }
    const before = await db.getSession({ sessionId: "s" });
    await withConnection(url, async (connection) => {
      await connection.beginTransaction();
      await using inside = db.withTransaction(connection);
      expect(await inside.updateRun({ runId: "a" }, (stored) => ({ ...stored, content: "Changed" }))).toMatchObject({
        content: "Changed",
      });
      expect(await inside.updateRun({ runId: "b" }, () => null)).toBeNull();
      const also = [{ session: agentSession("also"), change: { sessionName: "New" } }];
      const turn = { session: agentSession("s"), run: agentRun("d"), deleteRunsAfter: "a", also };
      expect(await inside.upsertRun(turn)).toEqual({ stored: true, deletedRuns: 1 });
      const read = await inside.getSession({ sessionId: "s" });
      expect(read?.runs.map(({ runId, content }) => [runId, content])).toEqual([
        ["a", "Changed"],
        ["d", "Answer of d"],
      ]);
      expect((await inside.getSessions({ includeRunCount: true })).sessions.map(({ runCount }) => runCount)).toEqual(
        expect.arrayContaining([0, 2]),
      );
      // Until the commit, others see the old end whole.
      expect(await db.getSession({ sessionId: "s" })).toEqual(before);
      await connection.rollback();
    });
    expect(await db.getSession({ sessionId: "s" })).toEqual(before);
    expect(await db.getSession({ sessionId: "also" })).toBeNull();
  });

  test("a connection without a transaction is refused, and nothing is written", async () => {
    const url = await freshDatabase(server.url);
    await using db = new MySqlSessionDb({ url });
    await db.migrate();
    await withConnection(url, async (connection) => {
      await using inside = db.withTransaction(connection);
      const error = await refusal(inside.upsertSession(agentSession("s")), "INVALID_ARGUMENT");
      expect(error.message).toContain("connection");
      await refusal(inside.getSessions(), "INVALID_ARGUMENT");
      await connection.beginTransaction();
      await inside.upsertSession(agentSession("s"));
      await connection.commit();
      await refusal(inside.upsertSession(agentSession("t")), "INVALID_ARGUMENT");
      // Without autocommit a transaction is open all the time.
      await connection.query("set autocommit = 0");
      await inside.upsertSession(agentSession("u"));
      await connection.rollback();
    });
    expect((await db.getSessions()).sessions.map(({ sessionId }) => sessionId)).toEqual(["s"]);
  });

  test("no DDL is issued inside the caller's transaction", async () => {
    const url = await freshDatabase(server.url);
    await using db = new MySqlSessionDb({ url });
    const connection = await connect(url);
    await connection.beginTransaction();
    const inside = db.withTransaction(connection);
    await refusal(inside.upsertRun({ session: agentSession("s"), run: agentRun("a") }), "SCHEMA_MISMATCH");
    if (!hasManagedSchema(inside)) {
      throw new TypeError("A store with tables");
    }
    await refusal(inside.migrate(), "INVALID_ARGUMENT");
    await connection.rollback();
    expect(await query(url, "show tables")).toEqual([]);
    await connection.end();
  });
});
