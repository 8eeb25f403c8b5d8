import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { refusal } from "@sessiondb/testing/refusal";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { temporaryFile } from "./support.ts";

const turn = (runId: string) => ({ session: agentSession("s"), run: agentRun(runId) });

/** The longest time for which no timer could fire while `work` was under way. */
async function longestBlock(work: () => Promise<unknown>): Promise<number> {
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 1);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  return Math.max(longest, performance.now() - last);
}

async function lockedFile(): Promise<{ file: string; other: Database.Database }> {
  const file = temporaryFile();
  await using db = new SqliteSessionDb({ file });
  await db.upsertRun(turn("first"));
  const other = new Database(file);
  other.exec("begin immediate");
  return { file, other };
}

describe("a lock that another connection holds", () => {
  test("is waited for without blocking the event loop, and then reported", { timeout: 20_000 }, async () => {
    const { file, other } = await lockedFile();
    await using db = new SqliteSessionDb({ file, busyTimeout: 1500 });
    const start = performance.now();
    const blocked = await longestBlock(async () => {
      const error = await refusal(db.upsertRun(turn("second")), "DATABASE_BUSY");
      expect(error.message).toContain(file);
      expect(error.cause).toMatchObject({ code: "SQLITE_BUSY" });
    });
    const waited = performance.now() - start;
    expect(waited).toBeGreaterThanOrEqual(1500);
    expect(waited).toBeLessThan(8000);
    expect(blocked).toBeLessThan(750);
    other.exec("rollback");
    await db.upsertRun(turn("second"));
    other.close();
  });

  test("does not stop readers", async () => {
    const { file, other } = await lockedFile();
    await using db = new SqliteSessionDb({ file, busyTimeout: 0 });
    expect((await db.getSession({ sessionId: "s" }))?.runs).toHaveLength(1);
    other.close();
  });

  test("is outlasted by the default busyTimeout", async () => {
    const { file, other } = await lockedFile();
    await using db = new SqliteSessionDb({ file });
    const writes = ["a", "b", "c"].map((runId) => db.upsertRun(turn(runId)));
    const migration = db.migrate();
    await sleep(300);
    other.exec("commit");
    await Promise.all([...writes, migration]);
    expect((await db.getSession({ sessionId: "s" }))?.runs).toHaveLength(4);
    other.close();
  });

  test("ends a call at once if busyTimeout is 0", async () => {
    const { file, other } = await lockedFile();
    await using db = new SqliteSessionDb({ file, busyTimeout: 0 });
    const start = performance.now();
    await refusal(db.upsertRun(turn("second")), "DATABASE_BUSY");
    expect(performance.now() - start).toBeLessThan(4000);
    other.close();
  });

  test("is outlasted on a file that is not yet in WAL mode", async () => {
    const file = temporaryFile();
    const other = new Database(file);
    other.exec("create table theirs (a); begin exclusive");
    await using db = new SqliteSessionDb({ file });
    const write = db.upsertRun(turn("first"));
    await sleep(100);
    other.exec("commit");
    await write;
    expect((await db.getSession({ sessionId: "s" }))?.runs).toHaveLength(1);
    other.close();
  });
});

describe("a call aborted while another connection holds the lock", () => {
  const writes: Record<string, (db: SqliteSessionDb, signal: AbortSignal) => Promise<unknown>> = {
    upsertRun: (db, signal) => db.upsertRun({ ...turn("second"), signal }),
    "upsertRun with a condition": (db, signal) => db.upsertRun({ ...turn("second"), onlyIfNewest: "first", signal }),
    updateRun: (db, signal) => db.updateRun({ runId: "first", signal }, () => null),
    upsertSession: (db, signal) => db.upsertSession(agentSession("new"), { signal }),
    upsertSessions: (db, signal) => db.upsertSessions([agentSession("new")], { signal }),
    updateSession: (db, signal) => db.updateSession({ sessionId: "s", signal }, { sessionName: "x" }),
    renameSession: (db, signal) => db.renameSession({ sessionId: "s", sessionName: "x", signal }),
    deleteSession: (db, signal) => db.deleteSession({ sessionId: "s", signal }),
    deleteSessions: (db, signal) => db.deleteSessions({ sessionIds: ["s"], signal }),
    "deleteSessions with a filter": (db, signal) => db.deleteSessions({ filter: { sessionType: "agent" }, signal }),
    deleteRuns: (db, signal) => db.deleteRuns({ runIds: ["first"], signal }),
    migrate: (db, signal) => db.migrate({ signal }),
  };

  test.each(Object.entries(writes))("rejects with the reason at once: %s", async (_, write) => {
    const { file, other } = await lockedFile();
    const before = other.prepare("select * from agno_sessions join agno_runs using (session_id)").all();
    await using db = new SqliteSessionDb({ file });
    const controller = new AbortController();
    const reason = new Error("enough");
    const call = write(db, controller.signal);
    let isSettled = false;
    const settled = call.catch((error: unknown) => error).finally(() => (isSettled = true));
    await sleep(150);
    expect(isSettled).toBe(false);
    const start = performance.now();
    controller.abort(reason);
    expect(await settled).toBe(reason);
    expect(performance.now() - start).toBeLessThan(90);
    other.exec("rollback");
    await sleep(250);
    expect(other.prepare("select * from agno_sessions join agno_runs using (session_id)").all()).toEqual(before);
    other.close();
  });

  test("has stored nothing, and can be repeated", async () => {
    const { file, other } = await lockedFile();
    await using db = new SqliteSessionDb({ file });
    await expect(db.upsertRun({ ...turn("second"), signal: AbortSignal.timeout(30) })).rejects.toMatchObject({
      name: "TimeoutError",
    });
    other.exec("rollback");
    expect(await db.upsertRun(turn("second"))).toEqual({ stored: true, deletedRuns: 0 });
    expect((await db.getSession({ sessionId: "s" }))?.runs).toHaveLength(2);
    other.close();
  });

  test("does not start if the signal is already aborted", async () => {
    const file = temporaryFile();
    await using db = new SqliteSessionDb({ file });
    const reason = new Error("before");
    await expect(db.upsertRun({ ...turn("r"), signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await expect(db.getSessions({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(existsSync(file)).toBe(false);
  });
});
