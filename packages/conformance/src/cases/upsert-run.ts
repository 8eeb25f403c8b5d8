import assert from "node:assert/strict";
import type { Cases } from "../conformance-case.ts";
import { run, runIdsIn, session, start, throwing, untyped } from "../support/data.ts";
import { dump, dumpWithoutTimes, plain, stored, storedRun } from "../support/dump.ts";
import { refuses, refusesArgument, rejection } from "../support/refusals.ts";

export const upsertRunCases: Cases = {
  "the first turn creates the session": async (db) => {
    const init = session("s", { userId: "owner", summary: { summary: "so far" } });
    assert.deepStrictEqual(await db.upsertRun({ session: init, run: run("r") }), { stored: true, deletedRuns: 0 });
    const read = plain(await stored(db, "s"));
    for (const [name, value] of Object.entries(init)) {
      assert.deepStrictEqual(read[name], value, name);
    }
    assert.deepStrictEqual(await runIdsIn(db, "s"), ["r"]);
  },

  "runs in the given session are refused, since they would be lost": async (db) => {
    for (const runs of [[], [run("other")]]) {
      const turn = { session: untyped(session("s", { runs })), run: run("r") };
      await refusesArgument(db, "session.runs", () => db.upsertRun(turn));
    }
    await db.upsertRun({ session: session("s", { runs: null }), run: run("r") });
    assert.deepStrictEqual((await dump(db)).runIds, ["r"]);
  },

  "only updatedAt of an existing session changes": async (db) => {
    await db.upsertSession(session("s", { userId: "owner", metadata: { version: 1 }, agentData: { version: 1 } }));
    const before = await dumpWithoutTimes(db);
    const other = { metadata: { version: 2 }, agentData: {}, sessionData: {}, agentId: "other", createdAt: 1 };
    await db.upsertRun({ session: session("s", { userId: "owner", ...other }), run: run("r") });
    await db.deleteRuns({ runIds: ["r"] });
    assert.deepStrictEqual(await dumpWithoutTimes(db), before);
  },

  "a retry stores nothing twice": async (db) => {
    const turn = { session: session("s"), run: run("r") };
    await db.upsertRun(turn);
    const before = await dumpWithoutTimes(db);
    await db.upsertRun(turn);
    await db.upsertRun(turn);
    assert.deepStrictEqual(await dumpWithoutTimes(db), before);
  },

  "a run with a known id is replaced in its place": async (db) => {
    for (const runId of ["a", "b", "c"]) {
      await db.upsertRun({ session: session("s"), run: run(runId) });
    }
    const later = run("b", { content: "second", status: "PAUSED", messages: [], userId: "guest", parentRunId: "a" });
    await db.upsertRun({ session: session("s"), run: later });
    assert.deepStrictEqual(await runIdsIn(db, "s"), ["a", "b", "c"]);
    const { content, status, userId, parentRunId } = await storedRun(db, "b");
    assert.deepStrictEqual([content, status, userId, parentRunId], ["second", "PAUSED", "guest", "a"]);
    assert.equal((await db.getRuns({ sessionId: "s", status: "PAUSED" })).runs.length, 1, "also for filters");
  },

  "a replaced run keeps its createdAt": async (db) => {
    const { createdAt: _, ...withoutTime } = run("r");
    await db.upsertRun({ session: session("s"), run: run("r", { createdAt: start + 3 }) });
    await db.upsertRun({ session: session("s"), run: { ...withoutTime, content: "second" } });
    assert.equal((await storedRun(db, "r")).createdAt, start + 3);
    const { runs } = await db.getRuns({ startTimestamp: start + 3, endTimestamp: start + 3 });
    assert.equal(runs.length, 1, "also for filters");
  },

  "values that a replacing run leaves out are gone": async (db) => {
    await db.upsertRun({ session: session("s"), run: run("r", { metadata: { old: true }, extra: { old: true } }) });
    await db.upsertRun({ session: session("s"), run: run("r") });
    const { metadata, extra } = await storedRun(db, "r");
    assert.deepStrictEqual([metadata ?? null, extra ?? null], [null, null]);
  },

  "with onlyIfStatus a run is replaced while it has that status": async (db) => {
    await db.upsertRun({ session: session("s"), run: run("r", { status: "RUNNING" }) });
    const closed = run("r", { status: "ERROR", content: "closed" });
    const change = { sessionState: { closed: true } };
    await db.upsertRun({ session: session("s"), run: closed, change, onlyIfStatus: "RUNNING" });
    assert.deepStrictEqual(
      [(await storedRun(db, "r")).content, (await storedRun(db, "r")).status],
      ["closed", "ERROR"],
    );
    assert.deepStrictEqual((await stored(db, "s")).sessionState, { closed: true });
  },

  "with onlyIfStatus nothing is written otherwise": async (db) => {
    await db.upsertRun({ session: session("s"), run: run("done", { status: "COMPLETED" }) });
    await db.upsertSession(session("other"));
    await db.upsertRun({ session: session("third"), run: run("third") });
    const before = await dump(db);
    const change = { sessionState: { closed: true } };
    for (const [sessionId, runId] of [
      ["s", "done"],
      ["s", "absent"],
      ["other", "absent"],
      ["absent", "absent"],
    ] as const) {
      const closed = run(runId, { status: "ERROR" });
      await db.upsertRun({ session: session(sessionId), run: closed, change, onlyIfStatus: "RUNNING" });
    }
    assert.deepStrictEqual(await dump(db), before);
    const taken = run("third", { status: "ERROR" });
    await refuses(db, "RUN_CONFLICT", () =>
      db.upsertRun({ session: session("s"), run: taken, onlyIfStatus: "RUNNING" }),
    );
    await refusesArgument(db, "onlyIfStatus", () =>
      db.upsertRun({ session: session("s"), run: taken, onlyIfStatus: untyped(undefined) }),
    );
  },

  "with onlyIfStatus another user's session is refused": async (db) => {
    await db.upsertRun({ session: session("s", { userId: "owner" }), run: run("r", { status: "RUNNING" }) });
    await refuses(db, "SESSION_OWNERSHIP", () =>
      db.upsertRun({
        session: session("s", { userId: "other" }),
        run: run("r", { status: "ERROR" }),
        onlyIfStatus: "RUNNING",
      }),
    );
  },

  "callers that close a run never overwrite its end": async (db) => {
    for (let round = 0; round < 5; round += 1) {
      const runId = `r${round}`;
      await db.upsertRun({ session: session("s"), run: run(runId, { status: "RUNNING" }) });
      const close = () =>
        db.upsertRun({
          session: session("s"),
          run: run(runId, { status: "ERROR", content: "closed" }),
          onlyIfStatus: "RUNNING",
        });
      const end = db.upsertRun({ session: session("s"), run: run(runId, { status: "COMPLETED", content: "done" }) });
      await Promise.all([close(), end, close(), close()]);
      assert.equal((await storedRun(db, runId)).content, "done");
    }
  },

  "a run of another session is never moved": async (db) => {
    await db.upsertRun({ session: session("one"), run: run("r") });
    await refuses(db, "RUN_CONFLICT", () => db.upsertRun({ session: session("two"), run: run("r") }));
    await db.upsertSession(session("two"));
    await refuses(db, "RUN_CONFLICT", () => db.upsertRun({ session: session("two"), run: run("r") }));
  },

  "a session without an owner is adopted by its first user": async (db) => {
    await db.upsertRun({ session: session("s"), run: run("a") });
    assert.equal((await stored(db, "s")).userId, null);
    await db.upsertRun({ session: session("s", { userId: "owner" }), run: run("b") });
    assert.equal((await stored(db, "s")).userId, "owner");
    await refuses(db, "SESSION_OWNERSHIP", () =>
      db.upsertRun({ session: session("s", { userId: "late" }), run: run("c") }),
    );
    await refuses(db, "SESSION_OWNERSHIP", () => db.upsertRun({ session: session("s"), run: run("c") }));
  },

  "a participant's turn keeps the participant": async (db) => {
    const owned = session("s", { userId: "owner" });
    await db.upsertRun({ session: owned, run: run("a") });
    await db.upsertRun({ session: owned, run: run("b", { userId: "guest" }) });
    assert.deepStrictEqual([(await storedRun(db, "a")).userId, (await storedRun(db, "b")).userId], ["owner", "guest"]);
    assert.equal((await stored(db, "s")).userId, "owner");
    assert.equal(await db.getRun({ runId: "b", userId: "guest" }), null, "a participant owns nothing");
    assert.notEqual(await db.getRun({ runId: "b", userId: "owner" }), null);
  },

  "a change is applied with the run": async (db) => {
    const state = (count: number) => ({ sessionState: { count } });
    await db.upsertRun({ session: session("s"), run: run("a"), change: state(1) });
    assert.deepStrictEqual((await stored(db, "s")).sessionState, { count: 1 }, "also of a new session");
    const increment = (stored_: { sessionState: object }) =>
      state(Number(Reflect.get(stored_.sessionState, "count")) + 1);
    await db.upsertRun({ session: session("s"), run: run("b"), change: increment });
    const { sessionState, sessionName, runs } = await stored(db, "s");
    assert.deepStrictEqual([sessionState, runs.length], [{ count: 2 }, 2]);
    assert.equal(sessionName, session("s").sessionData?.["session_name"], "the rest of the session data stays");
  },

  "a change that throws stores no run": async (db) => {
    await db.upsertSession(session("s"));
    const fault = new Error("the caller's own");
    const before = await dump(db);
    const change = throwing(fault);
    assert.equal(await rejection(() => db.upsertRun({ session: session("s"), run: run("r"), change })), fault);
    assert.equal(await rejection(() => db.upsertRun({ session: session("new"), run: run("r"), change })), fault);
    assert.deepStrictEqual(await dump(db), before);
  },

  "a change that is refused stores no run": async (db) => {
    await db.upsertSession(session("s"));
    const changes = [
      { metadata: "text" },
      { unknown: 1 },
      () => ({ unknown: 1 }),
      () => null,
      async () => ({}),
      1,
      null,
    ];
    for (const change of changes) {
      for (const sessionId of ["s", "new"]) {
        const turn = { session: session(sessionId), run: run("r"), change: untyped(change) };
        await refusesArgument(db, "change", () => db.upsertRun(turn));
      }
    }
  },
};
