import assert from "node:assert/strict";
import type { AgentRun, SessionDb } from "@sessiondb/core";
import type { Cases } from "../conformance-case.ts";
import { listedIds, listedRunIds, run, runIdsIn, runIdsOf, session, start, untyped } from "../support/data.ts";
import { dump, storedRun, walk } from "../support/dump.ts";
import { runIdPages } from "../support/id-pages.ts";
import { refuses, refusesArgument } from "../support/refusals.ts";
import { tableCases } from "../support/table-cases.ts";

const own = session("s", { userId: "owner" });

/** A conversation of three turns; the first two have member runs. Each run has a user and a status of its own. */
const conversation: readonly AgentRun[] = [
  run("a"),
  run("a member", { parentRunId: "a" }),
  run("b", { createdAt: start + 5 }),
  run("b member", { parentRunId: "b" }),
  run("b inner", { parentRunId: "b member" }),
  run("c"),
].map((each) => ({ ...each, userId: `user of ${each.runId}`, status: `status of ${each.runId}` }));

const ids = runIdsOf(conversation);
const afterEach = Object.fromEntries(ids.map((runId) => [JSON.stringify(runId), runId]));

/** Asserts that every read shows these runs of the session. */
async function assertRuns(db: SessionDb, expected: readonly string[], what: string): Promise<void> {
  assert.deepStrictEqual(await runIdsIn(db, "s"), expected, `${what}: getSession`);
  for (const limit of [1, 2, 50]) {
    const list = { sessionId: "s", limit };
    assert.deepStrictEqual(await walk(runIdPages(db, list)), expected, `${what}: getRuns by pages of ${limit}`);
    const backwards = await walk(runIdPages(db, { ...list, sortOrder: "desc" }));
    assert.deepStrictEqual(backwards, expected.toReversed(), `${what}: getRuns backwards`);
  }
  assert.deepStrictEqual((await listedRunIds(db)).toSorted(), expected.toSorted(), `${what}: all runs`);
  const { sessions } = await db.getSessions({ includeRuns: true, includeRunCount: true });
  assert.deepStrictEqual(runIdsOf(sessions[0]?.runs ?? []), expected, `${what}: getSessions`);
  assert.equal(sessions[0]?.runCount, expected.length, `${what}: runCount`);
}

async function assertFound(db: SessionDb, runId: string, there: boolean): Promise<void> {
  const expected = there ? ["s"] : [];
  const found = there ? [runId] : [];
  const what = `${runId} is ${there ? "there" : "gone"}`;
  assert.equal((await db.getRun({ runId }))?.runId, there ? runId : undefined, `${what}: getRun`);
  const participantId = `user of ${runId}`;
  const status = untyped(`status of ${runId}`);
  assert.deepStrictEqual(await listedIds(db, { participantId }), expected, `${what}: its user`);
  assert.deepStrictEqual(await listedIds(db, { runStatus: status }), expected, `${what}: its status`);
  assert.deepStrictEqual(await listedRunIds(db, { participantId }), found, `${what}: runs of its user`);
  assert.deepStrictEqual(await listedRunIds(db, { status }), found, `${what}: runs of its status`);
}

async function checkCut(db: SessionDb, after: string | null): Promise<void> {
  for (const written of ["New", ...ids]) {
    const what = `${written} is written, and all after ${after} is deleted`;
    await db.deleteSession({ sessionId: "s" });
    await db.upsertSession({ ...own, runs: conversation });
    const place = after === null ? -1 : ids.indexOf(after);
    const kept = ids.filter((id, index) => index <= place || id === written);
    const fields = { userId: `user of ${written}`, status: `status of ${written}`, createdAt: start - 50 };
    const turn = { session: own, run: run(written, { ...fields, content: "written" }), deleteRunsAfter: after };
    const expected = { stored: true, deletedRuns: ids.length - kept.length };
    assert.deepStrictEqual(await db.upsertRun(turn), expected, what);
    const left = written === "New" ? [...kept, "New"] : kept;
    await assertRuns(db, left, what);
    const { content, createdAt } = await storedRun(db, written);
    const before = conversation.find(({ runId }) => runId === written);
    assert.deepStrictEqual([content, createdAt], ["written", before?.createdAt ?? start - 50], what);
    for (const runId of ["New", ...ids]) {
      await assertFound(db, runId, left.includes(runId));
    }
    await db.upsertRun({ session: own, run: run("Later", { createdAt: start - 99 }) });
    await assertRuns(db, [...left, "Later"], `${what}, then another run is appended`);
    assert.deepStrictEqual(await db.upsertRun({ ...turn, deleteRunsAfter: written }), {
      stored: true,
      deletedRuns: left.length - left.indexOf(written),
    });
  }
}

