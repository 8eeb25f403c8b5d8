import assert from "node:assert/strict";
import type { SessionDb, UserSessionDb } from "@sessiondb/core";
import type { Cases } from "../conformance-case.ts";
import { idsOf, run, session, untyped } from "../support/data.ts";
import { dump, stored, storedRun } from "../support/dump.ts";
import { isNothing, methodCases } from "../support/methods.ts";
import { assertRefusal, refuses, refusesArgument, rejection } from "../support/refusals.ts";

async function prepare(db: SessionDb): Promise<UserSessionDb> {
  await db.upsertSession(session("mine", { userId: "me", runs: [run("my run")] }));
  await db.upsertSession(session("theirs", { userId: "them", agentId: "their agent", runs: [run("their run")] }));
  await db.upsertSession(session("nobody's", { runs: [run("nobody's run")] }));
  return db.forUser("me");
}

const mine = { sessionId: "mine", runId: "my run" };
const theirs = { sessionId: "theirs", runId: "their run" };

const everyMethod = methodCases({
  "does for its user what the store does": async (db, { call, writes }) => {
    const handle = await prepare(db);
    const before = JSON.stringify(await dump(db));
    assert.ok(!isNothing(await call(handle, mine, {})));
    assert.equal(JSON.stringify(await dump(db)) !== before, writes);
  },

  "never reaches another user": async (db, { call, forOther, idArgument }) => {
    const handle = await prepare(db);
    const before = await dump(db);
    if (idArgument === null) {
      await call(handle, theirs, {});
      const theirsOf = async () => (await dump(db)).sessions.filter(({ userId }) => userId !== "me");
      assert.deepStrictEqual(
        await theirsOf(),
        before.sessions.filter(({ userId }) => userId !== "me"),
      );
    } else if (forOther === "refuses") {
      await refuses(db, "SESSION_OWNERSHIP", () => call(handle, theirs, {}));
    } else {
      assert.ok(isNothing(await call(handle, theirs, {})));
    }
  },

  "refuses another user's id": async (db, { call }) => {
    const handle = await prepare(db);
    await refusesArgument(db, "userId", () => call(handle, theirs, { userId: "them" }));
    await refusesArgument(db, "userId", () => call(handle, mine, { userId: "them" }));
    await refusesArgument(db, "userId", () => call(handle, mine, { userId: "" }));
  },

  "stays confined when the user id is empty": async (db, { call, writes }) => {
    const handle = await prepare(db);
    const others = async () => (await dump(db)).sessions.filter(({ userId }) => userId !== "me");
    const before = await others();
    for (const userId of [undefined, null]) {
      // It may be refused, or mean the handle's user, but never anyone else.
      const result = await call(handle, theirs, { userId }).catch((error: unknown) => error);
      if (!writes && !(result instanceof Error)) {
        assert.ok(!JSON.stringify(result).includes("their"), "it shows another user's session");
      }
    }
    assert.deepStrictEqual(await others(), before);
  },
});

export const userHandleCases: Cases = {
  ...everyMethod,

  "what a handle writes belongs to its user": async (db) => {
    const handle = db.forUser("me");
    await handle.upsertSession(session("a"));
    await handle.upsertSessions([session("b", { runs: [run("b1")] })]);
    await handle.upsertRun({ session: session("c"), run: run("c1") });
    for (const sessionId of ["a", "b", "c"]) {
      assert.equal((await stored(db, sessionId)).userId, "me", sessionId);
    }
    assert.deepStrictEqual([(await storedRun(db, "b1")).userId, (await storedRun(db, "c1")).userId], ["me", "me"]);
    assert.deepStrictEqual(idsOf((await handle.getSessions({ sortOrder: "asc" })).sessions), ["a", "b", "c"]);
  },

  "a handle writes no run for another user": async (db) => {
    const handle = await prepare(db);
    const turn = { session: session("mine"), run: run("new", { userId: "them" }) };
    await refusesArgument(db, "userId", () => handle.upsertRun(turn));
  },

  "an unknown user's handle sees nothing": async (db) => {
    await prepare(db);
    const handle = db.forUser("stranger");
    assert.deepStrictEqual((await handle.getSessions({ includeTotal: true })).total, 0);
    assert.deepStrictEqual((await handle.getRuns()).runs, []);
    assert.equal(await handle.getSession({ sessionId: "nobody's" }), null);
  },

  "a handle knows its user and keeps it": async (db) => {
    const handle = await prepare(db);
    assert.equal(handle.userId, "me");
    try {
      Object.assign(handle, { userId: "them" });
    } catch {
      // Refusing the assignment is fine; obeying it is not.
    }
    assert.equal(await handle.getSession({ sessionId: "theirs" }), null);
    assert.deepStrictEqual(idsOf((await handle.getSessions()).sessions), ["mine"]);
  },

  "a handle offers no way to the store": async (db) => {
    const handle = untyped(await prepare(db));
    for (const name of ["forUser", "close", "migrate", "planMigration", "verifySchema", "migrateLegacyRuns"]) {
      assert.equal(handle[name], undefined, name);
    }
    assert.ok(!Object.values(handle).includes(db), "the store is a property of the handle");
  },

  "a handle stores no run of another user": async (db) => {
    const handle = await prepare(db);
    const forged = session("forged", { runs: [run("forged", { userId: "them" })] });
    await refusesArgument(db, "userId", () => handle.upsertSession(forged));
    await refusesArgument(db, "userId", () => handle.upsertSessions([forged]));
    await handle.upsertSession(session("written", { runs: [run("written")] }));
    assert.equal((await storedRun(db, "written")).userId, "me");
  },

  "a handle refuses anything but an object": async (db) => {
    const handle = await prepare(db);
    await refuses(db, "INVALID_ARGUMENT", () => handle.getSession(untyped(undefined)));
    await refuses(db, "INVALID_ARGUMENT", () => handle.upsertRun(untyped({})));
    await refuses(db, "INVALID_ARGUMENT", () => handle.upsertSessions(untyped(null)));
  },

  "a handle needs a user": async (db) => {
    for (const userId of ["", undefined, null, 7, "a\0b", "\ud800"]) {
      assertRefusal(await rejection(async () => db.forUser(untyped(userId))), "INVALID_ARGUMENT");
    }
  },

  "writing through a handle adopts what nobody owns": async (db) => {
    const handle = await prepare(db);
    assert.equal(await handle.getSession({ sessionId: "nobody's" }), null);
    await handle.upsertRun({ session: session("nobody's"), run: run("new") });
    assert.equal((await stored(db, "nobody's")).userId, "me");
  },
};
