import assert from "node:assert/strict";
import type { Session, SessionHeader, SessionInit, SessionPatch } from "@sessiondb/core";
import type { Cases } from "../conformance-case.ts";
import { run, runIdsIn, session, throwing, untyped } from "../support/data.ts";
import { dump, plain, stored } from "../support/dump.ts";
import { fullSession } from "../support/full-models.ts";
import { refusesArgument, rejection } from "../support/refusals.ts";
import { tableCases } from "../support/table-cases.ts";

type Check = (session: Session | SessionHeader) => unknown;

/** Each key of a patch: a new value, and how the session then reads. */
const patches: Readonly<Record<string, readonly [patch: SessionPatch, read: Check, expected: unknown]>> = {
  sessionName: [{ sessionName: "New" }, ({ sessionName }) => sessionName, "New"],
  sessionState: [{ sessionState: { fresh: true } }, ({ sessionState }) => sessionState, { fresh: true }],
  sessionData: [{ sessionData: { own: 1 } }, ({ sessionData }) => sessionData, { own: 1 }],
  metadata: [{ metadata: { fresh: true } }, ({ metadata }) => metadata, { fresh: true }],
  summary: [{ summary: { summary: "new" } }, ({ summary }) => summary, { summary: "new" }],
  agentData: [{ agentData: { fresh: true } }, ({ agentData }) => agentData, { fresh: true }],
  teamData: [{ teamData: { fresh: true } }, ({ teamData }) => teamData, { fresh: true }],
  workflowData: [{ workflowData: { fresh: true } }, ({ workflowData }) => workflowData, { fresh: true }],
  "metadata to null": [{ metadata: null }, ({ metadata }) => metadata, null],
  "summary to null": [{ summary: null }, ({ summary }) => summary, null],
  "agentData to null": [{ agentData: null }, ({ agentData }) => agentData, null],
  "teamData to null": [{ teamData: null }, ({ teamData }) => teamData, null],
  "workflowData to null": [{ workflowData: null }, ({ workflowData }) => workflowData, null],
  "sessionState to the empty object": [{ sessionState: {} }, ({ sessionState }) => sessionState, {}],
};

const refusedChanges: Readonly<Record<string, unknown>> = {
  null: null,
  text: "text",
  "an unknown key": { sessionNam: "typo" },
  "a key that never changes": { userId: "thief" },
  "a document that is not an object": { metadata: "text" },
  "a state of null": { sessionState: null },
  "session data of null": { sessionData: null },
  "a name that is not text": { sessionName: 7 },
  "a summary without text": { summary: { topics: [] } },
  "what JSON cannot hold": { sessionState: { big: 1n } },
  "a promise": Promise.resolve({}),
};

