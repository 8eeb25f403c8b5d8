import assert from "node:assert/strict";
import type { AgentRun, SessionDb, SessionInit, UserSessionDb } from "@sessiondb/core";
import type { Cases } from "../conformance-case.ts";
import { combinations } from "../support/combinations.ts";
import { idsOf, listedIds, listedRunIds, run, runIdsIn, runIdsOf, session, start, untyped } from "../support/data.ts";
import { dump, stored, storedRun } from "../support/dump.ts";
import { fullSession } from "../support/full-models.ts";
import { refuses, refusesArgument } from "../support/refusals.ts";
import { tableCases } from "../support/table-cases.ts";

interface Times {
  createdAt?: number | null;
  updatedAt?: number | null;
  runCreatedAt?: number | null;
}

const given = combinations<Times>([
  [{}, { createdAt: null }, { createdAt: start - 100 }, { createdAt: start + 100 }],
  [{}, { updatedAt: null }, { updatedAt: start - 50 }, { updatedAt: start + 200 }],
  [{}, { runCreatedAt: null }, { runCreatedAt: start - 75 }, { runCreatedAt: start + 75 }],
]);

interface What {
  init: SessionInit;
  turn: AgentRun;
  keepTimes: boolean;
}

type Write = (db: SessionDb, what: What) => Promise<unknown>;

const writes: Readonly<Record<string, Write>> = {
  upsertSession: (db, { init, turn, keepTimes }) => db.upsertSession({ ...init, runs: [turn] }, { keepTimes }),
  upsertSessions: (db, { init, turn, keepTimes }) =>
    db.upsertSessions([session("another"), { ...init, runs: [turn] }], { keepTimes }),
  upsertRun: (db, { init, turn, keepTimes }) =>
    db.upsertRun({ session: { ...init, runs: null }, run: turn, keepTimes }),
};

function partsOf({ runCreatedAt, ...times }: Times): Pick<What, "init" | "turn"> {
  const { createdAt: _c, updatedAt: _u, ...init } = session("s");
  const { createdAt: _r, ...turn } = run("r", { content: "second" });
  return {
    init: { ...init, ...times },
    turn: { ...turn, ...(runCreatedAt !== undefined && { createdAt: runCreatedAt }) },
  };
}

async function checkTimes(db: SessionDb, write: Write): Promise<void> {
  for (const times of given) {
    for (const keepTimes of [true, false]) {
      const asked = JSON.stringify({ ...times, keepTimes });
      await db.deleteSession({ sessionId: "s" });
      await db.upsertSession(session("s", { updatedAt: start + 1, runs: [run("first"), run("r"), run("last")] }));
      await write(db, { ...partsOf(times), keepTimes });
      const { createdAt, updatedAt, runs } = await stored(db, "s");
      const kept = keepTimes ? times : {};
      assert.equal(createdAt, kept.createdAt ?? start, `${asked}: createdAt of the session`);
      if (typeof kept.updatedAt === "number") {
        assert.equal(updatedAt, kept.updatedAt, `${asked}: updatedAt of the session`);
      } else {
        assert.ok((updatedAt ?? 0) > start + 1000, `${asked}: updatedAt of the session becomes now`);
      }
      assert.deepStrictEqual(
        runs.map((each) => [each.runId, each.createdAt]),
        [
          ["first", start],
          ["r", kept.runCreatedAt ?? start],
          ["last", start],
        ],
        `${asked}: the runs`,
      );
      assert.equal(runs[1]?.content, "second", asked);
      const at = { startTimestamp: createdAt, endTimestamp: createdAt };
      assert.ok((await listedIds(db, at)).includes("s"), `${asked}: found by its time`);
      const runAt = kept.runCreatedAt ?? start;
      const { runs: found } = await db.getRuns({ startTimestamp: runAt, endTimestamp: runAt });
      assert.ok(runIdsOf(found).includes("r"), `${asked}: the run is found by its time`);
    }
  }
}

const onHandle: Readonly<Record<string, (handle: UserSessionDb, options: object) => Promise<unknown>>> = {
  upsertSession: (handle, options) => handle.upsertSession(session("s"), options),
  upsertSessions: (handle, options) => handle.upsertSessions([session("s")], options),
  upsertRun: (handle, options) => handle.upsertRun({ session: session("s"), run: run("r"), ...options }),
};

