import assert from "node:assert/strict";
import type { JsonObject, SessionDb, SessionHeader, SessionType, TurnSession } from "@sessiondb/core";
import type { Cases } from "../conformance-case.ts";
import { listedIds, run, session, sessionTypes } from "../support/data.ts";
import { plain, stored } from "../support/dump.ts";

/** The component's id and data that an application or an API stored before the first turn. */
const created: Readonly<Record<string, readonly [id: string | null, data: JsonObject | null]>> = {
  "only its id": [null, null],
  "the component's id": ["first", null],
  "the component's data": [null, { version: 1 }],
  "the component's empty data": [null, {}],
  "the component's id and data": ["first", { version: 1 }],
};

function componentOf(kind: SessionType, id: string | null, data: JsonObject | null): Partial<TurnSession> {
  const nothing = { agentId: null, teamId: null, workflowId: null, agentData: null, teamData: null };
  return { ...nothing, workflowData: null, [`${kind}Id`]: id, [`${kind}Data`]: data };
}

function columnsOf(read: object): unknown {
  return [...sessionTypes.map((kind) => `${kind}Id`), ...sessionTypes.map((kind) => `${kind}Data`)].map((name) =>
    Reflect.get(read, name),
  );
}

/** The turn's values for all components. Only those of the session's own kind are taken. */
const ofTurn = {
  agentId: "turn agent",
  teamId: "turn team",
  workflowId: "turn workflow",
  agentData: { of: "turn agent" },
  teamData: { of: "turn team" },
  workflowData: { of: "turn workflow" },
} as const;

async function checkFilled(db: SessionDb, kind: SessionType, [id, data]: readonly [string | null, JsonObject | null]) {
  const own = { ...componentOf(kind, id, data), userId: "me", metadata: { own: true } };
  await db.upsertSession(session("s", { ...own, sessionType: kind, createdAt: 5 }));
  let shown: SessionHeader | null = null;
  const change = (current: SessionHeader) => {
    shown = current;
    return {};
  };
  const turn = session("s", { ...ofTurn, sessionType: kind, userId: "me", metadata: { ignored: true } });
  await db.upsertRun({ session: turn, run: run("r"), change });
  const expected = componentOf(kind, id ?? `turn ${kind}`, data ?? { of: `turn ${kind}` });
  const read = plain(await stored(db, "s"));
  assert.deepStrictEqual(columnsOf(read), columnsOf(expected), "what was absent is filled in");
  assert.deepStrictEqual(columnsOf(shown ?? assert.fail("no change")), columnsOf(expected), "the change sees it");
  assert.deepStrictEqual([read["metadata"], read["createdAt"]], [{ own: true }, 5], "nothing else is taken");
  const componentId = id ?? `turn ${kind}`;
  for (const filter of [{ componentId }, { componentId, sessionType: kind }]) {
    assert.deepStrictEqual(await listedIds(db, filter), ["s"], JSON.stringify(filter));
  }
  await db.upsertRun({ session: { ...turn, ...componentOf(kind, "later", { of: "later" }) }, run: run("r2") });
  assert.deepStrictEqual(columnsOf(await stored(db, "s")), columnsOf(expected), "a later turn changes nothing");
}

function filledCases(): Cases {
  const entries = sessionTypes.flatMap((kind) =>
    Object.entries(created).map(([what, parts]) => [
      `the first turn fills in the ${kind} id and data of a session created with ${what}`,
      (db: SessionDb) => checkFilled(db, kind, parts),
    ]),
  );
  return Object.fromEntries(entries) as Cases;
}

export const componentDataCases: Cases = {
  ...filledCases(),

  "a change overrides what is filled in": async (db) => {
    await db.upsertSession({ sessionId: "s", sessionType: "agent" });
    const turn = { session: session("s", { agentData: { of: "turn" } }), run: run("r") };
    await db.upsertRun({ ...turn, change: { agentData: { of: "change" } } });
    assert.deepStrictEqual((await stored(db, "s")).agentData, { of: "change" });
  },

  "the next turn fills in data that was cleared": async (db) => {
    await db.upsertSession(session("s", { agentData: { of: "first" } }));
    await db.updateSession({ sessionId: "s" }, { agentData: null });
    await db.upsertRun({ session: session("s"), run: run("r1") });
    assert.equal((await stored(db, "s")).agentData, null, "a turn without data has nothing to fill in");
    await db.upsertRun({ session: session("s", { agentData: { of: "turn" } }), run: run("r2") });
    assert.deepStrictEqual((await stored(db, "s")).agentData, { of: "turn" });
  },

  "an unmet condition fills in nothing": async (db) => {
    await db.upsertSession({ sessionId: "s", sessionType: "agent" });
    const turn = { session: session("s", { agentData: { of: "turn" } }), run: run("r"), onlyIfExists: "run" as const };
    await db.upsertRun(turn);
    const { agentId, agentData } = await stored(db, "s");
    assert.deepStrictEqual([agentId, agentData], [null, null]);
  },

  "the owner is filled in with the rest": async (db) => {
    await db.upsertSession({ sessionId: "s", sessionType: "workflow" });
    const init = session("s", { sessionType: "workflow", workflowId: "w", workflowData: { w: 1 } });
    await db.forUser("me").upsertRun({ session: init, run: run("r") });
    const { userId, workflowId, workflowData } = await stored(db, "s");
    assert.deepStrictEqual([userId, workflowId, workflowData], ["me", "w", { w: 1 }]);
  },
};
