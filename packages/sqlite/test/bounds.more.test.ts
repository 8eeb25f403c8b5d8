import { setTimeout as sleep } from "node:timers/promises";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { faultsOf, fill } from "@sessiondb/testing/bounded-calls";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { refusal } from "@sessiondb/testing/refusal";
import { startWorker } from "@sessiondb/testing/worker";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { program, query, temporaryFile } from "./support.ts";

const busyTimeout = 1500;
/** What a slow machine may add, in milliseconds. */
const slack = 1200;
const turn = (runId: string) => ({ session: agentSession("s"), run: agentRun(runId) });

async function timeOf(work: Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work;
  return performance.now() - start;
}

describe("every call ends in time though another process holds", { timeout: 60_000 }, () => {
  /** What locks a file in a journal mode, and whether other connections may be open. */
  const locks = {
    "the write lock": { mode: "wal", statements: "begin immediate" },
    "the write lock of a file with a rollback journal": { mode: "delete", statements: "begin immediate" },
    "the whole file": { mode: "delete", statements: "begin exclusive" },
    "a file in WAL mode for itself": {
      mode: "wal",
      statements: "pragma locking_mode = exclusive; begin exclusive; create table theirs (a); commit",
    },
  };
  const matrix = Object.entries(locks)
    .flatMap(([held, lock]) => ["warm", "cold"].map((state) => ({ held, ...lock, state })))
    // SQLite takes a file for itself only while nobody else has it open.
    .filter(({ state, statements }) => state === "cold" || !statements.includes("locking_mode"));

  test.each(matrix)("$held, $state", async ({ mode, statements, state }) => {
    const file = temporaryFile();
    const first = new SqliteSessionDb({ file });
    await fill(first);
    await first.close();
    query(file, `pragma journal_mode = ${mode}`);
    const db = new SqliteSessionDb({ file, busyTimeout });
    if (state === "warm") {
      await db.getSessions();
    }
    await using holder = startWorker(program("hold-lock"), [file, statements]);
    await holder.said("locked");
    expect(await faultsOf(db, ["DATABASE_BUSY"], busyTimeout)).toEqual([]);
    const late = refusal(db.upsertRun(turn("late")), "DATABASE_BUSY");
    expect(await timeOf(db.close())).toBeLessThan(busyTimeout + slack);
    await late;
  });
});

describe("the waits of a call", { timeout: 30_000 }, () => {
  test("have one bound together: for a look at the tables, their creation, and the work", async () => {
    const file = temporaryFile();
    const other = new Database(file);
    other.exec("create table theirs (a); begin exclusive");
    await using db = new SqliteSessionDb({ file, busyTimeout });
    const call = refusal(db.upsertRun(turn("r")), "DATABASE_BUSY");
    const took = timeOf(call);
    await sleep(busyTimeout * 0.9);
    // Now the file can be read, but still not written.
    other.exec("commit; begin immediate");
    expect(await took).toBeLessThan(busyTimeout * 1.8);
    other.close();
  });

  test("are not cut short by those of earlier calls, with which it shared looks at the tables", async () => {
    const file = temporaryFile();
    const other = new Database(file);
    other.exec("create table theirs (a); begin exclusive");
    await using db = new SqliteSessionDb({ file, busyTimeout });
    const first = refusal(db.getSessions(), "DATABASE_BUSY");
    await sleep(busyTimeout * 0.3);
    const second = refusal(db.getSessions(), "DATABASE_BUSY");
    await sleep(busyTimeout * 0.6);
    const late = db.upsertRun(turn("late"));
    // The first look ends with the first call, and the next one with the second.
    await Promise.all([first, second]);
    await sleep(busyTimeout * 0.2);
    other.exec("commit");
    await late;
    other.close();
  });

  test("end in time behind those of a store that waits longer", async () => {
    const file = temporaryFile();
    await using patient = new SqliteSessionDb({ file, busyTimeout: 20_000 });
    await patient.upsertRun(turn("first"));
    const other = new Database(file);
    other.exec("begin immediate");
    const waiting = ["a", "b"].map((runId) => patient.upsertRun(turn(runId)));
    await sleep(50);
    await using db = new SqliteSessionDb({ file, busyTimeout: 200 });
    expect(await timeOf(refusal(db.upsertRun(turn("late")), "DATABASE_BUSY"))).toBeLessThan(200 + slack);
    other.exec("rollback");
    await Promise.all(waiting);
    await db.upsertRun(turn("last"));
    expect((await patient.getSession({ sessionId: "s" }))?.runs.map(({ runId }) => runId)).toEqual([
      "first",
      "a",
      "b",
      "last",
    ]);
    other.close();
  });
});
