import assert from "node:assert/strict";
import type { AlsoChange, SessionDb, SessionHeader, TurnSession } from "@sessiondb/core";
import type { Cases } from "../conformance-case.ts";
import { increment } from "../support/at-once.ts";
import { listedIds, run, runIdsIn, session, sessionTypes, start, throwing, untyped } from "../support/data.ts";
import { dump, plain, stored } from "../support/dump.ts";
import { fullSession } from "../support/full-models.ts";
import { refuses, refusesArgument, rejection } from "../support/refusals.ts";
import { tableCases } from "../support/table-cases.ts";

const own: TurnSession = session("s", { userId: "me" });

function further(sessionId: string, fields: Partial<TurnSession> = {}): AlsoChange {
  return { session: session(sessionId, { userId: "me", ...fields }), change: increment };
}

async function countIn(db: SessionDb, sessionId: string): Promise<unknown> {
  return (await stored(db, sessionId)).sessionState["count"];
}

const fault = new Error("the caller's own");

/** Further sessions that make a whole turn fail, each with the code of the error. */
const refusedChanges: Readonly<Record<string, readonly [code: string, change: AlsoChange]>> = {
  "another user's": ["SESSION_OWNERSHIP", { session: session("theirs", { userId: "me" }), change: {} }],
  "an owner's, written without a user": ["SESSION_OWNERSHIP", { session: session("theirs"), change: {} }],
  "of another type": ["SESSION_TYPE_MISMATCH", { session: session("open", { sessionType: "team" }), change: {} }],
  "whose change throws": ["", { session: session("open"), change: throwing(fault) }],
  "whose change throws on a new session": ["", { session: session("absent"), change: throwing(fault) }],
  "whose change returns an unknown key": [
    "INVALID_ARGUMENT",
    { session: session("open"), change: () => untyped({ unknown: 1 }) },
  ],
  "whose change returns a promise": [
    "INVALID_ARGUMENT",
    { session: session("open"), change: untyped(async () => ({})) },
  ],
};

/** The refused session may have the first, middle or last id, at the first, middle or last place. */
async function checkRefused(db: SessionDb, [code, refused]: readonly [code: string, change: AlsoChange]) {
  await db.upsertSession(session("theirs", { userId: "them", runs: [run("their run")] }));
  await db.upsertSession(session("open"));
  await db.upsertSession(session("known", { userId: "me" }));
  const others = [further("a new one"), further("z new one"), further("known")];
  for (const place of [0, 1, 3]) {
    const also = others.toSpliced(place, 0, refused);
    for (const sessionId of ["known turn", "new turn"]) {
      if (sessionId === "known turn") {
        await db.upsertSession(session(sessionId, { userId: "me", runs: [run("first"), run("second")] }));
      }
      const turn = { session: session(sessionId, { userId: "me" }), run: run("new"), change: increment, also };
      // If the turn were stored, `null` would delete the other runs.
      const write = () => db.upsertRun({ ...turn, deleteRunsAfter: null });
      const before = await dump(db);
      if (code === "") {
        assert.equal(await rejection(write), fault, `${sessionId}, at ${place}`);
      } else if (code === "INVALID_ARGUMENT") {
        await refusesArgument(db, `also[${place}].change`, write);
      } else {
        await refuses(db, code as "SESSION_OWNERSHIP", write);
      }
      assert.deepStrictEqual(await dump(db), before, `${sessionId}, at ${place}: something was written`);
    }
  }
}

