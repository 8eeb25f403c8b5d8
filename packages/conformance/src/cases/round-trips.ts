import assert from "node:assert/strict";
import type { JsonObject, SessionDb, SessionInit } from "@sessiondb/core";
import type { Cases } from "../conformance-case.ts";
import { run, session, start } from "../support/data.ts";
import { dump, dumpWithoutTimes, plain, stored, storedRun } from "../support/dump.ts";
import { fullRuns, fullSession } from "../support/full-models.ts";
import { tableCases } from "../support/table-cases.ts";

const documents: Readonly<Record<string, JsonObject>> = {
  "numbers at the limits": {
    values: [0, 1, -1, 0.1, -2.5, 1e-7, 1e21, 123_456_789.123, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER],
  },
  "empty and null values": { text: "", list: [], object: {}, nothing: null, no: false, zero: 0, lists: [[], [null]] },
  "keys that mean something to JavaScript or SQL": JSON.parse(
    '{"__proto__":{"polluted":true},"constructor":1,"toString":2,"":3,"a.b":4,"$[0]":5,"a\\"b":6," key ":7,"select":8}',
  ) as JsonObject,
  "text that looks like something else": {
    values: ["null", "true", "[]", "{}", '"quoted"', "2024-01-01T00:00:00.000Z", "0123", "1e5", "NaN", "\\u0041"],
  },
  "500 keys": Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`key ${index}`, index])),
};

const kinds = { "an agent": "agent", "a team": "team", "a workflow": "workflow" } as const;

// structuredClone makes objects of another realm if a runner gives each test file its own.
function copyOf<Value>(value: Value): Value {
  return JSON.parse(JSON.stringify(value)) as Value;
}

async function assertStored(db: SessionDb, init: SessionInit): Promise<void> {
  const expected = plain(init);
  const { sessionId, sessionType } = init;
  assert.deepStrictEqual(plain(await stored(db, sessionId)), expected);
  const typed = await db.getSession({ sessionId, sessionType });
  assert.deepStrictEqual(typed && plain(typed), expected, "read with its type");
  const { sessions } = await db.getSessions({ includeRuns: true });
  assert.deepStrictEqual(sessions.map(plain), [expected], "read in a list");
  const listed = await db.getSessions();
  assert.deepStrictEqual(listed.sessions.map(plain), [{ ...expected, runs: null }], "read in a list without runs");
}

