import { InMemorySessionDb, PartialDeleteError } from "@sessiondb/core";
import type { DeletedBatch, MatchingSelection, SessionSelection } from "@sessiondb/core/adapter";
import { expect, test } from "vitest";

/** Counts the transactions of deletes, and fails in the one of that number. */
class FailingStore extends InMemorySessionDb {
  readonly fault = new Error("the connection is gone");
  readonly batches: number[] = [];
  failIn = 0;
  onBatch: () => void = () => {};

  protected override async removeSessions(selection: SessionSelection): Promise<number> {
    const deleted = await super.removeSessions(selection);
    this.batches.push(deleted);
    return deleted;
  }

  protected override async removeMatching(selection: MatchingSelection): Promise<DeletedBatch> {
    if (this.batches.length + 1 === this.failIn) {
      this.failIn = 0;
      throw this.fault;
    }
    const batch = await super.removeMatching(selection);
    this.batches.push(batch.deleted);
    this.onBatch();
    return batch;
  }
}

const filter = { componentId: "a" };

async function open(count: number): Promise<FailingStore> {
  const db = new FailingStore();
  await db.upsertSessions(
    Array.from(
      { length: count },
      (_, index) => ({ sessionId: `s${index}`, sessionType: "agent", agentId: "a" }) as const,
    ),
  );
  return db;
}

async function left(db: FailingStore): Promise<number | undefined> {
  return (await db.getSessions({ limit: 0, includeTotal: true })).total;
}

test("a delete by filter works in batches until nothing is left", async () => {
  const db = await open(1200);
  expect(await db.deleteSessions({ filter })).toBe(1200);
  expect(db.batches).toEqual([500, 500, 200]);
});

test("named sessions are deleted in one transaction", async () => {
  const db = await open(1200);
  expect(await db.deleteSessions({ sessionIds: Array.from({ length: 1200 }, (_, index) => `s${index}`) })).toBe(1200);
  expect(db.batches).toEqual([1200]);
});

test("a failure after the first batch reports how many are gone, and a retry deletes the others", async () => {
  const db = await open(1200);
  db.failIn = 3;
  const failed = db.deleteSessions({ filter });
  await expect(failed).rejects.toThrow(PartialDeleteError);
  await expect(failed).rejects.toMatchObject({ code: "PARTIAL_DELETE", deleted: 1000, cause: db.fault });
  expect(await left(db)).toBe(200);
  expect(await db.deleteSessions({ filter })).toBe(200);
});

test("a failure in the first batch is thrown unchanged", async () => {
  const db = await open(10);
  db.failIn = 1;
  await expect(db.deleteSessions({ filter })).rejects.toBe(db.fault);
  expect(await left(db)).toBe(10);
});

test("an abort stops between two batches", async () => {
  const db = await open(1200);
  const controller = new AbortController();
  db.onBatch = () => {
    controller.abort("enough");
  };
  const aborted = db.deleteSessions({ filter, signal: controller.signal });
  await expect(aborted).rejects.toMatchObject({ code: "PARTIAL_DELETE", deleted: 500, cause: "enough" });
  expect(await left(db)).toBe(700);
});
