import { setTimeout as sleep } from "node:timers/promises";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { agentRun, agentSession, refusal, temporaryFile } from "./support.ts";

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
  test("is waited for without blocking the event loop, and then told", { timeout: 20_000 }, async () => {
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

  test("is outlasted by a store that is patient enough", async () => {
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

  test("ends a call at once when no patience is given", async () => {
    const { file, other } = await lockedFile();
    await using db = new SqliteSessionDb({ file, busyTimeout: 0 });
    const start = performance.now();
    await refusal(db.upsertRun(turn("second")), "DATABASE_BUSY");
    expect(performance.now() - start).toBeLessThan(4000);
    other.close();
  });

  test("is outlasted on a file that is not in WAL mode yet", async () => {
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