/** A run that is stored keeps what comes after it, whatever is deleted before it. */
async function checkKept(db: SessionDb, after: string | null): Promise<void> {
  for (const written of ["New", ...ids]) {
    const what = `${written} is written, and all between ${after} and it is deleted`;
    await db.deleteSession({ sessionId: "s" });
    await db.upsertSession({ ...own, runs: conversation });
    const [first, last] = [after === null ? -1 : ids.indexOf(after), ids.indexOf(written)];
    const isBetween = (place: number): boolean => place > first && (last === -1 || place < last);
    const kept = ids.filter((_id, place) => !isBetween(place));
    const turn = { session: own, run: run(written), deleteRunsAfter: after, keepLaterRuns: true };
    const expected = { stored: true, deletedRuns: ids.length - kept.length };
    assert.deepStrictEqual(await db.upsertRun(turn), expected, what);
    const left = last === -1 ? [...kept, written] : kept;
    await assertRuns(db, left, what);
    await db.upsertRun({ session: own, run: run("Later") });
    await assertRuns(db, [...left, "Later"], `${what}, then another run is appended`);
  }
}

export const replaceEndCases: Cases = {
  "keepLaterRuns keeps the runs after the written one, of all": (db) => checkKept(db, null),
  ...tableCases("keepLaterRuns keeps the runs after the written one, after %s", afterEach, checkKept),
  "null deletes all other runs": (db) => checkCut(db, null),
  ...tableCases("the runs after %s are deleted", afterEach, checkCut),

  "the id of a run that is not in the session is refused": async (db) => {
    await db.upsertSession({ ...own, runs: conversation });
    await db.upsertSession(session("t", { runs: [run("t1")] }));
    await db.upsertSession(session("empty"));
    const change = { metadata: { changed: true } };
    const also = [{ session: session("further"), change }];
    for (const [init, deleteRunsAfter] of [
      [own, "nowhere"],
      [own, "t1"],
      [own, "A"],
      [own, "a "],
      [own, "s"],
      [session("empty"), "a"],
      [session("absent"), "a"],
    ] as const) {
      for (const runId of ["new", ...(init === own ? ["b"] : [])]) {
        await refusesArgument(db, "deleteRunsAfter", () =>
          db.upsertRun({ session: init, run: run(runId), deleteRunsAfter, change, also }),
        );
      }
    }
    await refusesArgument(db, "deleteRunsAfter", () =>
      db.upsertRun({ session: own, run: run("new"), deleteRunsAfter: "new" }),
    );
  },

  "null creates a missing session": async (db) => {
    const result = await db.upsertRun({ session: own, run: run("first"), deleteRunsAfter: null });
    assert.deepStrictEqual(result, { stored: true, deletedRuns: 0 });
    await assertRuns(db, ["first"], "a new session");
  },

  "nothing is deleted when the turn is refused": async (db) => {
    await db.upsertSession({ ...own, runs: conversation });
    await db.upsertSession(session("t", { runs: [run("t1")] }));
    const turn = { session: own, run: run("new"), deleteRunsAfter: null };
    await refuses(db, "SESSION_OWNERSHIP", () => db.upsertRun({ ...turn, session: session("s", { userId: "other" }) }));
    await refuses(db, "SESSION_TYPE_MISMATCH", () =>
      db.upsertRun({ ...turn, session: { ...own, sessionType: "team" } }),
    );
    await refuses(db, "RUN_CONFLICT", () => db.upsertRun({ ...turn, run: run("t1") }));
    await refusesArgument(db, "change", () => db.upsertRun({ ...turn, change: () => untyped({ unknown: 1 }) }));
  },

  "nothing is deleted when a condition is not met, whichever run is named": async (db) => {
    await db.upsertSession({ ...own, runs: conversation });
    const before = await dump(db);
    for (const deleteRunsAfter of [null, "a", "nowhere"]) {
      const turn = { session: own, run: run("new"), deleteRunsAfter };
      const results = [
        await db.upsertRun({ ...turn, onlyIfNewest: "b" }),
        await db.upsertRun({ ...turn, onlyIfExists: "run" }),
        await db.upsertRun({ ...turn, onlyIfStatus: "PAUSED" }),
      ];
      assert.deepStrictEqual(results, [
        { stored: false, unmet: "onlyIfNewest" },
        { stored: false, unmet: "onlyIfExists" },
        { stored: false, unmet: "onlyIfStatus" },
      ]);
    }
    assert.deepStrictEqual(await dump(db), before);
  },

  "when two tabs continue from one answer, the first is stored": async (db) => {
    await db.upsertSession({ ...own, runs: conversation });
    const tab = (runId: string) => ({ session: own, run: run(runId), onlyIfNewest: "c", deleteRunsAfter: "a member" });
    assert.deepStrictEqual(await db.upsertRun(tab("first tab")), { stored: true, deletedRuns: 4 });
    assert.deepStrictEqual(await db.upsertRun(tab("second tab")), { stored: false, unmet: "onlyIfNewest" });
    await assertRuns(db, ["a", "a member", "first tab"], "two tabs");
  },

  "the runs of other sessions stay": async (db) => {
    await db.upsertSession(session("t", { runs: [run("t1"), run("t2", { parentRunId: "a" })] }));
    await db.upsertSession({ ...own, runs: conversation });
    await db.upsertRun({ session: own, run: run("new"), deleteRunsAfter: null });
    assert.deepStrictEqual(await runIdsIn(db, "t"), ["t1", "t2"]);
  },

  "the ids of deleted runs are free": async (db) => {
    await db.upsertSession({ ...own, runs: conversation });
    await db.upsertRun({ session: own, run: run("new"), deleteRunsAfter: "a" });
    await db.upsertRun({ session: session("t"), run: run("c", { content: "elsewhere" }) });
    await db.upsertRun({ session: own, run: run("b", { createdAt: start + 60 }) });
    assert.deepStrictEqual([await runIdsIn(db, "s"), await runIdsIn(db, "t")], [["a", "new", "b"], ["c"]]);
    assert.equal((await storedRun(db, "b")).createdAt, start + 60, "a run deleted and written again is new");
  },

  "gaps that earlier deletes left do not matter": async (db) => {
    await db.upsertSession({ ...own, runs: conversation });
    await db.deleteRuns({ runIds: ["a", "b member"] });
    const result = await db.upsertRun({ session: own, run: run("new"), deleteRunsAfter: "b" });
    assert.deepStrictEqual(result, { stored: true, deletedRuns: 2 });
    await assertRuns(db, ["a member", "b", "new"], "after deletes");
  },

  "the end of 300 runs": async (db) => {
    const runs = Array.from({ length: 300 }, (_, index) => run(`r${index}`));
    await db.upsertSession({ ...own, runs });
    const result = await db.upsertRun({ session: own, run: run("new"), deleteRunsAfter: "r9" });
    assert.deepStrictEqual(result, { stored: true, deletedRuns: 290 });
    assert.deepStrictEqual(await runIdsIn(db, "s"), [...runIdsOf(runs).slice(0, 10), "new"]);
    assert.equal((await dump(db)).runIds.length, 11);
  },

  "runsLimit and history show the new end": async (db) => {
    await db.upsertSession({ ...own, runs: ["a", "b", "c"].map((runId) => run(runId)) });
    await db.upsertRun({ session: own, run: run("b", { content: "again" }), deleteRunsAfter: "b" });
    const { runs } = (await db.getSession({ sessionId: "s", runsLimit: 2 })) ?? assert.fail("no session");
    assert.deepStrictEqual(
      runs.map(({ runId, content }) => [runId, content]),
      [
        ["a", run("a").content],
        ["b", "again"],
      ],
    );
  },
};
