import assert from "node:assert/strict";
import type { SessionDb } from "@sessiondb/core";
import type { Cases } from "../conformance-case.ts";
import { listedIds, listedRunIds, run, session, start, untyped } from "../support/data.ts";
import { stored, storedRun } from "../support/dump.ts";
import { refusesArgument } from "../support/refusals.ts";
import { tableCases } from "../support/table-cases.ts";

const times: Readonly<Record<string, number>> = {
  "the epoch": 0,
  "a time before the epoch": -86_400,
  "the last second of 32 bits": 2 ** 31 - 1,
  "a time beyond 32 bits": 2 ** 32 + 1,
  "the year 5000": 95_617_584_000,
};

const brokenTimes: Readonly<Record<string, unknown>> = {
  milliseconds: 1_700_000_000_000,
  "a fraction": 1.5,
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  "a Date": new Date(0),
  text: "1700000000",
};

/** Store and test may run on two machines, each with its own clock. */
const skew = 120;

function assertNow(time: unknown, what: string): void {
  assert.ok(Number.isInteger(time), `${what} is whole seconds`);
  assert.ok(Math.abs((time as number) - Date.now() / 1000) < skew, `${what} is now`);
}

const touches: Readonly<Record<string, (db: SessionDb) => Promise<unknown>>> = {
  upsertSession: (db) => db.upsertSession(session("s", { createdAt: start + 7, updatedAt: start + 7 })),
  upsertRun: (db) => db.upsertRun({ session: session("s", { createdAt: start + 7 }), run: run("new") }),
  updateSession: (db) => db.updateSession({ sessionId: "s" }, { metadata: { changed: true } }),
  renameSession: (db) => db.renameSession({ sessionId: "s", sessionName: "changed" }),
};

export const timestampCases: Cases = {
  ...tableCases("%s is stored", times, async (db, time) => {
    await db.upsertSession(session("s", { createdAt: time, updatedAt: time, runs: [run("r", { createdAt: time })] }));
    const { createdAt, updatedAt } = await stored(db, "s");
    assert.deepStrictEqual([createdAt, updatedAt], [time, time]);
    assert.equal((await storedRun(db, "r")).createdAt, time);
    const around = { startTimestamp: time, endTimestamp: time };
    assert.deepStrictEqual(await listedIds(db, around), ["s"], "and found");
    assert.deepStrictEqual(await listedRunIds(db, around), ["r"], "and its run is found");
  }),
  ...tableCases("%s is refused", brokenTimes, async (db, time) => {
    const value = untyped(time);
    await db.upsertSession(session("s"));
    await refusesArgument(db, "createdAt", () => db.upsertSession(session("new", { createdAt: value })));
    await refusesArgument(db, "updatedAt", () => db.upsertSession(session("new", { updatedAt: value })));
    await refusesArgument(db, "createdAt", () =>
      db.upsertRun({ session: session("s"), run: run("r", { createdAt: value }) }),
    );
    for (const bound of ["startTimestamp", "endTimestamp"]) {
      await refusesArgument(db, bound, () => db.getSessions({ [bound]: value }));
      await refusesArgument(db, bound, () => db.getRuns({ [bound]: value }));
      await refusesArgument(db, bound, () => db.deleteSessions({ filter: { [bound]: value } }));
    }
  }),
  ...tableCases("%s touches updatedAt and keeps createdAt", touches, async (db, touch) => {
    await db.upsertSession(session("s"));
    await touch(db);
    const { createdAt, updatedAt } = await stored(db, "s");
    assert.equal(createdAt, start);
    assertNow(updatedAt, "updatedAt");
  }),

  "times that are left out become now": async (db) => {
    await db.upsertRun({
      session: { sessionId: "s", sessionType: "agent" },
      run: { runType: "agent", runId: "r", agentId: null },
    });
    assertNow((await stored(db, "s")).createdAt, "the session's createdAt");
    assertNow((await storedRun(db, "r")).createdAt, "the run's createdAt");
  },

  "reading touches nothing": async (db) => {
    await db.upsertSession(session("s", { runs: [run("r")] }));
    await db.getSession({ sessionId: "s" });
    await db.getSessions({ includeRuns: true });
    await db.getRuns({ sessionId: "s" });
    await db.getRun({ runId: "r" });
    assert.equal((await stored(db, "s")).updatedAt, start);
  },
};
