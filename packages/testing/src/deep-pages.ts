import type { GetRunsOptions, GetSessionsOptions, SessionDb } from "@sessiondb/core";
import { expect } from "vitest";

// Pages at every depth of long lists. Each database fills its tables by these rules: the session `long` has `deepCount`
// runs, and the user `many` as many sessions of the agent `c1`. The run or session number i has the id `r` or `s` and i
// in six digits, is created at `deepStart` + i, and the run has the place i.

export const deepCount = 100_000;
export const deepStart = 1_700_000_000;

const depths = [10, deepCount / 2, (deepCount * 9) / 10, deepCount - 100];
const rounds = 7;
/** The most that the slowest page may take of the time of the fastest, each at its best. */
const most = 12;

const idOf = (letter: string, number: number) => `${letter}${String(number).padStart(6, "0")}`;

/** A cursor that goes on at another place: the position follows the name of the order. */
function moved(cursor: string | null, position: readonly (string | number)[]): string {
  const [order] = JSON.parse(Buffer.from(cursor ?? "", "base64url").toString()) as [string];
  return Buffer.from(JSON.stringify([order, ...position])).toString("base64url");
}

type Page = () => Promise<unknown>;

async function runPages(db: SessionDb, options: GetRunsOptions): Promise<Page[]> {
  const { nextCursor } = await db.getRuns({ ...options, limit: 1 });
  return depths.map((depth) => {
    const number = options.sortOrder === "desc" ? deepCount - depth : depth;
    const cursor = moved(nextCursor, [number, deepStart + number, idOf("r", number)]);
    return async () => expect((await db.getRuns({ ...options, limit: 20, cursor })).runs).toHaveLength(20);
  });
}

async function sessionPages(db: SessionDb, options: GetSessionsOptions & { userId?: string }): Promise<Page[]> {
  const { nextCursor } = await db.getSessions({ ...options, limit: 1 });
  return depths.map((depth) => {
    const number = options.sortOrder === "desc" ? deepCount - depth : depth;
    const cursor = moved(nextCursor, [deepStart + number, idOf("s", number)]);
    const { page: _, ...rest } = options;
    return async () => expect((await db.getSessions({ ...rest, limit: 20, cursor })).sessions).toHaveLength(20);
  });
}

async function ratioOf(pages: readonly Page[]): Promise<number> {
  const best = pages.map(() => Number.POSITIVE_INFINITY);
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, page] of pages.entries()) {
      const start = performance.now();
      await page();
      best[index] = Math.min(best[index] ?? 0, performance.now() - start);
    }
  }
  // Shorter times are mostly the machine's.
  return Math.max(...best) / Math.max(1, Math.min(...best));
}

/** The lists whose pages cost the same at every depth. */
export const deepLists: Readonly<Record<string, (db: SessionDb) => Promise<Page[]>>> = Object.fromEntries(
  (["asc", "desc"] as const).flatMap((sortOrder): [string, (db: SessionDb) => Promise<Page[]>][] => [
    [`runs of a session, ${sortOrder}`, (db) => runPages(db, { sessionId: "long", sortOrder })],
    [
      `runs of a session with the usual status, ${sortOrder}`,
      (db) => runPages(db, { sessionId: "long", status: "COMPLETED", sortOrder }),
    ],
    [`runs of a component, ${sortOrder}`, (db) => runPages(db, { componentId: "c1", sortOrder })],
    [`sessions of a user, ${sortOrder}`, (db) => sessionPages(db, { userId: "many", sortOrder })],
    [
      `sessions of a user by their last use, ${sortOrder}`,
      (db) => sessionPages(db, { userId: "many", sortOrder, sortBy: "updatedAt" }),
    ],
    [
      `sessions of a component, ${sortOrder}`,
      (db) => sessionPages(db, { sessionType: "agent", componentId: "c1", sortOrder }),
    ],
  ]),
);

/** Checks that a page of a list takes about as long at every depth. */
export async function expectFlat(pages: readonly Page[]): Promise<void> {
  expect(await ratioOf(pages)).toBeLessThan(most);
}