export const alsoCases: Cases = {
  ...tableCases("a further session (%s) makes the whole turn fail", refusedChanges, checkRefused),

  "further sessions are created and changed with the turn": async (db) => {
    await db.upsertSession(session("known", { userId: "me", metadata: { old: true }, runs: [run("known run")] }));
    const also = [further("new"), further("known", { metadata: { ignored: true } }), further("another")];
    for (const round of [1, 2, 3]) {
      const turn = { session: own, run: run(`r${round}`), change: increment, also };
      assert.deepStrictEqual(await db.upsertRun(turn), { stored: true, deletedRuns: 0 });
      for (const sessionId of ["s", "new", "known", "another"]) {
        assert.equal(await countIn(db, sessionId), round, sessionId);
      }
    }
    assert.deepStrictEqual((await stored(db, "known")).metadata, { old: true }, "changed, not replaced");
    assert.deepStrictEqual((await stored(db, "new")).metadata, session("new").metadata, "stored as given");
    assert.deepStrictEqual(await runIdsIn(db, "s"), ["r1", "r2", "r3"]);
    assert.deepStrictEqual(await runIdsIn(db, "known"), ["known run"], "runs of further sessions stay");
    assert.deepStrictEqual(await runIdsIn(db, "new"), []);
  },

  "a new further session is stored as given": async (db) => {
    for (const kind of sessionTypes) {
      const full = { ...fullSession(`new ${kind}`, kind), runs: null };
      const also = [{ session: full as TurnSession, change: {} }];
      await db.upsertRun({ session: own, run: run(`run with ${kind}`), also });
      assert.deepStrictEqual(plain(await stored(db, `new ${kind}`)), { ...plain(full), runs: [] });
    }
  },

  "further sessions are touched and keep their createdAt": async (db) => {
    await db.upsertSession(session("known", { userId: "me" }));
    await db.upsertSession(session("bystander", { userId: "me" }));
    await db.upsertRun({ session: own, run: run("r"), also: [further("known", { createdAt: start + 9 })] });
    const { createdAt, updatedAt } = await stored(db, "known");
    assert.equal(createdAt, start);
    assert.notEqual(updatedAt, start, "updatedAt becomes now");
    assert.equal((await stored(db, "bystander")).updatedAt, start);
  },

  "further sessions without an owner are adopted": async (db) => {
    await db.upsertSession(session("nobody's"));
    await db.upsertRun({ session: own, run: run("r"), also: [further("nobody's")] });
    assert.equal((await stored(db, "nobody's")).userId, "me");
    assert.deepStrictEqual(
      (await listedIds(db, { userId: "me", sortOrder: "asc" })).toSorted(),
      ["nobody's", "s"],
      "also for lists",
    );
    const nobody = { session: session("turn of nobody"), run: run("r2") };
    await refuses(db, "SESSION_OWNERSHIP", () =>
      db.upsertRun({ ...nobody, also: [{ session: session("nobody's"), change: {} }] }),
    );
  },

  "each further session has an owner of its own": async (db) => {
    const also = [
      { session: session("mine", { userId: "me" }), change: increment },
      { session: session("theirs", { userId: "them" }), change: increment },
      { session: session("app"), change: increment },
    ];
    await db.upsertRun({ session: own, run: run("r"), also });
    await db.upsertRun({ session: session("t", { userId: "them" }), run: run("t1"), also });
    for (const [sessionId, userId] of [
      ["mine", "me"],
      ["theirs", "them"],
      ["app", null],
    ] as const) {
      const read = await stored(db, sessionId);
      assert.deepStrictEqual([read.userId, read.sessionState["count"]], [userId, 2], sessionId);
    }
  },

  "a change sees its own session, without runs": async (db) => {
    await db.upsertSession(session("known", { userId: "me", runs: [run("known run")] }));
    const seen: unknown[] = [];
    const change = (current: SessionHeader) => {
      seen.push([current.sessionId, current.userId, current.runs]);
      return {};
    };
    const also = ["known", "new"].map((sessionId) => ({ session: session(sessionId, { userId: "me" }), change }));
    await db.upsertRun({ session: own, run: run("r"), change, also });
    for (const sessionId of ["s", "known", "new"]) {
      assert.ok(
        seen.some((each) => JSON.stringify(each) === JSON.stringify([sessionId, "me", null])),
        `no change saw ${sessionId}: ${JSON.stringify(seen)}`,
      );
    }
  },

  "lists show the changes": async (db) => {
    await db.upsertSession(session("known", { userId: "me", sessionData: { session_name: "before" } }));
    const also = [{ session: session("known", { userId: "me" }), change: { sessionName: "after" } }];
    await db.upsertRun({ session: own, run: run("r"), also });
    assert.deepStrictEqual(await listedIds(db, { sessionName: "before" }), []);
    assert.deepStrictEqual(await listedIds(db, { sessionName: "after" }), ["known"]);
    const newest = await listedIds(db, { sortBy: "updatedAt", limit: 1 });
    assert.deepStrictEqual(newest, ["known"], "it was updated after its creation");
  },

  "an empty list and 50 further sessions": async (db) => {
    await db.upsertRun({ session: own, run: run("a"), also: [] });
    const also = Array.from({ length: 50 }, (_, index) => further(`further ${(index * 7) % 50}`));
    await db.upsertRun({ session: own, run: run("b"), also });
    await db.upsertRun({ session: own, run: run("c"), also: also.toReversed() });
    for (const sessionId of ["further 0", "further 25", "further 49"]) {
      assert.equal(await countIn(db, sessionId), 2, sessionId);
    }
    assert.equal((await dump(db)).sessions.length, 51);
  },

  "on a user's handle, further sessions belong to that user": async (db) => {
    await db.upsertSession(session("theirs", { userId: "them" }));
    await db.upsertSession(session("nobody's"));
    const handle = db.forUser("me");
    const turn = { session: session("s"), run: run("r") };
    const changing = (sessionId: string, fields: Partial<TurnSession> = {}) => ({
      ...turn,
      also: [
        { session: session("new"), change: {} },
        { session: session(sessionId, fields), change: increment },
      ],
    });
    await refuses(db, "SESSION_OWNERSHIP", () => handle.upsertRun(changing("theirs")));
    for (const userId of ["them", ""]) {
      await refusesArgument(db, "also[1].session.userId", () => handle.upsertRun(changing("theirs", { userId })));
    }
    await handle.upsertRun(changing("nobody's"));
    await handle.upsertRun(changing("also new", { userId: "me" }));
    for (const sessionId of ["s", "new", "nobody's", "also new"]) {
      assert.equal((await stored(db, sessionId)).userId, "me", sessionId);
    }
    for (const also of [null, "text", [null], [1], [{ session: null, change: {} }]]) {
      await refusesArgument(db, "also", () => handle.upsertRun({ ...turn, also: untyped(also) }));
    }
  },
};
