import assert from "node:assert/strict";
import type { Run, SessionDb } from "@sessiondb/core";
import type { Cases } from "../conformance-case.ts";
import {
  listedIds,
  listedRunIds,
  run,
  runIdsIn,
  runIdsOf,
  session,
  start,
  throwing,
  untyped,
} from "../support/data.ts";
import { dump, stored, storedRun, walk } from "../support/dump.ts";
import { fullRuns } from "../support/full-models.ts";
import { runIdPages } from "../support/id-pages.ts";
import { refuses, refusesArgument, rejection } from "../support/refusals.ts";
import { tableCases } from "../support/table-cases.ts";

const thenable = Object.fromEntries(["then"].map((name) => [name, () => {}]));

const wrongResults: Readonly<Record<string, readonly [argument: string, change: (current: Run) => unknown]>> = {
  nothing: ["change", () => undefined],
  text: ["change", () => "run"],
  "a number": ["change", () => 1],
  true: ["change", () => true],
  "an array": ["change", (current) => [current]],
  "a promise": ["change", async (current) => current],
  "a promise that rejects": ["change", () => Promise.reject(new Error("later"))],
  "a thenable": ["change", (current) => ({ ...current, ...thenable })],
  "a run of another id": ["change.runId", (current) => ({ ...current, runId: "other" })],
  "a run of another's id": ["change.runId", (current) => ({ ...current, runId: "a" })],
  "a run without id": ["change.runId", (current) => ({ ...current, runId: undefined })],
  "an object that is not a run": ["change.runId", () => ({})],
  "a run of another session": ["change.sessionId", (current) => ({ ...current, sessionId: "t" })],
  "a run of no kind": ["change.runType", (current) => ({ ...current, runType: "robot" })],
  "a run with an unknown property": ["change", (current) => ({ ...current, run_id: "r" })],
  "a run with a broken status": ["change.status", (current) => ({ ...current, status: 1 })],
  "a run with a broken user": ["change.userId", (current) => ({ ...current, userId: "" })],
  "a run with a broken parent": ["change.parentRunId", (current) => ({ ...current, parentRunId: "a\0" })],
  "a run with a broken time": ["change.createdAt", (current) => ({ ...current, createdAt: 1.5 })],
  "a run with what JSON cannot hold": ["change", (current) => ({ ...current, content: 1n })],
};

/** Takes the last message out of a run. Returns what the last call of the function took. */
export async function popMessage(db: SessionDb, runId: string): Promise<unknown> {
  let taken: unknown;
  await db.updateRun({ runId }, (current) => {
    if (current.runType === "workflow") {
      return current;
    }
    const messages = current.messages ?? [];
    taken = messages.at(-1)?.content;
    return { ...current, messages: messages.slice(0, -1) };
  });
  return taken;
}

