import { randomBytes } from "node:crypto";
import type { SessionDb } from "@sessiondb/core";
import type { BaseSessionDb, DeletedBatch, MatchingSelection, Signal } from "@sessiondb/core/adapter";
import { expect } from "vitest";
import { agentRun, agentSession } from "./models.ts";

// Deletes by filter, seen batch by batch.

type Store = SessionDb & AsyncDisposable;
type RemoveMatching = (selection: MatchingSelection, signal: Signal) => Promise<DeletedBatch>;

/** Notes how many sessions each batch of a store deletes. `first`: lets it delete only so many small batches. */
export function notedBatches(db: BaseSessionDb, first?: { readonly limit: number; readonly count: number }): number[] {
  const batches: number[] = [];
  const hooked = db as unknown as { removeMatching: RemoveMatching };
  const removeMatching = hooked.removeMatching.bind(db);
  hooked.removeMatching = async (selection, signal) => {
    const batch = await removeMatching({ ...selection, limit: first?.limit ?? selection.limit }, signal);
    batches.push(batch.deleted);
    return batches.length === first?.count ? { ...batch, next: null } : batch;
  };
  return batches;
}

async function store(
  db: SessionDb,
  count: number,
  runsOf: (sessionId: string) => ReturnType<typeof agentRun>[],
): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const sessionId = `b${index}`;
    await db.upsertSession({ ...agentSession(sessionId, { createdAt: 1000 + index }), runs: runsOf(sessionId) });
  }
}

/** Checks that no transaction of a delete by filter deletes more than so many rows, or 8 MiB. */
export async function expectBoundedBatches(db: BaseSessionDb & Store, rowsInBatch: number): Promise<void> {
  const batches = notedBatches(db);
  const filter = { componentId: "agent-1" };
  const runsEach = Math.floor(rowsInBatch / 2) - 1;
  await store(db, 3, (sessionId) =>
    Array.from({ length: runsEach }, (_, index) => agentRun(`${sessionId}-${index}`, { content: "x" })),
  );
  expect(await db.deleteSessions({ filter })).toBe(3);
  expect(batches.splice(0).filter((count) => count > 0)).toEqual([2, 1]);
  // Text that no database can compress to less than half.
  await store(db, 5, (sessionId) =>
    [0, 1].map((index) => agentRun(`${sessionId}-${index}`, { content: randomBytes(3_000_000).toString("base64") })),
  );
  expect(await db.deleteSessions({ filter })).toBe(5);
  expect(batches.filter((count) => count > 0)).toEqual([1, 1, 1, 1, 1]);
}

/** Checks that a writer of a session that a delete by filter deletes has its turns meanwhile. */
export async function expectTurnsMeanwhile(open: () => Store, deleting: BaseSessionDb & Store): Promise<void> {
  await using writer = open();
  const count = 1500;
  for (let from = 0; from < count; from += 500) {
    await deleting.upsertSessions(
      Array.from({ length: 500 }, (_, index) => ({
        ...agentSession(`b${from + index}`, { createdAt: 1000 + from + index }),
        runs: [0, 1, 2].map((each) => agentRun(`b${from + index}-${each}`)),
      })),
    );
  }
  const batches = notedBatches(deleting);
  const over = new AbortController();
  const deleted = deleting.deleteSessions({ filter: { componentId: "agent-1" } }).finally(() => {
    over.abort();
  });
  let turns = 0;
  while (!over.signal.aborted) {
    await writer.upsertRun({ session: agentSession("b1200"), run: agentRun(`w${turns}`) });
    turns += 1;
  }
  expect(await deleted).toBeGreaterThanOrEqual(count);
  expect(turns).toBeGreaterThan(batches.length);
}
