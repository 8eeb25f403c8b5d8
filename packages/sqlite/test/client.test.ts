import { SqliteSessionDb } from "@sessiondb/sqlite";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { refusal } from "@sessiondb/testing/refusal";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { temporaryFile } from "./support.ts";

const turn = (runId: string) => ({ session: agentSession("s", { userId: "u" }), run: agentRun(runId) });

describe("a client passed by the caller", () => {
  test("is never closed, and its settings are not changed", async () => {
    const client = new Database(temporaryFile(), { timeout: 1234 });
    client.pragma("synchronous = off");
    client.pragma("foreign_keys = off");
    client.pragma("cache_size = 77");
    const settings = () =>
      ["journal_mode", "synchronous", "foreign_keys", "busy_timeout", "cache_size"].map((name) =>
        client.pragma(name, { simple: true }),
      );
    const before = settings();
    expect(before).toEqual(["delete", 0, 0, 1234, 77]);
    const db = new SqliteSessionDb({ client, busyTimeout: 5 });
    await db.upsertRun(turn("r"));
    await db.migrate();
    expect(await db.deleteSession({ sessionId: "s" })).toBe(true);
    // The foreign key is off, and still no run is left behind.
    expect(client.prepare("select count(*) from agno_runs").pluck().get()).toBe(0);
    expect(settings()).toEqual(before);
    await db.close();
    expect(client.open).toBe(true);
    expect(client.prepare("select 1").pluck().get()).toBe(1);
    await refusal(db.getSession({ sessionId: "s" }), "CLOSED");
    client.close();
  });

  test("can be used for other work between and during the store's calls", async () => {
    const client = new Database(temporaryFile());
    client.exec("create table theirs (a)");
    await using db = new SqliteSessionDb({ client });
    await db.upsertRun(turn("r1"));
    const insert = client.prepare("insert into theirs values (?)");
    await Promise.all([db.upsertRun(turn("r2")), Promise.resolve(insert.run(1)), db.upsertRun(turn("r3"))]);
    expect((await db.getSession({ sessionId: "s" }))?.runs).toHaveLength(3);
    expect(client.inTransaction).toBe(false);
    client.close();
  });

  test("may return every integer as a bigint", async () => {
    const client = new Database(temporaryFile());
    client.defaultSafeIntegers(true);
    await using db = new SqliteSessionDb({ client });
    await db.upsertRun(turn("r1"));
    await db.upsertRun({ ...turn("r2"), change: { sessionState: { a: 1 } } });
    const session = await db.getSession({ sessionId: "s", runsLimit: 5 });
    expect(session).toMatchObject({ createdAt: expect.any(Number) as number, updatedAt: expect.any(Number) as number });
    expect((await db.getSessions({ limit: 1, includeTotal: true })).total).toBe(1);
    const page = await db.getRuns({ limit: 1 });
    expect(page.runs[0]?.createdAt).toBeTypeOf("number");
    const rest = await db.getRuns({ cursor: page.nextCursor ?? "" });
    expect([...page.runs, ...rest.runs].map(({ runId }) => runId)).toEqual(["r1", "r2"]);
    expect(await db.deleteRuns({ runIds: ["r1"] })).toBe(1);
    expect(await db.deleteSession({ sessionId: "s" })).toBe(true);
    client.close();
  });

  test("is an error of the database once its owner closed it", async () => {
    const client = new Database(temporaryFile());
    await using db = new SqliteSessionDb({ client });
    await db.upsertRun(turn("r"));
    client.close();
    for (const call of [() => db.getSession({ sessionId: "s" }), () => db.upsertRun(turn("r2")), () => db.migrate()]) {
      expect((await refusal(call(), "DATABASE_ERROR")).message).toContain("is closed. Open another");
    }
    await using never = new SqliteSessionDb({ client });
    expect((await refusal(never.getSessions(), "DATABASE_ERROR")).message).toContain("is closed");
  });

  test("may serve two stores with separate tables", async () => {
    const client = new Database(temporaryFile());
    await using one = new SqliteSessionDb({ client, sessionTable: "one" });
    await using two = new SqliteSessionDb({ client, sessionTable: "two" });
    await Promise.all([one.upsertRun(turn("r")), two.upsertRun(turn("r")), two.upsertRun(turn("r2"))]);
    expect((await one.getSessions({ sessionName: "x" })).sessions).toEqual([]);
    expect((await one.getSession({ sessionId: "s" }))?.runs).toHaveLength(1);
    expect((await two.getSession({ sessionId: "s" }))?.runs).toHaveLength(2);
    await one.close();
    expect(await two.deleteSession({ sessionId: "s" })).toBe(true);
    client.close();
  });
});
