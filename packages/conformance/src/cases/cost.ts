import assert from "node:assert/strict";
import type { SessionDb } from "@sessiondb/core";
import type { Cases, CountedStore, DatabaseCounts, Open, OpenCounted } from "../conformance-case.ts";
import { run, session } from "../support/data.ts";
import { leaveOut } from "../support/leave-out.ts";
import { usingOpened } from "../support/using-store.ts";
import { tableCases } from "../support/table-cases.ts";

// The costs that must not grow with a session, checked by what the store asks of its database, if that is counted, and
// always by the clock, since a database can work a lot and return little.

/** The openers of the group. Without the second, only the clock decides. */
export interface CostSubject {
  readonly open: Open;
  readonly openCounted: OpenCounted | undefined;
}

const short = 10;
const long = 5_000;
/** The factor by which a call may cost more in a long session: an index one level deeper, not another 4,990 runs. */
const mostOften = 3;
/** The factor by which a call may take longer, since a machine may be busy with other things. */
const mostSlower = 8;
const spareMilliseconds = 2;
const rounds = 7;
const tries = 4;

interface NamedWork {
  readonly name: string;
  readonly call: Work;
}

type Work = (db: SessionDb, sessionId: string, round: number) => Promise<unknown>;

async function storeRuns(db: SessionDb): Promise<void> {
  const text = "x".repeat(200);
  for (const [sessionId, length] of [
    ["short", short],
    ["long", long],
  ] as const) {
    const runs = Array.from({ length }, (_, index) => run(`${sessionId} ${index}`, { content: text }));
    await db.upsertSession(session(sessionId, { userId: sessionId, runs }));
  }
}

/** Returns the counts of what the work asks of the database. */
async function counted(counts: () => DatabaseCounts, work: () => Promise<unknown>): Promise<DatabaseCounts> {
  const before = counts();
  await work();
  const after = counts();
  return {
    roundTrips: after.roundTrips - before.roundTrips,
    read: after.read - before.read,
    written: after.written - before.written,
  };
}

async function checkCounts(db: SessionDb, counts: () => DatabaseCounts, { name, call }: NamedWork): Promise<void> {
  // The first call of a kind may have to prepare something.
  await call(db, "short", -1);
  await call(db, "long", -1);
  const few = await counted(counts, () => call(db, "short", -2));
  const many = await counted(counts, () => call(db, "long", -2));
  for (const what of ["roundTrips", "read", "written"] as const) {
    const allowed = Math.max(few[what], 1) * mostOften;
    assert.ok(
      many[what] <= allowed,
      `${name}: ${what} is ${many[what]} in a session of ${long} runs and ${few[what]} in one of ${short}`,
    );
  }
}

async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}

/** Returns the shortest, least disturbed times. Short and long take turns, so a busy machine slows both. */
async function shortest(db: SessionDb, work: Work, from: number): Promise<{ few: number; many: number }> {
  let few = Infinity;
  let many = Infinity;
  for (let round = from; round < from + rounds; round += 1) {
    few = Math.min(few, await timeOf(() => work(db, "short", round)));
    many = Math.min(many, await timeOf(() => work(db, "long", round)));
  }
  return { few, many };
}

async function checkTime(db: SessionDb, { name, call }: NamedWork): Promise<void> {
  let times = { few: 0, many: Infinity };
  for (let attempt = 0; attempt < tries; attempt += 1) {
    times = await shortest(db, call, attempt * rounds);
    if (times.many <= times.few * mostSlower + spareMilliseconds) {
      return;
    }
  }
  const [few, many] = [times.few, times.many].map((time) => time.toFixed(2));
  assert.fail(`${name}: takes ${many} ms in a session of ${long} runs and ${few} ms in one of ${short}`);
}

const work: Readonly<Record<string, Work>> = {
  "getSession without runs reads no run": (db, sessionId) => db.getSession({ sessionId, includeRuns: false }),
  "a list without runs reads no run": (db, userId) => db.getSessions({ userId }),
  "a list with the count of runs reads no run": (db, userId) => db.getSessions({ userId, includeRunCount: true }),
  "getSession with runsLimit reads no earlier run": (db, sessionId) => db.getSession({ sessionId, runsLimit: 3 }),
  "a list with runsLimit reads no earlier run": (db, userId) =>
    db.getSessions({ userId, includeRuns: true, runsLimit: 3 }),
  "getRun reads that run": (db, sessionId) => db.getRun({ runId: `${sessionId} 1` }),
  "an update reads no run": (db, sessionId, round) => db.updateSession({ sessionId }, { metadata: { round } }),
  "upsertSession without runs reads no run": (db, sessionId, round) =>
    db.upsertSession(session(sessionId, { userId: sessionId, metadata: { round } })),
  "a further turn costs the same in a long session": (db, sessionId, round) =>
    db.upsertRun({ session: session(sessionId, { userId: sessionId }), run: run(`${sessionId} new ${round}`) }),
  "a replaced turn costs the same in a long session": (db, sessionId, round) =>
    db.upsertRun({
      session: session(sessionId, { userId: sessionId }),
      run: run(`${sessionId} 1`, { metadata: { round } }),
    }),
  "a turn with a change costs the same in a long session": (db, sessionId, round) =>
    db.upsertRun({
      session: session(sessionId, { userId: sessionId }),
      run: run(`${sessionId} changing ${round}`),
      change: ({ sessionState }) => ({ sessionState: { ...sessionState, round } }),
    }),
};

async function checkRoundTrips(
  openCounted: OpenCounted | undefined,
  withRuns: { includeRuns: true; runsLimit?: number },
): Promise<void> {
  if (openCounted === undefined) {
    leaveOut("the option openCounted was not given, and a clock cannot count round trips");
  }
  await usingOpened(openCounted, async ({ db, counts }) => {
    const ids = Array.from({ length: 30 }, (_, index) => `s${index}`);
    await db.upsertSessions(ids.map((id) => session(id, { runs: [run(`${id} a`), run(`${id} b`)] })));
    for (const limit of [1, 30]) {
      const call = (options: object) => counted(counts, () => db.getSessions({ limit, ...options }));
      await call({});
      await call(withRuns);
      const alone = (await call({})).roundTrips;
      const together = (await call(withRuns)).roundTrips;
      const options = JSON.stringify({ limit, ...withRuns });
      assert.ok(
        together <= alone + 1,
        `getSessions(${options}) takes ${together} round trips, and ${alone} without runs: one more is allowed`,
      );
    }
  });
}

export const costCases: Cases<CostSubject> = {
  ...tableCases("%s", work, async ({ open, openCounted }: CostSubject, call, name) => {
    const openEither = openCounted ?? (async () => ({ db: await open() }));
    await usingOpened<Partial<CountedStore> & { db: SessionDb }>(openEither, async ({ db, counts }) => {
      await storeRuns(db);
      if (counts !== undefined) {
        await checkCounts(db, counts, { name, call });
      }
      await checkTime(db, { name, call });
    });
  }),

  "a list with runs takes one round trip more than without": ({ openCounted }) =>
    checkRoundTrips(openCounted, { includeRuns: true }),
  "a list with runsLimit takes one round trip more than without": ({ openCounted }) =>
    checkRoundTrips(openCounted, { includeRuns: true, runsLimit: 2 }),
};
