import { setTimeout as sleep } from "node:timers/promises";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { lockSeeker, query, temporaryFile } from "./support.ts";

const session = agentSession("s");
const ids = (length: number) => Array.from({ length }, (_, index) => `run ${index}`);
const content = "x".repeat(4000);
const turn = (runId: string) => ({ session, run: agentRun(runId, { content }) });

const inOrder = (file: string) =>
  query<{ id: string }>(file, "select run_id as id from agno_runs order by run_index").map(({ id }) => id);

/** Counts the timers of one millisecond that fire during work. */
async function timersDuring(work: () => Promise<unknown>): Promise<number> {
  let fired = 0;
  const timer = setInterval(() => (fired += 1), 1);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  return fired;
}

describe("the event loop has its turns", () => {
  const works: Readonly<Record<string, (db: SqliteSessionDb, calls: number) => Promise<unknown>>> = {
    "turns one after the other": async (db, calls) => {
      for (const runId of ids(calls)) {
        await db.upsertRun(turn(runId));
      }
    },
    "turns at once": (db, calls) => Promise.all(ids(calls).map((runId) => db.upsertRun(turn(runId)))),
    "reads one after the other": async (db, calls) => {
      for (const _ of ids(calls)) {
        await db.getSession({ sessionId: "s" });
      }
    },
    "reads at once": (db, calls) => Promise.all(ids(calls).map(() => db.getSession({ sessionId: "s" }))),
    "lists one after the other": async (db, calls) => {
      for (const _ of ids(calls)) {
        await db.getSessions({ includeRuns: true });
      }
    },
    "one search": async (db, calls) => {
      await db.upsertSession({ ...session, runs: ids(calls * 5).map((runId) => agentRun(runId, { content })) });
      await db.searchSessions({ text: "nothing like it", maxRuns: calls * 5 });
    },
    "reads and turns": async (db, calls) => {
      for (const runId of ids(calls)) {
        await db.upsertRun(turn(runId));
        await db.getRun({ runId });
      }
    },
  };
  /** Without a disk to wait for, the same time holds more calls. */
  const stores: Readonly<Record<string, { calls: number; open: () => SqliteSessionDb }>> = {
    "a file": { calls: 500, open: () => new SqliteSessionDb({ file: temporaryFile() }) },
    "a file without a wait for locks": {
      calls: 500,
      open: () => new SqliteSessionDb({ file: temporaryFile(), busyTimeout: 0 }),
    },
    "a client": { calls: 500, open: () => new SqliteSessionDb({ client: new Database(temporaryFile()) }) },
    memory: { calls: 2000, open: () => new SqliteSessionDb({ file: ":memory:" }) },
  };

  test.each(
    Object.entries(works).flatMap(([of, work]) =>
      Object.entries(stores).map(([on, store]) => ({ of, work, on, ...store })),
    ),
  )("during $of on $on", async ({ work, open, calls }) => {
    await using db = open();
    await db.upsertSession({ ...session, runs: ids(5).map((runId) => agentRun(`first ${runId}`, { content })) });
    expect(await timersDuring(() => work(db, calls))).toBeGreaterThanOrEqual(3);
  });

  test("but none in the caller's transaction, where other work must not come between", async () => {
    const client = new Database(":memory:");
    const db = new SqliteSessionDb({ client });
    await db.upsertSession(session);
    client.exec("begin immediate");
    const within = db.withTransaction(client);
    const fired = await timersDuring(async () => {
      for (const runId of ids(300)) {
        await within.upsertRun(turn(runId));
      }
      await within.searchSessions({ text: "nothing like it" });
    });
    client.exec("commit");
    expect(fired).toBe(0);
  });

  test("so a timeout ends a row of turns", async () => {
    const file = temporaryFile();
    await using db = new SqliteSessionDb({ file });
    await db.upsertSession(session);
    const signal = AbortSignal.timeout(20);
    const row = async () => {
      for (const runId of ids(20_000)) {
        await db.upsertRun({ ...turn(runId), signal });
      }
    };
    await expect(row()).rejects.toMatchObject({ name: "TimeoutError" });
  });
});

describe("calls of one process", () => {
  async function locked(): Promise<{ file: string; other: Database.Database }> {
    const file = temporaryFile();
    await using db = new SqliteSessionDb({ file });
    await db.upsertSession(session);
    const other = new Database(file);
    other.exec("begin immediate");
    return { file, other };
  }

  test("made at once are done in their order", async () => {
    const file = temporaryFile();
    await using db = new SqliteSessionDb({ file });
    await db.upsertSession(session);
    await Promise.all(ids(2000).map((runId) => db.upsertRun(turn(runId))));
    expect(inOrder(file)).toEqual(ids(2000));
  });

  test("that wait for a lock get it in the order in which they came, whatever store they came to", async () => {
    const { file, other } = await locked();
    await using one = new SqliteSessionDb({ file });
    await using another = new SqliteSessionDb({ file });
    const calls: Promise<unknown>[] = [];
    for (const [index, runId] of ids(40).entries()) {
      calls.push((index % 3 === 0 ? one : another).upsertRun(turn(runId)));
      await sleep(index % 4);
    }
    other.exec("rollback");
    calls.push(one.upsertRun(turn("last")));
    await Promise.all(calls);
    expect(inOrder(file)).toEqual([...ids(40), "last"]);
    other.close();
  });

  test("keep their order when some of them give up", async () => {
    const { file, other } = await locked();
    await using db = new SqliteSessionDb({ file });
    const impatient = AbortSignal.timeout(50);
    const outcomes = Promise.allSettled(
      ids(30).map((runId, index) => db.upsertRun({ ...turn(runId), ...(index % 2 === 0 && { signal: impatient }) })),
    );
    await sleep(100);
    other.exec("rollback");
    expect((await outcomes).map(({ status }) => status)).toEqual(
      ids(30).map((_, index) => (index % 2 === 0 ? "rejected" : "fulfilled")),
    );
    expect(inOrder(file)).toEqual(ids(30).filter((_, index) => index % 2 === 1));
    other.close();
  });

  test("with a busyTimeout of 0 wait for no others", async () => {
    const { file, other } = await locked();
    await using patient = new SqliteSessionDb({ file });
    await using hurried = new SqliteSessionDb({ file, busyTimeout: 0 });
    const waiting = patient.upsertRun(turn("waits"));
    await sleep(20);
    await expect(hurried.upsertRun(turn("fails"))).rejects.toMatchObject({ code: "DATABASE_BUSY" });
    other.exec("rollback");
    await waiting;
    other.close();
  });

  test("leave the lock to others between long writes", async () => {
    const file = temporaryFile();
    await using db = new SqliteSessionDb({ file });
    await db.upsertSession(session);
    const seeker = lockSeeker(file);
    for (const index of ids(10)) {
      const runs = ids(1000).map((runId) => agentRun(`${index} ${runId}`, { content }));
      await db.upsertSession({ ...agentSession(index), runs });
    }
    expect(seeker.stop()).toBeGreaterThanOrEqual(3);
  });
});