export const keepTimesCases: Cases = {
  ...tableCases("%s stores the given times, and no others", writes, checkTimes),

  "new rows have the given times, with keepTimes and without": async (db) => {
    for (const keepTimes of [true, false]) {
      for (const [name, write] of Object.entries(writes)) {
        const sessionId = `${name} ${keepTimes}`;
        const init = session(sessionId, { createdAt: start - 5, updatedAt: start - 3 });
        await write(db, { init, turn: run(`run of ${sessionId}`, { createdAt: start - 4 }), keepTimes });
        const { createdAt, updatedAt, runs } = await stored(db, sessionId);
        assert.deepStrictEqual(
          [createdAt, updatedAt, runs[0]?.createdAt],
          [start - 5, start - 3, start - 4],
          sessionId,
        );
      }
    }
  },

  "sessions that were read are restored as they were": async (db) => {
    await db.upsertSessions([
      fullSession("full", "team"),
      session("s", { userId: "owner", runs: [run("b", { createdAt: start + 3 }), run("a")] }),
    ]);
    const copies = await Promise.all(["full", "s"].map((sessionId) => stored(db, sessionId)));
    const before = await dump(db);
    await db.updateSession({ sessionId: "full" }, { metadata: { later: true }, agentData: { later: true } });
    await db.upsertRun({ session: session("s", { userId: "owner" }), run: run("a", { content: "later" }) });
    await db.upsertSessions(copies, { keepTimes: true });
    assert.deepStrictEqual(await dump(db), before);
    await db.deleteSessions({ sessionIds: ["full", "s"] });
    await db.upsertSessions(copies, { keepTimes: true });
    assert.deepStrictEqual(await dump(db), before, "also when nothing is left");
  },

  "lists are ordered by the kept times": async (db) => {
    await db.upsertSessions(
      ["a", "b", "c"].map((sessionId, index) =>
        session(sessionId, { createdAt: start + index, updatedAt: start + index, runs: [run(`${sessionId}1`)] }),
      ),
    );
    await db.upsertSession(
      session("c", { createdAt: start - 9, updatedAt: start - 9, runs: [run("c1", { createdAt: start - 9 })] }),
      { keepTimes: true },
    );
    for (const sortBy of ["createdAt", "updatedAt"] as const) {
      for (const sortOrder of ["asc", "desc"] as const) {
        const expected = sortOrder === "asc" ? ["c", "a", "b"] : ["b", "a", "c"];
        const found: string[] = [];
        for await (const page of db.sessionPages({ sortBy, sortOrder, limit: 1 })) {
          found.push(...idsOf(page.sessions));
        }
        assert.deepStrictEqual(found, expected, `${sortBy} ${sortOrder}`);
      }
    }
    assert.deepStrictEqual(await listedRunIds(db), ["c1", "a1", "b1"]);
    assert.deepStrictEqual(await listedIds(db, { endTimestamp: start - 1 }), ["c"]);
    assert.deepStrictEqual(await listedRunIds(db, { endTimestamp: start - 1 }), ["c1"]);
  },

  "a later write touches again": async (db) => {
    await db.upsertSession(session("s"));
    await db.upsertSession(session("s", { updatedAt: start - 9 }), { keepTimes: true });
    assert.equal((await stored(db, "s")).updatedAt, start - 9, "a time may go back");
    await db.upsertRun({ session: session("s"), run: run("r") });
    assert.ok(((await stored(db, "s")).updatedAt ?? 0) > start + 1000);
  },

  "if a run occurs twice in a session, the last time counts": async (db) => {
    await db.upsertSession(session("s", { runs: [run("r")] }));
    const runs = [run("r", { createdAt: start + 1 }), run("r", { createdAt: start + 2 })];
    await db.upsertSession(session("s", { runs }), { keepTimes: true });
    assert.equal((await storedRun(db, "r")).createdAt, start + 2);
  },

  "order and place stay": async (db) => {
    await db.upsertSession(session("s", { runs: [run("a"), run("b"), run("c")] }));
    await db.upsertSession(session("s", { runs: [run("c", { createdAt: start - 99 })] }), { keepTimes: true });
    assert.deepStrictEqual(await runIdsIn(db, "s"), ["a", "b", "c"]);
  },

  "times of further sessions of a turn are not kept": async (db) => {
    await db.upsertSession(session("further", { createdAt: start, updatedAt: start }));
    const times = { createdAt: start - 9, updatedAt: start - 9 };
    const also = [{ session: session("further", times), change: {} }];
    await db.upsertRun({ session: session("s", times), run: run("r"), also, keepTimes: true });
    const { createdAt, updatedAt } = await stored(db, "further");
    assert.equal(createdAt, start);
    assert.ok((updatedAt ?? 0) > start, "a further session is touched");
  },

  "a run given twice, once without a time, keeps the given time": async (db) => {
    const { createdAt: _, ...withoutTime } = run("r");
    const runs = [run("r", { createdAt: start - 5 }), { ...withoutTime, content: "second" }];
    await db.upsertSession(session("s", { runs }), { keepTimes: true });
    const { createdAt, content } = await storedRun(db, "r");
    assert.deepStrictEqual([createdAt, content], [start - 5, "second"]);
  },

  "owner and type are checked as usual": async (db) => {
    await db.upsertSession(session("s", { userId: "owner" }));
    const options = { keepTimes: true };
    await refuses(db, "SESSION_OWNERSHIP", () => db.upsertSession(session("s"), options));
    await refuses(db, "SESSION_OWNERSHIP", () => db.upsertSessions([session("s", { userId: "other" })], options));
    await refuses(db, "SESSION_TYPE_MISMATCH", () =>
      db.upsertRun({ session: session("s", { sessionType: "team", userId: "owner" }), run: run("r"), ...options }),
    );
  },

  "a user's handle refuses keepTimes": async (db) => {
    await db.upsertSession(session("s", { userId: "me" }));
    for (const [name, write] of Object.entries(onHandle)) {
      for (const keepTimes of [true, false, undefined, untyped("yes")]) {
        await refusesArgument(db, "keepTimes", () => write(db.forUser("me"), { keepTimes }));
      }
      await write(db.forUser("me"), {});
      const { createdAt } = await stored(db, "s");
      assert.equal(createdAt, start, name);
    }
  },
};
