import type { SessionDb } from "@sessiondb/core";
import { expect, test } from "vitest";

// The places of a session's runs after deletes, whatever they were before: one matrix for every database.

/** An empty database of a store. */
export interface PlaceSite {
  readonly db: SessionDb;
  /** Runs SQL beside the store; `runs` in it is the table of the runs. */
  readonly query: (sql: string) => Promise<Record<string, unknown>[]>;
}

/** Places as programs leave them: Agno's are equal where it wrote at the same time, and may be missing. */
const patterns: Readonly<Record<string, readonly (number | null)[]>> = {
  dense: [0, 1, 2, 3, 4, 5, 6, 7],
  "equal at the beginning": [0, 0, 0, 1, 2, 3, 4, 5],
  "equal in the middle": [0, 1, 2, 2, 2, 3, 4, 5],
  "equal at the end": [0, 1, 2, 3, 4, 5, 5, 5],
  "all equal": [3, 3, 3, 3, 3, 3, 3, 3],
  "with a gap": [0, 1, 2, 3, 9, 10, 11, 12],
  "with gaps and equal ones": [0, 0, 4, 4, 5, 9, 9, 9],
  "not from the beginning": [100, 101, 102, 103, 104, 105, 106, 107],
  "some missing": [null, null, 0, 1, 2, 3, 4, 5],
  "all missing": [null, null, null, null, null, null, null, null],
};

/** Which of the eight runs are deleted. */
const deletions: readonly (readonly number[])[] = [
  ...[0, 1, 2, 3, 4, 5, 6, 7].map((run) => [run]),
  [0, 1],
  [6, 7],
  [2, 3, 4],
  [1, 4],
  [0, 2, 4, 6],
  [1, 2, 5, 7],
  [0, 1, 2, 3, 4, 5, 6, 7],
];

const ways: Readonly<Record<string, (db: SessionDb, runIds: readonly string[]) => Promise<unknown>>> = {
  deleteRuns: (db, runIds) => db.deleteRuns({ runIds }),
  updateRun: async (db, runIds) => {
    for (const runId of runIds) {
      await db.updateRun({ runId }, () => null);
    }
  },
};

interface Place {
  readonly runId: string;
  readonly place: number | null;
}

export function placeTests(fresh: () => Promise<PlaceSite>): void {
  for (const [way, remove] of Object.entries(ways)) {
    for (const [pattern, places] of Object.entries(patterns)) {
      test(`places that are ${pattern}, after ${way}`, async () => {
        const { db, query } = await fresh();
        for (const [number, deleted] of deletions.entries()) {
          await checkPlaces({ db, query, sessionId: `s${number}`, places, remove, deleted });
        }
      });
    }
  }

  test("of other sessions stay as they are", async () => {
    const { db, query } = await fresh();
    for (const sessionId of ["a", "b"]) {
      await fill({ db, query }, sessionId, [0, 1, 5, 6]);
    }
    await db.deleteRuns({ runIds: ["a 0", "a 1"] });
    expect(await placesOf(query, "b")).toEqual([0, 1, 5, 6].map((place, run) => ({ runId: `b ${run}`, place })));
  });

  test("are dense after more scattered deletes than are closed one by one", async () => {
    const { db, query } = await fresh();
    const runIds = Array.from({ length: 500 }, (_, run) => `s ${run}`);
    await fill(
      { db, query },
      "s",
      Array.from(runIds, () => undefined),
    );
    expect(await db.deleteRuns({ runIds: runIds.filter((_, run) => run % 2 === 0) })).toBe(250);
    const rest = runIds.filter((_, run) => run % 2 === 1);
    expect(await placesOf(query, "s")).toEqual(rest.map((runId, place) => ({ runId, place })));
  });
}

async function checkPlaces({
  db,
  query,
  sessionId,
  places,
  remove,
  deleted,
}: PlaceSite & {
  readonly sessionId: string;
  readonly places: readonly (number | null)[];
  readonly remove: (typeof ways)[string];
  readonly deleted: readonly number[];
}): Promise<void> {
  await fill({ db, query }, sessionId, places);
  const gone = new Set(deleted.map((run) => `${sessionId} ${run}`));
  const before = await placesOf(query, sessionId);
  await remove(db, [...gone]);
  const after = await placesOf(query, sessionId);
  // The order stays.
  expect(after.map(({ runId }) => runId)).toEqual(before.map(({ runId }) => runId).filter((runId) => !gone.has(runId)));
  const rest = after.map(({ place }) => place);
  // Agno's next place is the number of runs, which must be behind them all.
  expect(rest.filter((place) => place === null || place >= rest.length)).toEqual([]);
  const isDense = before.every(({ place }, index) => place === index);
  expect(rest).toEqual(isDense ? rest.map((_, index) => index) : rest);
  const next = `${sessionId} next`;
  await db.upsertRun({
    session: { sessionType: "agent", sessionId, agentId: "a" },
    run: { runType: "agent", runId: next },
  });
  expect((await placesOf(query, sessionId)).at(-1)?.runId).toBe(next);
}

/** Writes a session with runs of these places, each undefined for the one that the store gives it. */
async function fill(
  { db, query }: PlaceSite,
  sessionId: string,
  places: readonly (number | null | undefined)[],
): Promise<void> {
  const runs = Array.from(
    { length: places.length },
    (_, run) => ({ runType: "agent", runId: `${sessionId} ${run}`, createdAt: 1000 + run }) as const,
  );
  await db.upsertSession({ sessionType: "agent", sessionId, agentId: "a", runs });
  if (!places.includes(undefined)) {
    // The sum has the type of a number even where the place is null.
    const cases = places.map((place, run) => `when '${sessionId} ${run}' then ${place} + 0`).join(" ");
    await query(`update runs set run_index = case run_id ${cases} end where session_id = '${sessionId}'`);
  }
}

/** The runs of a session in its order. */
async function placesOf(query: PlaceSite["query"], sessionId: string): Promise<Place[]> {
  const rows = await query(
    `select run_id, run_index from runs where session_id = '${sessionId}'
     order by coalesce(run_index, -1), created_at, run_id`,
  );
  return rows.map(({ run_id, run_index }) => ({
    runId: String(run_id),
    place: run_index === null ? null : Number(run_index),
  }));
}
