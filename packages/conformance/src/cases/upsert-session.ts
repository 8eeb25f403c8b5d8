import assert from "node:assert/strict";
import type { Cases } from "../conformance-case.ts";
import { run, runIdsIn, runIdsOf, session, start } from "../support/data.ts";
import { plain, stored, storedRun } from "../support/dump.ts";
import { fullSession } from "../support/full-models.ts";
import { refuses, refusesArgument } from "../support/refusals.ts";

const keptFields = [
  "agentId",
  "teamId",
  "workflowId",
  "agentData",
  "teamData",
  "workflowData",
  "metadata",
  "summary",
] as const;

export const upsertSessionCases: Cases = {
  "given fields replace the stored ones": async (db) => {
    await db.upsertSession(fullSession("s", "agent"));
    const changed = {
      agentId: "agent 2",
      teamId: "team 2",
      workflowId: "workflow 2",
      agentData: { a: 2 },
      teamData: { t: 2 },
      workflowData: { w: 2 },
      metadata: { m: 2 },
      sessionData: { d: 2 },
      summary: { summary: "later" },
    };
    const result = await db.upsertSession({ sessionId: "s", sessionType: "agent", userId: "user", ...changed });
    const after = plain(await stored(db, "s"));
    for (const [name, value] of Object.entries(changed)) {
      assert.deepStrictEqual(after[name], value, name);
    }
    assert.deepStrictEqual(plain(result), { ...after, runs: null }, "it resolves with the session as stored");
  },

  "fields that are left out stay": async (db) => {
    const full = fullSession("s", "agent");
    await db.upsertSession(full);
    await db.upsertSession({ sessionId: "s", sessionType: "agent", userId: "user" });
    const after = plain(await stored(db, "s"));
    assert.deepStrictEqual({ ...after, updatedAt: full.updatedAt }, plain(full));
  },

  "null fields and empty runs change nothing": async (db) => {
    const full = fullSession("s", "team");
    await db.upsertSession(full);
    const nothing = Object.fromEntries(keptFields.map((name) => [name, null]));
    await db.upsertSession({
      sessionId: "s",
      sessionType: "team",
      userId: "user",
      ...nothing,
      sessionData: null,
      runs: [],
    });
    const after = plain(await stored(db, "s"));
    assert.deepStrictEqual({ ...after, updatedAt: full.updatedAt }, plain(full));
  },

  "an empty session read elsewhere does not empty the stored one": async (db) => {
    const full = fullSession("s", "workflow");
    await db.upsertSession(full);
    await db.upsertSession({ sessionId: "s", sessionType: "workflow", userId: "user", sessionData: {} });
    assert.deepStrictEqual((await stored(db, "s")).sessionData, full.sessionData);
  },

  "type, owner and createdAt stay": async (db) => {
    await db.upsertSession(session("s", { userId: "owner", createdAt: start }));
    await db.upsertSession(session("s", { userId: "owner", createdAt: start + 99, updatedAt: 1 }));
    const { sessionType, userId, createdAt, updatedAt } = await stored(db, "s");
    assert.deepStrictEqual([sessionType, userId, createdAt], ["agent", "owner", start]);
    assert.notEqual(updatedAt, 1, "updatedAt becomes now");
  },

  "runs are added, in their order": async (db) => {
    await db.upsertSession(session("s", { runs: [run("b"), run("a")] }));
    await db.upsertSession(session("s", { runs: [run("d"), run("c")] }));
    assert.deepStrictEqual(await runIdsIn(db, "s"), ["b", "a", "d", "c"]);
  },

  "runs with a known id are replaced in their place": async (db) => {
    await db.upsertSession(session("s", { runs: [run("a"), run("b"), run("c")] }));
    await db.upsertSession(session("s", { runs: [run("new"), run("b", { content: "second", status: "ERROR" })] }));
    assert.deepStrictEqual(await runIdsIn(db, "s"), ["a", "b", "c", "new"]);
    const { content, status } = await storedRun(db, "b");
    assert.deepStrictEqual([content, status], ["second", "ERROR"]);
  },

  "a stale session drops no run": async (db) => {
    await db.upsertSession(session("s", { runs: [run("a")] }));
    const stale = await stored(db, "s");
    await db.upsertRun({ session: session("s"), run: run("b") });
    await db.upsertSession(stale);
    await db.upsertSession({ ...session("s"), runs: [] });
    await db.upsertSession(session("s"));
    assert.deepStrictEqual(await runIdsIn(db, "s"), ["a", "b"]);
  },

  "a run that occurs twice in a session is stored once": async (db) => {
    await db.upsertSession(session("s", { runs: [run("a", { content: 1 }), run("b"), run("a", { content: 2 })] }));
    assert.deepStrictEqual(await runIdsIn(db, "s"), ["a", "b"]);
    assert.equal((await storedRun(db, "a")).content, 2);
  },

  "it resolves without runs": async (db) => {
    const { runs, sessionId } = await db.upsertSession(session("s", { runs: [run("r")] }));
    assert.deepStrictEqual([runs, sessionId], [null, "s"]);
  },

  "a session without an owner is adopted": async (db) => {
    await db.upsertSession(session("s"));
    await db.upsertSession(session("s"));
    assert.equal((await stored(db, "s")).userId, null, "a write without a user adopts nothing");
    const adopted = await db.upsertSession(session("s", { userId: "owner" }));
    assert.equal(adopted.userId, "owner");
    await refuses(db, "SESSION_OWNERSHIP", () => db.upsertSession(session("s", { userId: "late" })));
  },

  "a run id of another session is refused": async (db) => {
    await db.upsertSession(session("one", { runs: [run("r")] }));
    await refuses(db, "RUN_CONFLICT", () => db.upsertSession(session("two", { runs: [run("new"), run("r")] })));
  },

  "a run that names another session is refused": async (db) => {
    await refusesArgument(db, "sessionId", () =>
      db.upsertSession(session("s", { runs: [run("r", { sessionId: "t" })] })),
    );
  },

  "many sessions are written in order": async (db) => {
    await db.upsertSessions([
      session("a", { runs: [run("a1")] }),
      session("b", { metadata: { version: 1 } }),
      session("a", { runs: [run("a2")], metadata: { version: 2 } }),
    ]);
    assert.deepStrictEqual(await runIdsIn(db, "a"), ["a1", "a2"]);
    assert.deepStrictEqual((await stored(db, "a")).metadata, { version: 2 });
    assert.deepStrictEqual((await stored(db, "b")).metadata, { version: 1 });
  },

  "500 sessions at once": async (db) => {
    const sessions = Array.from({ length: 500 }, (_, index) => session(`s${index}`, { runs: [run(`r${index}`)] }));
    await db.upsertSessions(sessions);
    const { sessions: read, total } = await db.getSessions({ limit: 1000, includeTotal: true, includeRuns: true });
    assert.equal(total, 500);
    assert.ok(read.every(({ sessionId, runs }) => runIdsOf(runs).join() === sessionId.replace("s", "r")));
  },

  "a session of 300 runs at once": async (db) => {
    const runs = Array.from({ length: 300 }, (_, index) => run(`r${index}`));
    await db.upsertSession(session("s", { runs }));
    assert.deepStrictEqual(await runIdsIn(db, "s"), runIdsOf(runs));
  },

  "many sessions are written all or nothing": async (db) => {
    await db.upsertSessions([
      session("owned", { userId: "owner" }),
      session("team", { sessionType: "team" }),
      session("one", { runs: [run("r")] }),
    ]);
    const good = [session("new", { runs: [run("new run")] }), session("one", { metadata: { changed: true } })];
    await refuses(db, "SESSION_OWNERSHIP", () => db.upsertSessions([...good, session("owned", { userId: "late" })]));
    await refuses(db, "SESSION_OWNERSHIP", () => db.upsertSessions([...good, session("owned")]));
    await refuses(db, "SESSION_TYPE_MISMATCH", () => db.upsertSessions([...good, session("team")]));
    await refuses(db, "RUN_CONFLICT", () => db.upsertSessions([...good, session("two", { runs: [run("r")] })]));
    await refuses(db, "RUN_CONFLICT", () => db.upsertSessions([...good, session("two", { runs: [run("new run")] })]));
    await refuses(db, "INVALID_ARGUMENT", () => db.upsertSessions([...good, session("")]));
  },
};