export const updateRunCases: Cases = {
  ...tableCases("fields of a run of kind %s that the change does not touch stay", fullRuns, async (db, fullRun) => {
    await db.upsertSession(
      session("s", { runs: [run("before"), fullRun({ runId: "full", sessionId: "s" }), run("after")] }),
    );
    const before = await storedRun(db, "full");
    let seen: unknown;
    const changed = await db.updateRun({ runId: "full" }, (current) => {
      seen = structuredClone(current);
      return { ...current, content: "changed", status: "CANCELLED" };
    });
    const expected = { ...before, content: "changed", status: "CANCELLED" };
    assert.equal(JSON.stringify(seen), JSON.stringify(before), "the change sees the run as stored");
    assert.deepStrictEqual(changed, expected, "it resolves with the run as stored");
    assert.deepStrictEqual(await storedRun(db, "full"), expected, "read again");
    assert.deepStrictEqual((await stored(db, "s")).runs.length, 3);
  }),
  ...tableCases("a change that returns %s is refused", wrongResults, async (db, [argument, change]) => {
    await db.upsertSession(session("s", { runs: [run("a"), run("b")] }));
    await refusesArgument(db, argument, () => db.updateRun({ runId: "b" }, untyped(change)));
    await refusesArgument(db, argument, () => db.updateRun({ runId: "b", userId: "u" }, untyped(change)));
    assert.equal((await stored(db, "s")).userId, null, "a refused change adopts nothing");
  }),

  "null deletes the run": async (db) => {
    await db.upsertSession(session("s", { runs: ["a", "b", "c", "d"].map((runId) => run(runId)) }));
    assert.equal(await db.updateRun({ runId: "b" }, () => null), null);
    assert.equal(await db.getRun({ runId: "b" }), null);
    assert.equal(await db.updateRun({ runId: "b" }, () => assert.fail("it is gone")), null);
    await db.upsertRun({ session: session("s"), run: run("E", { createdAt: start - 9 }) });
    // A list that breaks ties by time or id would show a gap.
    assert.deepStrictEqual(await runIdsIn(db, "s"), ["a", "c", "d", "E"]);
    assert.deepStrictEqual(await walk(runIdPages(db, { sessionId: "s", limit: 1 })), ["a", "c", "d", "E"]);
    assert.equal((await db.getSessions({ includeRunCount: true })).sessions[0]?.runCount, 4);
    await db.upsertRun({ session: session("t"), run: run("b") });
    assert.deepStrictEqual(await runIdsIn(db, "t"), ["b"], "its id is free");
  },

  "a missing run is null, and the change is not called": async (db) => {
    await db.upsertSession(session("s", { runs: [run("r")] }));
    await db.upsertSession(session("t"));
    const before = await dump(db);
    const change = () => assert.fail("the change was called for a missing run");
    assert.equal(await db.updateRun({ runId: "absent" }, change), null);
    assert.equal(await db.updateRun({ runId: "r", sessionId: "t" }, change), null);
    assert.equal(await db.updateRun({ runId: "r", sessionId: "absent" }, change), null);
    assert.equal(await db.updateRun({ runId: "R" }, change), null);
    assert.equal(await db.updateRun({ runId: "absent", userId: "u" }, change), null);
    assert.deepStrictEqual(await dump(db), before, "there was nothing to change, but something was written");
    assert.equal((await db.updateRun({ runId: "r", sessionId: "s" }, (current) => current))?.runId, "r");
  },

  "another user is refused, and the change is not called": async (db) => {
    await db.upsertSession(session("s", { userId: "owner", runs: [run("r", { userId: "guest" })] }));
    const change = () => assert.fail("the change was called for another user");
    for (const userId of ["other", "guest"]) {
      await refuses(db, "SESSION_OWNERSHIP", () => db.updateRun({ runId: "r", userId }, change));
      await refuses(db, "SESSION_OWNERSHIP", () => db.updateRun({ runId: "r", sessionId: "s", userId }, change));
      await refuses(db, "SESSION_OWNERSHIP", () => db.forUser(userId).updateRun({ runId: "r" }, change));
    }
    const changed = await db.updateRun({ runId: "r", userId: "owner" }, (current) => ({ ...current, content: "ok" }));
    assert.deepStrictEqual([changed?.content, changed?.userId], ["ok", "guest"], "the participant stays");
  },

  "a session without an owner is adopted": async (db) => {
    await db.upsertSession(session("s", { runs: [run("r"), run("q")] }));
    await db.updateRun({ runId: "r" }, (current) => current);
    assert.equal((await stored(db, "s")).userId, null, "a write without a user adopts nothing");
    await db.updateRun({ runId: "r", userId: "first" }, (current) => ({ ...current, content: "changed" }));
    assert.equal((await stored(db, "s")).userId, "first");
    assert.deepStrictEqual(await listedIds(db, { userId: "first" }), ["s"]);
    await refuses(db, "SESSION_OWNERSHIP", () => db.updateRun({ runId: "q", userId: "late" }, (current) => current));
  },

  "modifying the run that a change sees has no effect": async (db) => {
    await db.upsertSession(session("s", { runs: [run("r", { messages: [{ role: "user", content: "hi" }] })] }));
    const shown: Run[] = [];
    await db.updateRun({ runId: "r" }, (current) => {
      shown.push(current);
      return { ...current, metadata: { changed: true } };
    });
    await rejection(() =>
      db.updateRun({ runId: "r" }, (current) => {
        Object.assign(current, { content: "spoilt" });
        throw new Error("enough");
      }),
    );
    for (const each of shown) {
      Object.assign(each, { content: "spoilt later" });
    }
    const { content, metadata } = await storedRun(db, "r");
    assert.deepStrictEqual([content, metadata], [run("r").content, { changed: true }]);
  },

  "a change may modify the run that it sees and return it": async (db) => {
    await db.upsertSession(session("s", { runs: [run("r")] }));
    const changed = await db.updateRun({ runId: "r" }, (current) => Object.assign(current, { content: "in place" }));
    assert.equal(changed?.content, "in place");
    assert.equal((await storedRun(db, "r")).content, "in place");
  },

  "an error that a change throws reaches the caller unchanged": async (db) => {
    await db.upsertSession(session("s", { runs: [run("r")] }));
    const before = await dump(db);
    for (const fault of [new TypeError("the caller's own"), Object.assign(new Error("own"), { code: "BUSY" })]) {
      const change = throwing(fault);
      assert.equal(await rejection(() => db.updateRun({ runId: "r" }, change)), fault);
      assert.equal(await rejection(() => db.updateRun({ runId: "r", userId: "u" }, change)), fault);
    }
    assert.deepStrictEqual(await dump(db), before, "the change threw, but something was written");
  },

  "place, session and createdAt stay": async (db) => {
    await db.upsertSession(session("s", { runs: ["c", "b", "a"].map((runId) => run(runId)) }));
    const change = (current: Run): Run => ({ ...current, createdAt: start + 99, parentRunId: "c" });
    const changed = await db.updateRun({ runId: "b" }, change);
    assert.equal(changed?.createdAt, start);
    assert.deepStrictEqual(await runIdsIn(db, "s"), ["c", "b", "a"]);
    assert.equal((await storedRun(db, "b")).createdAt, start);
    assert.deepStrictEqual(await listedRunIds(db, { startTimestamp: start + 1 }), []);
    const { createdAt: _, ...withoutTime } = run("a");
    await db.updateRun({ runId: "a" }, () => withoutTime);
    assert.equal((await storedRun(db, "a")).createdAt, start, "also when it is left out");
  },

  "it touches the session and changes nothing else in it": async (db) => {
    await db.upsertSession(session("s", { agentData: { a: 1 }, summary: { summary: "so far" }, runs: [run("r")] }));
    await db.upsertSession(session("t", { runs: [run("t1")] }));
    const [before, other] = (await dump(db)).sessions;
    await db.updateRun({ runId: "r" }, (current) => ({ ...current, content: "changed" }));
    const [after, otherAfter] = (await dump(db)).sessions;
    assert.notEqual(after?.["updatedAt"], start, "updatedAt becomes now");
    assert.deepStrictEqual({ ...after, updatedAt: 0, runs: 0 }, { ...before, updatedAt: 0, runs: 0 });
    assert.deepStrictEqual(otherAfter, other);
  },

  "every list shows the run as it is now": async (db) => {
    const fields = { status: "PAUSED", userId: "guest", agentId: "old agent" };
    await db.upsertSession(session("s", { runs: [run("a"), run("b", fields)] }));
    const later = { status: "CANCELLED", userId: "visitor", agentId: "new agent", parentRunId: "a" };
    await db.updateRun({ runId: "b" }, (current) => untyped({ ...current, ...later }));
    for (const old of [{ status: "PAUSED" }, { participantId: "guest" }, { componentId: "old agent" }]) {
      assert.deepStrictEqual(await listedRunIds(db, old), [], JSON.stringify(old));
      assert.deepStrictEqual(await listedRunIds(db, { sessionId: "s", ...old }), [], JSON.stringify(old));
    }
    for (const now of [
      { status: "CANCELLED" },
      { participantId: "visitor" },
      { componentId: "new agent" },
      { parentRunId: "a" },
    ]) {
      assert.deepStrictEqual(await listedRunIds(db, now), ["b"], JSON.stringify(now));
    }
    assert.deepStrictEqual(await listedIds(db, { runStatus: "PAUSED" }), []);
    assert.deepStrictEqual(await listedIds(db, { runStatus: "CANCELLED" }), ["s"]);
    assert.deepStrictEqual(await listedIds(db, { participantId: "guest" }), []);
    assert.deepStrictEqual(await listedIds(db, { participantId: "visitor" }), ["s"]);
    const { runs } = (await db.getSession({ sessionId: "s", runsLimit: 5 })) ?? assert.fail("no session");
    assert.deepStrictEqual(runIdsOf(runs), ["a"], "history now leaves it out");
  },

  "a user's handle changes its user's runs": async (db) => {
    await db.upsertSession(session("s", { userId: "me", runs: [run("r")] }));
    const changed = await db.forUser("me").updateRun({ runId: "r" }, (current) => ({ ...current, content: "mine" }));
    assert.equal(changed?.content, "mine");
    assert.equal(await db.forUser("me").updateRun({ runId: "r" }, () => null), null);
    assert.deepStrictEqual(await runIdsIn(db, "s"), []);
  },

  "a user's handle makes no one else the user of a run": async (db) => {
    await db.upsertSession(session("s", { userId: "me", runs: [run("mine"), run("guest's", { userId: "guest" })] }));
    const handle = db.forUser("me");
    for (const runId of ["mine", "guest's"]) {
      await refusesArgument(db, "change.userId", () =>
        handle.updateRun({ runId }, (current) => ({ ...current, userId: "other" })),
      );
      await refusesArgument(db, "change.userId", () =>
        handle.updateRun({ runId }, (current) => Object.assign(current, { userId: "other" })),
      );
      await handle.updateRun({ runId }, (current) => ({ ...current, content: "changed" }));
    }
    assert.equal((await storedRun(db, "guest's")).userId, "guest", "a participant's run stays the participant's");
  },

  "unknown keys of a run do not stand in for its own": async (db) => {
    await db.upsertSession(session("s", { userId: "me", runs: [run("r")] }));
    for (const [key, value] of Object.entries({ user_id: "other", parent_run_id: "p".repeat(400), status: "PAUSED" })) {
      const { userId: _, status: __, ...plain } = { ...run("r"), userId: undefined };
      const changed = { ...plain, extra: { [key]: value } };
      await refusesArgument(db, `change.extra.${key}`, () => db.forUser("me").updateRun({ runId: "r" }, () => changed));
      await refusesArgument(db, `run.extra.${key}`, () =>
        db.upsertRun({ session: session("s", { userId: "me" }), run: changed }),
      );
    }
  },

  "a run of another user's session is refused without revealing that session": async (db) => {
    await db.upsertSession(session("a session of owner", { userId: "owner", runs: [run("r")] }));
    const other = db.forUser("other");
    for (const call of [() => other.updateRun({ runId: "r" }, () => null), () => other.deleteRuns({ runIds: ["r"] })]) {
      const error = await refuses(db, "SESSION_OWNERSHIP", call);
      assert.ok(!JSON.stringify([error.message, error]).includes("a session of owner"), error.message);
    }
  },

  "50 messages taken at once are all different": async (db) => {
    const messages = Array.from({ length: 50 }, (_, index) => ({ role: "user", content: index }));
    await db.upsertSession(session("s", { runs: [run("r", { messages })] }));
    const taken = await Promise.all(Array.from({ length: 50 }, () => popMessage(db, "r")));
    assert.deepStrictEqual(
      taken.map(Number).toSorted((a, b) => a - b),
      messages.map(({ content }) => content),
    );
    const left = await storedRun(db, "r");
    assert.deepStrictEqual(left.runType === "agent" ? (left.messages ?? []) : null, []);
  },
};
