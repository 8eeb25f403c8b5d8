import assert from "node:assert/strict";
import type { Session, SessionDb } from "@sessiondb/core";
import type { PairCases } from "../conformance-case.ts";
import { allAtOnce, atOnce, increment, many } from "../support/at-once.ts";
import { listedRunIds, run, runIdsIn, runIdsOf, session } from "../support/data.ts";
import { dump, stored, storedRun } from "../support/dump.ts";
import { concurrentTurnCases } from "./concurrent-turns.ts";

/** Asserts how many of several exclusive calls succeeded, and that the others were refused with this code. */
function assertDone(results: readonly PromiseSettledResult<unknown>[], done: number, code: string): void {
  const refused = results.filter((result) => result.status === "rejected");
  assert.deepStrictEqual([...new Set(refused.map(({ reason }) => (reason as { code?: unknown }).code))], [code]);
  assert.equal(results.length - refused.length, done, "so many succeed");
}

/** The cases of two handles, which may be the same one. */
export const concurrencyCases: PairCases = {
  "runs of one new session all survive": async (...handles) => {
    const [db] = handles;
    await allAtOnce(handles, (each, index) => each.upsertRun({ session: session("s"), run: run(`r${index}`) }));
    const ids = await runIdsIn(db, "s");
    assert.deepStrictEqual(ids.toSorted(), Array.from({ length: many }, (_, index) => `r${index}`).toSorted());
    assert.deepStrictEqual(await listedRunIds(db, { sessionId: "s" }), ids, "every reader sees one order");
    await db.upsertRun({ session: session("s"), run: run("last") });
    assert.deepStrictEqual(await runIdsIn(db, "s"), [...ids, "last"], "a later run goes last");
  },

  "turns at once get one order, in which each writer's follow one another": async (...handles) => {
    const [db, other] = handles;
    await db.upsertRun({ session: session("s"), run: run("first") });
    const turns = Array.from({ length: 5 }, (_, turn) => turn);
    await allAtOnce(handles, async (each, writer) => {
      for (const turn of turns) {
        await each.upsertRun({ session: session("s"), run: run(`${writer}.${turn}`) });
      }
    });
    const ids = await runIdsIn(db, "s");
    assert.deepStrictEqual([ids[0], ids.length], ["first", 1 + many * turns.length]);
    for (let writer = 0; writer < many; writer += 1) {
      const own = ids.filter((id) => id.startsWith(`${writer}.`));
      assert.deepStrictEqual(
        own,
        turns.map((turn) => `${writer}.${turn}`),
        "a turn comes after those that were stored when it began",
      );
    }
    const paged: string[] = [];
    for await (const { runs } of other.runPages({ sessionId: "s", sortOrder: "desc", limit: 7 })) {
      paged.push(...runIdsOf(runs));
    }
    assert.deepStrictEqual(paged.toReversed(), ids, "every reader sees one order");
    await db.deleteRuns({ runIds: ["first"] });
    await db.upsertRun({ session: session("s"), run: run("last") });
    assert.deepStrictEqual(await runIdsIn(other, "s"), [...ids.slice(1), "last"], "the order stays");
  },

  "runs of many new sessions all survive": async (...handles) => {
    const turn = (index: number) => ({ session: session(`s${index % 5}`), run: run(`r${index}`) });
    await allAtOnce(handles, (each, index) => each.upsertRun(turn(index)));
    const { sessions, runIds } = await dump(handles[0]);
    assert.deepStrictEqual([sessions.length, runIds.length], [5, many]);
  },

  "one run written many times is stored once": async (...handles) => {
    const turn = (index: number) => ({ session: session("s"), run: run("r", { content: index }) });
    await allAtOnce(handles, (each, index) => each.upsertRun(turn(index)));
    assert.deepStrictEqual(await runIdsIn(handles[0], "s"), ["r"]);
    assert.equal(typeof (await storedRun(handles[0], "r")).content, "number");
  },

  "one run written to two sessions is stored in one": async (...handles) => {
    const turn = (index: number) => ({ session: session(`s${index}`), run: run("r") });
    assertDone(await atOnce(handles, (each, index) => each.upsertRun(turn(index))), 1, "RUN_CONFLICT");
    const { sessions, runIds } = await dump(handles[0]);
    assert.deepStrictEqual([sessions.length, runIds], [1, ["r"]], "a refused turn leaves no session");
  },

  "counters add up in updateSession": async (...handles) => {
    const [db] = handles;
    await db.upsertSession(session("s"));
    await allAtOnce(handles, (each) => each.updateSession({ sessionId: "s" }, increment));
    assert.equal((await stored(db, "s")).sessionState["count"], many);
  },

  "counters add up in the changes of turns": async (...handles) => {
    const turn = (index: number) => ({ session: session("s"), run: run(`r${index}`), change: increment });
    await allAtOnce(handles, (each, index) => each.upsertRun(turn(index)));
    const { sessionState, runs } = await stored(handles[0], "s");
    assert.deepStrictEqual([sessionState["count"], runs.length], [many, many]);
  },

  "a rename and a change of state do not undo each other": async (...handles) => {
    const [db] = handles;
    await db.upsertSession(session("s"));
    const call = (each: SessionDb, index: number): Promise<unknown> =>
      index % 4 < 2
        ? each.updateSession({ sessionId: "s" }, increment)
        : each.renameSession({ sessionId: "s", sessionName: `name ${index}` });
    await allAtOnce(handles, call);
    const { sessionState, sessionName } = await stored(db, "s");
    assert.equal(sessionState["count"], many / 2);
    assert.match(sessionName ?? "", /^name /);
  },

  "whole sessions merge their runs": async (...handles) => {
    const whole = (index: number) => session("s", { runs: [run(`a${index}`), run(`b${index}`)] });
    await allAtOnce(handles, (each, index) => each.upsertSession(whole(index)));
    const ids = await runIdsIn(handles[0], "s");
    assert.equal(new Set(ids).size, 2 * many);
    for (let index = 0; index < many; index += 1) {
      assert.ok(ids.indexOf(`a${index}`) < ids.indexOf(`b${index}`), "the runs of one session keep their order");
    }
  },

  "lists of sessions in any order do not block each other": async (...handles) => {
    const names = ["a", "b", "c", "d"];
    const call = (each: SessionDb, index: number) =>
      each.upsertSessions(
        (index % 4 < 2 ? names : names.toReversed()).map((name) => session(name, { metadata: { index } })),
      );
    await allAtOnce(handles, call);
    assert.equal((await dump(handles[0])).sessions.length, 4);
  },

  "only one user adopts a session that nobody owns": async (...handles) => {
    const [db] = handles;
    await db.upsertSession(session("s"));
    const call = (each: SessionDb, index: number) =>
      each.upsertRun({ session: session("s", { userId: `user ${index}` }), run: run(`r${index}`) });
    assertDone(await atOnce(handles, call), 1, "SESSION_OWNERSHIP");
    const { userId, runs } = await stored(db, "s");
    assert.deepStrictEqual(
      runs.map((each) => [each.userId, each.runId]),
      [[userId, userId?.replace("user ", "r")]],
    );
  },

  "only one user creates a session": async (...handles) => {
    const call = (each: SessionDb, index: number) => each.upsertSession(session("s", { userId: `user ${index}` }));
    assertDone(await atOnce(handles, call), 1, "SESSION_OWNERSHIP");
  },

  "one type wins a new session": async (...handles) => {
    const types = ["agent", "team"] as const;
    const call = (each: SessionDb, index: number) =>
      each.upsertSession(session("s", { sessionType: types[index % 2] ?? "agent" }));
    assertDone(await atOnce(handles, call), many / 2, "SESSION_TYPE_MISMATCH");
  },

  "a session is deleted only once": async (...handles) => {
    const [db] = handles;
    await db.upsertSession(session("s", { runs: [run("r")] }));
    const results = await allAtOnce(handles, (each) => each.deleteSession({ sessionId: "s" }));
    assert.equal(results.filter(Boolean).length, 1);
  },

  "runs deleted and appended at once keep one order": async (...handles) => {
    const [db] = handles;
    await db.upsertSession(session("s", { runs: Array.from({ length: many }, (_, index) => run(`old ${index}`)) }));
    const call = (each: SessionDb, index: number): Promise<unknown> =>
      index % 4 < 2
        ? each.deleteRuns({ runIds: [`old ${index}`] })
        : each.upsertRun({ session: session("s"), run: run(`new ${index}`) });
    await allAtOnce(handles, call);
    const ids = await runIdsIn(db, "s");
    const old = ids.filter((id) => id.startsWith("old"));
    assert.deepStrictEqual(
      old.toSorted((a, b) => Number(a.slice(4)) - Number(b.slice(4))),
      old,
    );
    assert.equal(old.length + many / 2, ids.length);
    await db.upsertRun({ session: session("s"), run: run("last") });
    assert.equal((await runIdsIn(db, "s")).at(-1), "last");
  },

  "a session deleted during turns leaves no run behind": async (...handles) => {
    const [db] = handles;
    await db.upsertSession(session("s"));
    const call = (each: SessionDb, index: number): Promise<unknown> =>
      index === many / 2
        ? each.deleteSession({ sessionId: "s" })
        : each.upsertRun({ session: session("s"), run: run(`r${index}`) });
    await allAtOnce(handles, call);
    const { sessions, runIds } = await dump(db);
    const shown = sessions.flatMap(({ runs }) => runIdsOf(runs as Session["runs"]));
    assert.deepStrictEqual(runIds, shown.toSorted(), "a run without its session");
  },

  "reads during writes see whole sessions": async (...handles) => {
    const [db] = handles;
    await db.upsertSession(session("s", { metadata: { index: 0 }, agentData: { index: 0 } }));
    const results = await allAtOnce(handles, async (each, index) => {
      await each.updateSession({ sessionId: "s" }, { metadata: { index }, agentData: { index } });
      return each.getSession({ sessionId: "s" });
    });
    for (const read of results) {
      assert.deepStrictEqual(read?.metadata, read?.agentData);
    }
  },

  ...concurrentTurnCases,
};
