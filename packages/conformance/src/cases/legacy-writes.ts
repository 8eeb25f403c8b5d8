import assert from "node:assert/strict";
import type { Cases, OpenLegacy } from "../conformance-case.ts";
import { listedRunIds, run, runIdsIn, runIdsOf, session } from "../support/data.ts";
import { dump, dumpSessions, stored, storedRun } from "../support/dump.ts";
import { legacyRow, on } from "../support/legacy-rows.ts";
import { assertRefusal, rejection } from "../support/refusals.ts";

const old = ["old 1", "old 2", "old 3"];
const mine = session("s", { userId: "owner" });

export const legacyWriteCases: Cases<OpenLegacy> = {
  "a new run comes after the old ones": on([legacyRow()], async (db) => {
    await db.upsertRun({ session: mine, run: run("new 1") });
    await db.upsertSession({ ...mine, runs: [run("new 2")] });
    assert.deepStrictEqual(await runIdsIn(db, "s"), [...old, "new 1", "new 2"]);
    assert.deepStrictEqual(await listedRunIds(db, { sessionId: "s" }), [...old, "new 1", "new 2"]);
  }),

  "an old run written again is replaced in its place": on([legacyRow()], async (db) => {
    await db.upsertRun({ session: mine, run: run("old 2", { content: "second", status: "ERROR" }) });
    await db.upsertRun({ session: mine, run: run("new") });
    assert.deepStrictEqual(await runIdsIn(db, "s"), [...old, "new"]);
    assert.equal((await storedRun(db, "old 2")).content, "second");
    assert.equal((await stored(db, "s")).runs[1]?.content, "second");
    assert.equal((await stored(db, "s")).runs[0]?.content, "answer of old 1", "the others stay");
  }),

  "a session written whole keeps its old runs": on([legacyRow()], async (db) => {
    await db.upsertSession(await stored(db, "s"));
    await db.upsertSession({ ...mine, runs: [] });
    const { runs } = await stored(db, "s");
    assert.deepStrictEqual(runIdsOf(runs), old);
    assert.deepStrictEqual(runs[0]?.extra, { future_key: ["kept"] });
  }),

  "an old run can be deleted and stays deleted": on([legacyRow()], async (db) => {
    assert.equal(await db.deleteRuns({ runIds: ["old 2"], userId: "owner" }), 1);
    assert.deepStrictEqual(await runIdsIn(db, "s"), ["old 1", "old 3"]);
    await db.upsertRun({ session: mine, run: run("new") });
    await db.migrateLegacyRuns();
    assert.deepStrictEqual(await runIdsIn(db, "s"), ["old 1", "old 3", "new"]);
  }),

  "conditions see the old runs": on([legacyRow()], async (db) => {
    const before = await dumpSessions(db);
    const turn = { session: mine, run: run("new") };
    const unmet = [
      await db.upsertRun({ ...turn, onlyIfNewest: null }),
      await db.upsertRun({ ...turn, onlyIfNewest: "old 2" }),
      await db.upsertRun({ ...turn, onlyIfExists: "run" }),
      await db.upsertRun({ session: mine, run: run("old 2"), onlyIfStatus: ["PAUSED", "ERROR"] }),
    ];
    assert.deepStrictEqual(
      unmet.map((each) => !each.stored && each.unmet),
      ["onlyIfNewest", "onlyIfNewest", "onlyIfExists", "onlyIfStatus"],
    );
    assert.deepStrictEqual(await dumpSessions(db), before);
    const second = { session: mine, run: run("old 2", { content: "second" }) };
    assert.equal((await db.upsertRun({ ...second, onlyIfExists: "run", onlyIfStatus: "COMPLETED" })).stored, true);
    assert.equal((await db.upsertRun({ ...turn, onlyIfNewest: "old 3" })).stored, true);
    assert.deepStrictEqual(await runIdsIn(db, "s"), [...old, "new"]);
  }),

  "an old end is replaced and does not come back": on([legacyRow()], async (db) => {
    const unknown = { session: mine, run: run("new"), deleteRunsAfter: "old 4" };
    assertRefusal(await rejection(() => db.upsertRun(unknown)), "INVALID_ARGUMENT");
    assert.deepStrictEqual(await runIdsIn(db, "s"), old);
    const result = await db.upsertRun({ session: mine, run: run("new"), deleteRunsAfter: "old 1" });
    assert.deepStrictEqual(result, { stored: true, deletedRuns: 2 });
    assert.deepStrictEqual(await runIdsIn(db, "s"), ["old 1", "new"]);
    assert.equal(await db.getRun({ runId: "old 2" }), null);
    await db.migrateLegacyRuns();
    assert.deepStrictEqual((await dump(db)).runIds, ["new", "old 1"]);
    assert.deepStrictEqual(await runIdsIn(db, "s"), ["old 1", "new"]);
  }),

  "deleteRunsAfter may name the old run that is written again": on([legacyRow()], async (db) => {
    const again = { session: mine, run: run("old 2", { content: "again" }), deleteRunsAfter: "old 2" };
    assert.deepStrictEqual(await db.upsertRun(again), { stored: true, deletedRuns: 1 });
    await db.migrateLegacyRuns();
    assert.deepStrictEqual(await runIdsIn(db, "s"), ["old 1", "old 2"]);
    assert.equal((await storedRun(db, "old 2")).content, "again");
  }),

  "an old run can be changed in its place": on([legacyRow()], async (db) => {
    assert.equal(await db.updateRun({ runId: "old 2", sessionId: "other" }, () => assert.fail("called")), null);
    const userId = "another";
    assertRefusal(await rejection(() => db.updateRun({ runId: "old 2", userId }, () => null)), "SESSION_OWNERSHIP");
    const changed = await db.updateRun({ runId: "old 2", userId: "owner" }, (current) => ({
      ...current,
      content: "changed",
    }));
    assert.deepStrictEqual([changed?.content, changed?.extra], ["changed", { future_key: ["kept"] }]);
    await db.migrateLegacyRuns();
    assert.deepStrictEqual(await runIdsIn(db, "s"), old);
    assert.equal((await storedRun(db, "old 2")).content, "changed");
    assert.equal((await storedRun(db, "old 3")).content, "answer of old 3", "the others stay");
  }),

  "an old run deleted by a change stays deleted": on([legacyRow()], async (db) => {
    assert.equal(await db.updateRun({ runId: "old 2" }, () => null), null);
    assert.deepStrictEqual(await runIdsIn(db, "s"), ["old 1", "old 3"]);
    await db.migrateLegacyRuns();
    assert.deepStrictEqual((await dump(db)).runIds, ["old 1", "old 3"]);
  }),

  "deleting a session deletes its old runs": on([legacyRow()], async (db) => {
    await db.upsertRun({ session: mine, run: run("new") });
    assert.equal(await db.deleteSession({ sessionId: "s", userId: "owner" }), true);
    assert.deepStrictEqual(await dump(db), { sessions: [], runIds: [] });
    await db.upsertRun({ session: mine, run: run("fresh") });
    assert.deepStrictEqual(await runIdsIn(db, "s"), ["fresh"], "a session with the same id starts empty");
  }),

  "old sessions are protected from other users": on([legacyRow()], async (db) => {
    const before = await dumpSessions(db);
    const userId = "another";
    assert.equal(await db.getSession({ sessionId: "s", userId }), null);
    const turn = { session: session("s", { userId }), run: run("new") };
    assertRefusal(await rejection(() => db.upsertRun(turn)), "SESSION_OWNERSHIP");
    assertRefusal(await rejection(() => db.deleteSession({ sessionId: "s", userId })), "SESSION_OWNERSHIP");
    assertRefusal(await rejection(() => db.deleteRuns({ runIds: ["old 1"], userId })), "SESSION_OWNERSHIP");
    assert.deepStrictEqual(await dumpSessions(db), before);
  }),
};