export const roundTripCases: Cases = {
  ...tableCases("every field of %s session", kinds, async (db, kind) => {
    const init = fullSession("full", kind) as SessionInit;
    const result = await db.upsertSession(init);
    assert.deepStrictEqual(plain(result), { ...plain(init), runs: null }, "as upsertSession resolves");
    await assertStored(db, init);
  }),
  ...tableCases("every field of %s run", kinds, async (db, kind) => {
    const full = fullRuns[kind]({ runId: "full run", sessionId: "full" });
    await db.upsertRun({ session: session("full", { sessionType: kind }), run: full });
    assert.deepStrictEqual(await storedRun(db, "full run"), full, "by getRun");
    assert.deepStrictEqual((await db.getRuns({ sessionId: "full" })).runs, [full], "by getRuns");
    assert.deepStrictEqual((await db.getRuns()).runs, [full], "by getRuns across sessions");
    assert.deepStrictEqual((await stored(db, "full")).runs, [full], "by getSession");
    const { sessions } = await db.getSessions({ includeRuns: true });
    assert.deepStrictEqual(sessions[0]?.runs, [full], "by getSessions");
  }),
  ...tableCases("%s", documents, async (db, document) => {
    const init = session("s", {
      sessionData: document,
      agentData: document,
      teamData: document,
      workflowData: document,
      metadata: document,
    });
    await db.upsertRun({ session: init, run: run("r", { metadata: document, sessionState: document }) });
    await db.updateSession({ sessionId: "s" }, { sessionState: document });
    const read = await stored(db, "s");
    for (const field of ["agentData", "teamData", "workflowData", "metadata", "sessionState"] as const) {
      assert.deepStrictEqual(read[field], document, field);
    }
    assert.deepStrictEqual(read.sessionData, { ...document, session_state: document });
    const { metadata: runMetadata, sessionState: runState } = read.runs[0] as ReturnType<typeof run>;
    assert.deepStrictEqual([runMetadata, runState], [document, document]);
  }),

  "a session with only an id and a type": async (db) => {
    await db.upsertSession({ sessionId: "bare", sessionType: "workflow" });
    const { createdAt, ...rest } = plain(await stored(db, "bare"));
    const nothing = { userId: null, metadata: null, summary: null, sessionData: {}, runs: [] };
    const components = {
      agentId: null,
      teamId: null,
      workflowId: null,
      agentData: null,
      teamData: null,
      workflowData: null,
    };
    const expected = { sessionId: "bare", sessionType: "workflow", ...nothing, ...components };
    assert.deepStrictEqual({ ...rest, updatedAt: null }, { ...expected, updatedAt: null });
    assert.ok(Number.isInteger(createdAt), "createdAt is filled in");
  },

  "a session that was read is written back unchanged": async (db) => {
    await db.upsertSession(fullSession("full", "team"));
    const before = await dumpWithoutTimes(db);
    await db.upsertSession(await stored(db, "full"));
    assert.deepStrictEqual(await dumpWithoutTimes(db), before);
  },

  "values that a run leaves out are filled in": async (db) => {
    const messages = [{ role: "user", content: "hi" }];
    const owned = session("s", { userId: "owner", agentId: "the agent" });
    await db.upsertRun({ session: owned, run: { runType: "agent", runId: "r", messages } });
    const { sessionId, userId, status, createdAt, ...rest } = await storedRun(db, "r");
    assert.deepStrictEqual([sessionId, userId, status], ["s", "owner", "COMPLETED"]);
    assert.ok(Number.isInteger(createdAt), "createdAt is filled in");
    assert.equal(rest.runType === "agent" && rest.agentId, "the agent");
  },

  "a run's own user, status and parent are kept": async (db) => {
    const own = { userId: "guest", status: "in review", parentRunId: "some parent" };
    await db.upsertRun({ session: session("s", { userId: "owner" }), run: run("r", own) });
    const { userId, status, parentRunId } = await storedRun(db, "r");
    assert.deepStrictEqual({ userId, status, parentRunId }, own);
  },

  "the store shares no object with its callers": async (db) => {
    const state = { list: [1] };
    const given = session("s", { sessionData: { session_state: state }, metadata: { list: [1] } });
    const messages = [{ role: "user", content: "first" }];
    await db.upsertSession({ ...given, runs: [run("r", { messages })] });
    const before = await dump(db);
    state.list.push(2);
    messages.push({ role: "user", content: "second" });
    const read = await stored(db, "s");
    read.metadata = { changed: true };
    read.runs.pop();
    (read.sessionData["session_state"] as JsonObject)["list"] = [];
    const readRun = await storedRun(db, "r");
    readRun.content = "changed";
    assert.deepStrictEqual(await dump(db), before);
  },

  "the caller's objects stay unchanged": async (db) => {
    const init = fullSession("full", "agent") as SessionInit;
    const copy = copyOf(init);
    await db.upsertSession(init);
    const bare = { runType: "agent" as const, runId: "bare", messages: [{ role: "user" }] };
    const bareCopy = copyOf(bare);
    const turnSession = { ...session("full", { userId: "user" }), runs: null };
    const turnCopy = copyOf(turnSession);
    await db.upsertRun({ session: turnSession, run: bare });
    assert.deepStrictEqual([init, bare, turnSession], [copy, bareCopy, turnCopy]);
  },

  "what does not exist is null": async (db) => {
    await db.upsertSession(session("s", { createdAt: start }));
    assert.equal(await db.getSession({ sessionId: "other" }), null);
    assert.equal(await db.getRun({ runId: "other" }), null);
    assert.equal(await db.updateSession({ sessionId: "other" }, { metadata: {} }), null);
    assert.equal(await db.renameSession({ sessionId: "other", sessionName: "name" }), null);
    assert.equal(await db.updateRun({ runId: "other" }, (each) => each), null);
    assert.equal(await db.deleteSession({ sessionId: "other" }), false);
    assert.equal(await db.deleteSessions({ sessionIds: ["other"] }), 0);
    assert.equal(await db.deleteRuns({ runIds: ["other"] }), 0);
    assert.deepStrictEqual((await db.getRuns({ sessionId: "other" })).runs, []);
  },

  "an empty store has nothing to list": async (db) => {
    assert.deepStrictEqual(await db.getSessions({ includeTotal: true }), {
      sessions: [],
      nextCursor: null,
      previousCursor: null,
      unreadable: [],
      total: 0,
    });
    assert.deepStrictEqual(await db.getRuns(), {
      runs: [],
      nextCursor: null,
      previousCursor: null,
      unreadable: [],
    });
    assert.equal(await db.getSession({ sessionId: "s" }), null);
    assert.equal(await db.deleteSession({ sessionId: "s" }), false);
  },
};
