import assert from "node:assert/strict";
import type { LegacyRunsProgress } from "@sessiondb/core";
import type { Cases, OpenLegacy } from "../conformance-case.ts";
import { run, runIdsIn, session } from "../support/data.ts";
import { dump, dumpSessions, storedRun } from "../support/dump.ts";
import { legacyRow, legacyRun, on } from "../support/legacy-rows.ts";

const old = ["old 1", "old 2", "old 3"];
const mine = session("s", { userId: "owner" });

/** Twelve sessions with 0 to 3 runs: 18 in all. */
const many = Array.from({ length: 12 }, (_, index) =>
  legacyRow({
    session_id: `s${index}`,
    runs: Array.from({ length: index % 4 }, (_unused, which) =>
      legacyRun(`run ${index}.${which}`, { session_id: `s${index}` }),
    ),
  }),
);

const longest = 2500;

const long = legacyRow({
  runs: Array.from({ length: longest }, (_, index) => ({ run_id: `run ${index}`, agent_id: "agent" })),
});

export const legacyMigrationCases: Cases<OpenLegacy> = {
  "copying does not change what is read": on(many, async (db) => {
    const before = await dumpSessions(db);
    assert.equal((await db.migrateLegacyRuns()).runs, 18);
    assert.equal((await dump(db)).runIds.length, 18);
    assert.deepStrictEqual(await dumpSessions(db), before);
  }),

  "copying twice copies nothing twice": on(many, async (db) => {
    await db.migrateLegacyRuns();
    const before = await dumpSessions(db);
    assert.equal((await db.migrateLegacyRuns()).runs, 0);
    assert.deepStrictEqual(await dumpSessions(db), before);
  }),

  "old runs stay before the new ones": on([legacyRow()], async (db) => {
    await db.upsertRun({ session: mine, run: run("new 1") });
    await db.migrateLegacyRuns();
    await db.upsertRun({ session: mine, run: run("new 2") });
    assert.deepStrictEqual(await runIdsIn(db, "s"), [...old, "new 1", "new 2"]);
  }),

  "copying does not overwrite a newer run": on([legacyRow()], async (db) => {
    await db.upsertRun({ session: mine, run: run("old 2", { content: "newer" }) });
    assert.equal((await db.migrateLegacyRuns()).runs, 2);
    assert.equal((await storedRun(db, "old 2")).content, "newer");
    assert.deepStrictEqual(await runIdsIn(db, "s"), old);
  }),

  "runs deleted afterwards do not come back": on([legacyRow()], async (db) => {
    await db.migrateLegacyRuns();
    assert.equal(await db.deleteRuns({ runIds: ["old 1"] }), 1);
    assert.equal((await db.migrateLegacyRuns()).runs, 0);
    assert.deepStrictEqual(await runIdsIn(db, "s"), ["old 2", "old 3"]);
    assert.equal(await db.getRun({ runId: "old 1" }), null);
  }),

  "progress is reported for every batch": on(many, async (db) => {
    const told: LegacyRunsProgress[] = [];
    const result = await db.migrateLegacyRuns({ batchSize: 5, onProgress: (progress) => told.push({ ...progress }) });
    assert.ok(told.length >= 2, "more than one batch");
    assert.deepStrictEqual(told.at(-1), result);
    const rising = told.toSorted((a, b) => a.sessions - b.sessions || a.runs - b.runs);
    assert.deepStrictEqual(told, rising, "progress never goes back");
  }),

  "a session of many runs is copied in several batches": on([long], async (db) => {
    const told: number[] = [];
    const result = await db.migrateLegacyRuns({ onProgress: ({ runs }) => told.push(runs) });
    assert.deepStrictEqual(result, { sessions: 1, runs: longest, skipped: 0 });
    assert.ok(told.length >= 2, "more than one batch");
    assert.deepStrictEqual(
      await runIdsIn(db, "s"),
      Array.from({ length: longest }, (_, index) => `run ${index}`),
    );
  }),

  "a run id that two sessions have is copied once": on(
    [
      legacyRow({ session_id: "a", runs: [legacyRun("one"), legacyRun("both")] }),
      legacyRow({ session_id: "b", runs: [legacyRun("both"), legacyRun("two")] }),
    ],
    async (db) => {
      const before = await dumpSessions(db);
      assert.deepStrictEqual(await db.migrateLegacyRuns(), { sessions: 2, runs: 3, skipped: 1 });
      assert.deepStrictEqual(await dumpSessions(db), before);
    },
  ),

  "batches of one": on(many, async (db) => {
    const before = await dumpSessions(db);
    assert.equal((await db.migrateLegacyRuns({ batchSize: 1 })).runs, 18);
    assert.deepStrictEqual(await dumpSessions(db), before);
  }),

  "a copy that stops between batches continues later": on(many, async (db) => {
    const before = await dumpSessions(db);
    const controller = new AbortController();
    const stop = () => controller.abort();
    const stopped = db.migrateLegacyRuns({ batchSize: 2, onProgress: stop, signal: controller.signal });
    // It may reject, or resolve with its progress, but it must not have reached the end.
    await stopped.catch(() => undefined);
    assert.deepStrictEqual(await dumpSessions(db), before, "half-way, everything is read as before");
    const { runs } = await db.migrateLegacyRuns();
    assert.ok(runs > 0 && runs <= 18, "the rest was still to do");
    assert.deepStrictEqual(await dumpSessions(db), before);
  }),

  "turns during the copying survive": on(many, async (db) => {
    const turns = many.map(({ session_id: sessionId }) =>
      db.upsertRun({ session: session(sessionId, { userId: "owner" }), run: run(`new in ${sessionId}`) }),
    );
    await Promise.all([db.migrateLegacyRuns({ batchSize: 1 }), ...turns]);
    await db.migrateLegacyRuns();
    const { runIds } = await dump(db);
    assert.equal(runIds.length, 18 + many.length);
    for (const { session_id: sessionId } of many) {
      assert.equal((await runIdsIn(db, sessionId)).at(-1), `new in ${sessionId}`);
    }
  }),

  "two copies at once copy once": on(many, async (db) => {
    const before = await dumpSessions(db);
    const [one, other] = await Promise.all([
      db.migrateLegacyRuns({ batchSize: 1 }),
      db.migrateLegacyRuns({ batchSize: 1 }),
    ]);
    assert.equal(one.runs + other.runs, 18);
    assert.deepStrictEqual(await dumpSessions(db), before);
  }),
};
