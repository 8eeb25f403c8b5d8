import assert from "node:assert/strict";
import type { SessionDb } from "@sessiondb/core";
import type { Cases } from "../conformance-case.ts";
import { idsOf, listedRunIds, run, session } from "../support/data.ts";
import { dump, stored } from "../support/dump.ts";
import { isNothing, methodCases } from "../support/methods.ts";
import { refuses, refusesArgument } from "../support/refusals.ts";

const owned = { sessionId: "s", runId: "r" };
const unowned = { sessionId: "nobody's", runId: "nobody's run" };

async function prepare(db: SessionDb): Promise<void> {
  await db.upsertSession(session("s", { userId: "owner", runs: [run("r")] }));
  await db.upsertSession(session("other's", { userId: "other", agentId: "other agent", runs: [run("other run")] }));
}

/** The rules for every method, by caller. */
const everyMethod = methodCases({
  "for the owner": async (db, { call, writes }) => {
    await prepare(db);
    const before = await dump(db);
    assert.ok(!isNothing(await call(db, owned, { userId: "owner" })), "the owner's call does something");
    const after = await dump(db);
    assert.equal(JSON.stringify(after) !== JSON.stringify(before), writes, "it writes if it is a write");
    const others = ({ sessionId }: Record<string, unknown>) => sessionId === "other's";
    assert.deepStrictEqual(after.sessions.filter(others), before.sessions.filter(others), "other users' sessions stay");
  },

  "for another user": async (db, { call, forOther }) => {
    await prepare(db);
    const asOther = () => call(db, owned, { userId: "a third" });
    if (forOther === "refuses") {
      await refuses(db, "SESSION_OWNERSHIP", asOther);
      return;
    }
    const before = await dump(db);
    assert.ok(isNothing(await asOther()), "another user sees nothing");
    assert.deepStrictEqual(await dump(db), before);
  },

  "for no user": async (db, { call, userIdOf, writes }) => {
    await prepare(db);
    if (userIdOf === "session") {
      await refuses(db, "SESSION_OWNERSHIP", () => call(db, owned, {}));
      await refuses(db, "SESSION_OWNERSHIP", () => call(db, owned, { userId: null }));
      return;
    }
    const before = JSON.stringify(await dump(db));
    assert.ok(!isNothing(await call(db, owned, {})), "trusted code reaches every user");
    assert.equal(JSON.stringify(await dump(db)) !== before, writes);
    if (writes && (await db.getSession({ sessionId: "s" })) !== null) {
      assert.equal((await stored(db, "s")).userId, "owner", "the owner stays");
    }
  },

  "for the empty user id": async (db, { call }) => {
    await prepare(db);
    await refusesArgument(db, "userId", () => call(db, owned, { userId: "" }));
  },

  "for an undefined user id": async (db, { call }) => {
    await prepare(db);
    await refusesArgument(db, "userId", () => call(db, owned, { userId: undefined }));
  },

  "for an invalid user id": async (db, { call, userIdOf }) => {
    await prepare(db);
    // A session may be written without a user, which is null.
    const none = userIdOf === "options" ? [null, 0, [], {}] : [0, [], {}];
    for (const userId of none) {
      await refusesArgument(db, "userId", () => call(db, owned, { userId }));
    }
  },

  "for a user, on a session without an owner": async (db, { call, forUnowned }) => {
    await db.upsertSession(session("nobody's", { runs: [run("nobody's run")] }));
    const before = await dump(db);
    const result = await call(db, unowned, { userId: "first" });
    if (forUnowned === "finds nothing") {
      assert.ok(isNothing(result), "what nobody owns is not the user's");
      assert.deepStrictEqual(await dump(db), before);
      return;
    }
    assert.equal((await stored(db, "nobody's")).userId, "first", "the user becomes the owner");
    await refuses(db, "SESSION_OWNERSHIP", () => call(db, unowned, { userId: "second" }));
  },

  "for no user, on a session without an owner": async (db, { call, writes }) => {
    await db.upsertSession(session("nobody's", { runs: [run("nobody's run")] }));
    const before = JSON.stringify(await dump(db));
    assert.ok(!isNothing(await call(db, unowned, {})));
    const after = await dump(db);
    assert.equal(JSON.stringify(after) !== before, writes);
    assert.ok(
      after.sessions.every(({ userId }) => userId === null),
      "a write without a user adopts nothing",
    );
  },
});

export const ownershipCases: Cases = {
  ...everyMethod,

  "lists show only a user's own sessions and runs": async (db) => {
    await prepare(db);
    await db.upsertSession(session("nobody's", { runs: [run("nobody's run")] }));
    const page = await db.getSessions({ userId: "owner", includeRuns: true, includeTotal: true });
    assert.deepStrictEqual([idsOf(page.sessions), page.total], [["s"], 1]);
    assert.deepStrictEqual(await listedRunIds(db, { userId: "owner" }), ["r"]);
    assert.deepStrictEqual(await listedRunIds(db, { userId: "owner", sessionId: "other's" }), []);
  },

  "taking part is not owning": async (db) => {
    await prepare(db);
    await db.upsertRun({ session: session("s", { userId: "owner" }), run: run("guest run", { userId: "guest" }) });
    const userId = "guest";
    assert.equal(await db.getSession({ sessionId: "s", userId }), null);
    assert.equal(await db.getRun({ runId: "guest run", userId }), null);
    assert.deepStrictEqual((await db.getRuns({ userId })).runs, []);
    assert.deepStrictEqual((await db.getSessions({ userId })).sessions, []);
    await refuses(db, "SESSION_OWNERSHIP", () => db.deleteRuns({ runIds: ["guest run"], userId }));
    await refuses(db, "SESSION_OWNERSHIP", () =>
      db.upsertRun({ session: session("s", { userId }), run: run("r2", { userId }) }),
    );
  },

  "a user id is not a pattern": async (db) => {
    await prepare(db);
    for (const userId of ["%", "owne_", "OWNER", "owner ", " owner", "owner\u200b", "*", "' OR '1'='1"]) {
      assert.equal(await db.getSession({ sessionId: "s", userId }), null, userId);
      assert.deepStrictEqual((await db.getSessions({ userId })).sessions, [], userId);
      await refuses(db, "SESSION_OWNERSHIP", () => db.deleteSession({ sessionId: "s", userId }));
    }
  },
};
