import type { SessionDb } from "@sessiondb/core";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { refusal } from "@sessiondb/testing/refusal";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { query, temporaryFile } from "./support.ts";

const turn = (runId: string) => ({ session: agentSession("s", { userId: "u" }), run: agentRun(runId) });

describe("a transaction that the caller began", () => {
  async function withRun(
    file = temporaryFile(),
  ): Promise<{ client: Database.Database; db: SqliteSessionDb; file: string }> {
    const client = new Database(file);
    client.pragma("journal_mode = wal");
    const db = new SqliteSessionDb({ client });
    await db.upsertRun(turn("before"));
    return { client, db, file };
  }
  const runIds = async (db: SessionDb) => (await db.getSession({ sessionId: "s" }))?.runs.map(({ runId }) => runId);

  test("is refused by the store itself, which neither joins nor commits it", async () => {
    const { client, db } = await withRun();
    client.exec("begin; create table theirs (a)");
    for (const call of [
      () => db.upsertRun(turn("inside")),
      () => db.upsertSession(agentSession("t")),
      () => db.updateSession({ sessionId: "s" }, { sessionName: "x" }),
      () => db.updateRun({ runId: "before" }, () => null),
      () => db.deleteSession({ sessionId: "s" }),
      () => db.deleteSessions({ filter: { sessionType: "agent" } }),
      () => db.getSession({ sessionId: "s" }),
      () => db.getSessions(),
      () => db.migrate(),
      () => db.planMigration(),
    ]) {
      const error = await refusal(call(), "INVALID_ARGUMENT");
      expect(error).toMatchObject({ argument: "client" });
      expect(error.message).toContain("withTransaction(client)");
    }
    expect(client.inTransaction).toBe(true);
    client.exec("rollback");
    expect(client.prepare("select count(*) from sqlite_master where name = 'theirs'").pluck().get()).toBe(0);
    expect(await runIds(db)).toEqual(["before"]);
    client.close();
  });

  test("is also refused for a first operation, which would create tables", async () => {
    const client = new Database(temporaryFile());
    await using db = new SqliteSessionDb({ client });
    client.exec("begin");
    await refusal(db.upsertRun(turn("r")), "INVALID_ARGUMENT");
    client.exec("commit");
    expect(client.prepare("select count(*) from sqlite_master").pluck().get()).toBe(0);
    await db.upsertRun(turn("r"));
    client.close();
  });

  test("contains all writes of withTransaction, and undoes them when rolled back", async () => {
    const { client, db, file } = await withRun();
    const within = db.withTransaction(client);
    client.exec("begin");
    await within.upsertRun(turn("inside"));
    await within.updateSession({ sessionId: "s" }, { sessionName: "Inside" });
    await within.upsertSession(agentSession("t"));
    await within.deleteRuns({ runIds: ["before"] });
    expect(client.inTransaction).toBe(true);
    expect(await runIds(within)).toEqual(["inside"]);
    expect(query(file, "select run_id from agno_runs")).toEqual([{ run_id: "before" }]);
    client.exec("rollback");
    const session = await db.getSession({ sessionId: "s" });
    expect(session?.runs.map(({ runId }) => runId)).toEqual(["before"]);
    expect(session?.sessionName).toBeNull();
    expect(await db.getSession({ sessionId: "t" })).toBeNull();
    client.close();
  });

  test("is committed by its owner, even with a user's handle", async () => {
    const { client, db } = await withRun();
    client.exec("begin immediate");
    await db.withTransaction(client).forUser("u").upsertRun(turn("inside"));
    expect(client.inTransaction).toBe(true);
    client.exec("commit");
    expect(await runIds(db)).toEqual(["before", "inside"]);
    client.close();
  });

  test("that has not begun, or has ended, is refused", async () => {
    const { client, db } = await withRun();
    const within = db.withTransaction(client);
    for (const call of [
      () => within.upsertRun(turn("outside")),
      () => within.getSession({ sessionId: "s" }),
      () => within.deleteSession({ sessionId: "s" }),
    ]) {
      expect(await refusal(call(), "INVALID_ARGUMENT")).toMatchObject({ argument: "client" });
    }
    client.exec("begin");
    await within.upsertRun(turn("inside"));
    client.exec("commit");
    await refusal(within.upsertRun(turn("after")), "INVALID_ARGUMENT");
    expect(await runIds(db)).toEqual(["before", "inside"]);
    client.close();
  });

  test("may be on a connection other than the store's own", async () => {
    const file = temporaryFile();
    await using db = new SqliteSessionDb({ file });
    await db.upsertRun(turn("before"));
    const client = new Database(file);
    client.exec("begin immediate");
    const within = db.withTransaction(client);
    await within.upsertRun(turn("inside"));
    expect(await runIds(db)).toEqual(["before"]);
    client.exec("commit");
    expect(await runIds(db)).toEqual(["before", "inside"]);
    await within.close();
    expect(client.open).toBe(true);
    client.close();
  });

  test("keeps earlier writes after a failed call, and stays usable", async () => {
    const { client, db } = await withRun();
    await db.upsertSession(agentSession("theirs", { userId: "v", runs: [agentRun("taken")] }));
    client.exec("begin");
    const within = db.withTransaction(client);
    await within.upsertRun(turn("inside"));
    await refusal(
      within.upsertSessions([agentSession("new"), agentSession("theirs", { userId: "u" })]),
      "SESSION_OWNERSHIP",
    );
    await refusal(within.upsertRun(turn("taken")), "RUN_CONFLICT");
    expect(client.inTransaction).toBe(true);
    client.exec("commit");
    expect(await runIds(db)).toEqual(["before", "inside"]);
    expect(await db.getSession({ sessionId: "new" })).toBeNull();
    client.close();
  });

  test("creates no tables", async () => {
    const client = new Database(temporaryFile());
    await using db = new SqliteSessionDb({ client });
    client.exec("begin");
    const within = db.withTransaction(client);
    await refusal(within.upsertRun(turn("r")), "SCHEMA_MISMATCH");
    client.exec("rollback");
    expect(client.prepare("select count(*) from sqlite_master").pluck().get()).toBe(0);
    await db.migrate();
    client.exec("begin");
    await within.upsertRun(turn("r"));
    client.exec("commit");
    expect(await runIds(db)).toEqual(["r"]);
    client.close();
  });

  test("is not retried if it can no longer write", { timeout: 20_000 }, async () => {
    const { client, db, file } = await withRun();
    const within = db.withTransaction(client);
    client.exec("begin");
    await within.getSession({ sessionId: "s" });
    await using other = new SqliteSessionDb({ file });
    await other.upsertRun(turn("r2"));
    const start = performance.now();
    // Only its owner can end the transaction that reads an old state: no patience of the store would help.
    await refusal(within.upsertRun(turn("r3")), "DATABASE_BUSY");
    expect(performance.now() - start).toBeLessThan(5000);
    client.exec("rollback");
    await db.upsertRun(turn("r3"));
    client.close();
  });

  test("requires a connection", async () => {
    await using db = new SqliteSessionDb({ file: temporaryFile() });
    for (const client of [undefined, null, {}, "file.db"]) {
      expect(() => db.withTransaction(client as never)).toThrow(
        expect.objectContaining({ code: "INVALID_ARGUMENT", argument: "client" }),
      );
    }
    expect(() => new SqliteSessionDb({ client: {} as never })).toThrow(
      expect.objectContaining({ code: "INVALID_ARGUMENT", argument: "client" }),
    );
  });
});
