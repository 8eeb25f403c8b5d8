import { SqliteSessionDb } from "@sessiondb/sqlite";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { observeCalls } from "@sessiondb/testing/observed-calls";
import { expect, test } from "vitest";
import { temporaryFile } from "./support.ts";

const calls = observeCalls();

test("tells the statements of each call, their rows, and the bytes of their values", async () => {
  await using db = new SqliteSessionDb({ file: temporaryFile() });
  const session = agentSession("s");
  const content = "ü".repeat(50_000);
  await db.upsertRun({ session, run: { ...agentRun("first"), content } });
  await db.upsertRun({ session, run: agentRun("second") });
  await db.getSession({ sessionId: "s" });
  await db.getSession({ sessionId: "none" });
  await db.getRuns({ sessionId: "s" });
  await db.deleteSession({ sessionId: "s" });
  const [first, second, found, missing, runs, deleted] = calls;
  expect(calls.every(({ store, retries }) => store === "sqlite" && retries === 0)).toBe(true);
  expect(first?.bytes).toBeGreaterThan(100_000);
  // One row of the session, one of the run.
  expect(second).toMatchObject({ statements: 2, rows: 2 });
  expect(second?.bytes).toBeLessThan(10_000);
  expect(found).toMatchObject({ statements: 2, rows: 3 });
  expect(found?.bytes).toBeGreaterThan(100_000);
  expect(missing).toMatchObject({ statements: 1, rows: 0 });
  expect(runs?.rows).toBe(2);
  expect(deleted?.statements).toBeGreaterThan(0);
});

test("tells the calls on memories like those on sessions", async () => {
  calls.length = 0;
  await using db = new SqliteSessionDb({ file: temporaryFile() });
  await db.memories.upsertMemory({ memoryId: "a", userId: "ada", memory: "Likes tea" });
  await db.forUser("ada").memories?.getMemories();
  await db.memories.upsertMemory({ memoryId: "a", userId: "bob", memory: "Likes beer" }).catch(() => {});
  expect(calls.map(({ method, outcome, errorCode }) => [method, outcome, errorCode])).toEqual([
    ["upsertMemory", "succeeded", null],
    ["getMemories", "succeeded", null],
    ["upsertMemory", "failed", "MEMORY_OWNERSHIP"],
  ]);
  expect(calls[1]).toMatchObject({ store: "sqlite", statements: 1, rows: 1 });
});
