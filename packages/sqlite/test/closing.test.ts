import { existsSync } from "node:fs";
import { join } from "node:path";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { refusal } from "@sessiondb/testing/refusal";
import { runWorker } from "@sessiondb/testing/worker";
import Database from "better-sqlite3";
import { describe, expect, test, vi } from "vitest";
import { program, query, temporaryFile, temporaryFolder } from "./support.ts";

const session = agentSession("s");

describe("a store", () => {
  test("does nothing before its first call", async () => {
    const file = temporaryFile();
    const db = new SqliteSessionDb({ file });
    db.forUser("u");
    expect(existsSync(file)).toBe(false);
    await db.close();
    expect(existsSync(file)).toBe(false);
  });

  test("copies its options", async () => {
    const file = temporaryFile();
    const options = { file, sessionTable: "mine" };
    await using db = new SqliteSessionDb(options);
    options.file = temporaryFile();
    options.sessionTable = "other";
    await db.upsertSession(session);
    expect(query(file, "select session_id from mine")).toEqual([{ session_id: "s" }]);
  });

  test.each([
    [{}],
    [{ file: "" }],
    [{ file: 5 as unknown as string }],
    [{ file: "a.db", client: new Database(":memory:") }],
    [{ file: "a.db", sessionTable: "" }],
    [{ file: "a.db", sessionTable: "x".repeat(49) }],
    [{ file: "a.db", sessionTable: "a\0b" }],
    [{ file: "a.db", busyTimeout: Number.NaN }],
    [{ file: "a.db", busyTimeout: -1 }],
    [{ file: "a.db", busyTimeout: "5" as unknown as number }],
    [{ file: "a.db", synchronous: "off" as unknown as "full" }],
    [{ file: "a.db", indexes: "all" as unknown as "agno" }],
    [{ file: "a.db", maxPayloadBytes: Number.NaN }],
    [{ file: "a.db", runsTable: "agno_sessions" }],
    [{ file: "a.db", runsTable: "agno_schema_versions" }],
  ])("refuses %j", (options) => {
    expect(() => new SqliteSessionDb(options)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
  });

  test("in memory keeps its data as long as it is open", async () => {
    const db = new SqliteSessionDb({ file: ":memory:" });
    await db.upsertRun({ session, run: agentRun("r") });
    expect((await db.getSession({ sessionId: "s" }))?.runs).toHaveLength(1);
    await using other = new SqliteSessionDb({ file: ":memory:" });
    expect(await other.getSession({ sessionId: "s" })).toBeNull();
    await db.close();
  });
});

describe("closing", () => {
  test("waits for running calls", async () => {
    const file = temporaryFile();
    await using first = new SqliteSessionDb({ file });
    await first.upsertSession(session);
    const other = new Database(file);
    other.exec("begin immediate");
    const db = new SqliteSessionDb({ file });
    // The write waits for a lock, so it is still under way.
    const write = db.upsertRun({ session, run: agentRun("r") });
    const events: string[] = [];
    const written = write.then(() => events.push("written"));
    const closed = db.close().then(() => events.push("closed"));
    await refusal(db.getSession({ sessionId: "s" }), "CLOSED");
    expect(events).toEqual([]);
    other.exec("commit");
    await Promise.all([written, closed]);
    expect(events).toEqual(["written", "closed"]);
    expect((await first.getSession({ sessionId: "s" }))?.runs).toHaveLength(1);
    other.close();
  });

  test("is harmless when repeated, and every later call is refused", async () => {
    const db = new SqliteSessionDb({ file: temporaryFile() });
    await db.upsertRun({ session, run: agentRun("r") });
    await Promise.all([db.close(), db.close()]);
    await db.close();
    const scoped = db.forUser("u");
    for (const call of [
      () => db.getSession({ sessionId: "s" }),
      () => db.upsertRun({ session, run: agentRun("r") }),
      () => db.migrate(),
      () => db.planMigration(),
      () => db.verifySchema(),
      () => db.migrateLegacyRuns(),
      () => scoped.getSessions(),
    ]) {
      await refusal(call(), "CLOSED");
    }
  });

  test("happens at the end of `await using`, even if the block throws", async () => {
    let left: SqliteSessionDb | null = null;
    const block = async (): Promise<void> => {
      await using db = new SqliteSessionDb({ file: temporaryFile() });
      left = db;
      await db.upsertSession(session);
      throw new Error("out of the block");
    };
    await expect(block()).rejects.toThrow("out of the block");
    await refusal((left as unknown as SqliteSessionDb).getSessions(), "CLOSED");
  });

  test("leaves one file that contains everything", async () => {
    const file = temporaryFile();
    const db = new SqliteSessionDb({ file });
    await db.upsertRun({ session, run: agentRun("r") });
    expect(existsSync(`${file}-wal`)).toBe(true);
    await db.close();
    expect(existsSync(`${file}-wal`)).toBe(false);
    expect(query(file, "select run_id from agno_runs")).toEqual([{ run_id: "r" }]);
  });

  test("works after a first call that failed", async () => {
    const db = new SqliteSessionDb({ file: join(temporaryFolder(), "missing", "sessions.db") });
    await refusal(db.getSessions(), "DATABASE_UNREACHABLE");
    await db.close();
  });
});

test("an open store does not keep its process alive", { timeout: 60_000 }, async () => {
  const file = temporaryFile();
  expect(await runWorker(program("leave-open"), [file])).toBe("stored");
  expect(query(file, "select run_id from agno_runs")).toEqual([{ run_id: "r" }]);
});

describe("a connection that the store opened", () => {
  const settingsOf = async (options: { synchronous?: "full" | "normal"; busyTimeout?: number }) => {
    const exec = vi.spyOn(Database.prototype, "exec");
    await using db = new SqliteSessionDb({ file: temporaryFile(), ...options });
    await db.upsertRun({ session, run: agentRun("r") });
    const client = exec.mock.contexts[0] as Database.Database | undefined;
    exec.mockRestore();
    const read = (name: string): unknown => client?.pragma(name, { simple: true });
    return ["journal_mode", "synchronous", "foreign_keys", "busy_timeout"].map(read);
  };

  test("syncs every commit to the disk, enforces foreign keys, and never waits inside SQLite", async () => {
    expect(await settingsOf({})).toEqual(["wal", 2, 1, 0]);
  });

  test("syncs less often with synchronous: normal", async () => {
    expect(await settingsOf({ synchronous: "normal", busyTimeout: 10 })).toEqual(["wal", 1, 1, 0]);
  });
});