export const updateSessionCases: Cases = {
  "a change that rejects later is refused, and its rejection is handled": async (db) => {
    await db.upsertSession(session("s"));
    const change = untyped(async () => {
      throw new Error("later");
    });
    await refusesArgument(db, "change", () => db.updateSession({ sessionId: "s" }, change));
  },

  "modifying the session that a change sees has no effect": async (db) => {
    await db.upsertSession(session("s", { sessionData: { session_state: { count: 1 } } }));
    const updated = await db.updateSession({ sessionId: "s" }, ({ sessionData }) => {
      sessionData["session_state"] = { count: 2 };
      return { sessionName: "renamed" };
    });
    assert.deepStrictEqual(updated?.sessionState, { count: 1 });
    assert.deepStrictEqual((await db.getSession({ sessionId: "s" }))?.sessionState, { count: 1 });
  },

  ...tableCases("changes %s and nothing else", patches, async (db, [patch, read, expected]) => {
    const full = fullSession("s", "agent") as SessionInit;
    const [key = ""] = Object.keys(patch);
    for (const change of [patch, () => patch]) {
      await db.deleteSession({ sessionId: "s" });
      await db.upsertSession(full);
      const before = plain(await stored(db, "s"));
      const result = await db.updateSession({ sessionId: "s" }, change);
      const after = await stored(db, "s");
      assert.deepStrictEqual(read(after), expected);
      assert.deepStrictEqual(
        result && plain(result),
        { ...plain(after), runs: null },
        "it resolves with what is stored",
      );
      const column = key === "sessionName" || key === "sessionState" ? "sessionData" : key;
      const restOf = (all: Record<string, unknown>) => ({ ...all, [column]: null, updatedAt: null });
      assert.deepStrictEqual(restOf(plain(after)), restOf(before));
    }
  }),
  ...tableCases("refuses %s", refusedChanges, async (db, change) => {
    await db.upsertSession(session("s", { userId: "owner" }));
    const scope = { sessionId: "s" };
    await refusesArgument(db, "change", () => db.updateSession(scope, untyped(change)));
    await refusesArgument(db, "change", () => db.updateSession(scope, () => untyped(change)));
  }),

  "an empty change changes only updatedAt": async (db) => {
    await db.upsertSession(fullSession("s", "agent"));
    const before = plain(await stored(db, "s"));
    await db.updateSession({ sessionId: "s" }, {});
    await db.updateSession({ sessionId: "s" }, () => ({}));
    await db.updateSession(
      { sessionId: "s" },
      untyped({ metadata: undefined, sessionName: undefined, summary: undefined }),
    );
    assert.deepStrictEqual({ ...plain(await stored(db, "s")), updatedAt: before["updatedAt"] }, before);
  },

  "name and state override new session data": async (db) => {
    await db.upsertSession(session("s"));
    const sessionData = { own: 1, session_name: "first", session_state: { count: 1 } };
    await db.updateSession({ sessionId: "s" }, { sessionState: { count: 2 }, sessionName: "second", sessionData });
    const expected = { own: 1, session_name: "second", session_state: { count: 2 } };
    assert.deepStrictEqual((await stored(db, "s")).sessionData, expected);
  },

  "a function gets the session as stored, without runs": async (db) => {
    const full = fullSession("s", "agent") as SessionInit;
    await db.upsertSession(full);
    let seen: unknown;
    await db.updateSession({ sessionId: "s" }, (current) => {
      seen = plain(current);
      return {};
    });
    assert.deepStrictEqual(seen, { ...plain(full), runs: null });
  },

  "a function counts up": async (db) => {
    await db.upsertSession(session("s", { sessionData: { session_state: { count: 0 } } }));
    for (let index = 0; index < 5; index += 1) {
      const count = (current: SessionHeader) => Number(current.sessionState["count"]) + 1;
      await db.updateSession({ sessionId: "s" }, (current) => ({ sessionState: { count: count(current) } }));
    }
    assert.deepStrictEqual((await stored(db, "s")).sessionState, { count: 5 });
  },

  "a function that throws changes nothing": async (db) => {
    await db.upsertSession(session("s"));
    const before = await dump(db);
    const fault = new TypeError("the caller's own");
    const change = throwing(fault);
    assert.equal(await rejection(() => db.updateSession({ sessionId: "s" }, change)), fault);
    assert.equal(
      await rejection(() => db.updateSession({ sessionId: "s", userId: "u" }, change)),
      fault,
      "adopts nothing",
    );
    assert.deepStrictEqual(await dump(db), before);
  },

  "an asynchronous function is refused": async (db) => {
    await db.upsertSession(session("s"));
    const change = untyped(async () => ({ metadata: { late: true } }));
    await refusesArgument(db, "change", () => db.updateSession({ sessionId: "s" }, change));
  },

  "an update creates nothing": async (db) => {
    assert.equal(await db.updateSession({ sessionId: "new", userId: "u" }, { metadata: {} }), null);
    assert.equal(await db.renameSession({ sessionId: "new", sessionName: "name" }), null);
    assert.deepStrictEqual((await dump(db)).sessions, []);
  },

  "runs stay": async (db) => {
    await db.upsertSession(session("s", { runs: [run("a"), run("b")] }));
    const result = await db.renameSession({ sessionId: "s", sessionName: "new" });
    assert.deepStrictEqual([result?.sessionName, result?.runs], ["new", null]);
    assert.deepStrictEqual(await runIdsIn(db, "s"), ["a", "b"]);
  },

  "renaming keeps the other session data": async (db) => {
    await db.upsertSession(fullSession("s", "team"));
    await db.renameSession({ sessionId: "s", sessionType: "team", sessionName: "O'Hara's \"trip\"" });
    const expected = { ...fullSession("s", "team").sessionData, session_name: "O'Hara's \"trip\"" };
    assert.deepStrictEqual((await stored(db, "s")).sessionData, expected);
  },

  "a session without data can be renamed": async (db) => {
    await db.upsertSession({ sessionId: "bare", sessionType: "agent" });
    assert.equal((await db.renameSession({ sessionId: "bare", sessionName: "name" }))?.sessionName, "name");
  },
};
