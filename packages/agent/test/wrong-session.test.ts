import { InMemorySessionDb, type SessionDb } from "@sessiondb/core";
import { Agent, Team, Workflow } from "@sessiondb/agent";
import { scriptedModel } from "@sessiondb/testing/scripted-model";
import { describe, expect, test } from "vitest";

// A component that meets a session of another one by mistake.

const kinds = ["agent", "team", "workflow"] as const;
type Kind = (typeof kinds)[number];
type Any = Agent | Team | Workflow;

function componentOf(kind: Kind, id: string, db: SessionDb): Any {
  const model = scriptedModel(() => "Ok");
  const members = [new Agent({ id: "member", model })];
  return {
    agent: () => new Agent({ id, model, db }),
    team: () => new Team({ id, model, db, members }),
    workflow: () => new Workflow({ id, db, steps: [() => "Ok"] }),
  }[kind]();
}

const sessionId = "s";
const approvals = [{ toolCallId: "c1", approved: true }];
const ofModels = (component: Any): Agent | Team => component as Agent | Team;

const turns = {
  run: (component: Any) => component.run("Hi", { sessionId }),
  stream: async (component: Any) => (await component.stream("Hi", { sessionId })).result,
  printResponse: (component: Any) => ofModels(component).printResponse("Hi", { sessionId }),
  continueRun: (component: Any) => ofModels(component).continueRun({ sessionId, runId: "r", approvals }),
};
const onlyModels = new Set(["printResponse", "continueRun"]);

/** Reads and changes find nothing, as for a session that does not exist. */
const nothing = {
  getSession: [(component: Any) => component.getSession({ sessionId }), null],
  getMessages: [(component: Any) => component.getMessages({ sessionId }), []],
  getSessionSummary: [(component: Any) => component.getSessionSummary({ sessionId }), null],
  getSessionState: [(component: Any) => component.getSessionState({ sessionId }), null],
  updateSessionState: [(component: Any) => component.updateSessionState({ sessionId, change: { a: 1 } }), null],
  renameSession: [(component: Any) => component.renameSession({ sessionId, sessionName: "Mine" }), null],
  nameFromContent: [(component: Any) => component.renameSession({ sessionId, autogenerate: true }), null],
  forkSession: [(component: Any) => component.forkSession({ sessionId }), null],
  deleteSession: [(component: Any) => component.deleteSession({ sessionId }), false],
} as const;

const pairs = kinds.flatMap((kind) =>
  kinds.flatMap((stored) =>
    ["ours", "theirs"].filter((id) => stored !== kind || id !== "theirs").map((id) => ({ kind, id, stored })),
  ),
);

describe.each(pairs)("the $kind $id in a session of the $stored theirs", ({ kind, id, stored }) => {
  async function met(): Promise<{ db: SessionDb; component: Any; before: string }> {
    const db = new InMemorySessionDb();
    await componentOf(stored, "theirs", db).run("Hi", { sessionId });
    return { db, component: componentOf(kind, id, db), before: JSON.stringify(await db.getSession({ sessionId })) };
  }

  const calls = Object.entries(turns).filter(([name]) => kind !== "workflow" || !onlyModels.has(name));
  test.each(calls)("%s says whose it is", async (_name, call) => {
    const { db, component, before } = await met();
    await expect(call(component)).rejects.toMatchObject({
      code: kind === stored ? "SESSION_COMPONENT_MISMATCH" : "SESSION_TYPE_MISMATCH",
      message: `Session "s" belongs to the ${stored} "theirs", not to the ${kind} "${id}". Use another session id.`,
      ...(kind === stored
        ? { expectedComponent: id, storedComponent: "theirs" }
        : { expectedType: kind, storedType: stored }),
    });
    expect(JSON.stringify(await db.getSession({ sessionId }))).toBe(before);
  });

  test.each(Object.entries(nothing))("%s finds nothing", async (_name, [call, expected]) => {
    const { db, component, before } = await met();
    expect(await call(component)).toEqual(expected);
    expect(JSON.stringify(await db.getSession({ sessionId }))).toBe(before);
  });
});

describe.each(kinds)("a session of no component, of the kind %s,", (stored) => {
  test.each(kinds.filter((kind) => kind !== stored))("is refused by a component of the kind %s", async (kind) => {
    const db = new InMemorySessionDb();
    await db.upsertSession({ sessionType: stored, sessionId });
    const owner = stored === "agent" ? "an agent" : `a ${stored}`;
    await expect(componentOf(kind, "ours", db).run("Hi", { sessionId })).rejects.toMatchObject({
      code: "SESSION_TYPE_MISMATCH",
      message: `Session "s" belongs to ${owner}, not to the ${kind} "ours". Use another session id.`,
    });
  });

  test.each(kinds.filter((kind) => kind !== stored))(
    "is refused by a store that is given it as that of a kind %s",
    async (kind) => {
      const db = new InMemorySessionDb();
      await db.upsertSession({ sessionType: stored, sessionId });
      const party = (type: Kind): string => (type === "agent" ? "an agent" : `a ${type}`);
      await expect(db.upsertSession({ sessionType: kind, sessionId })).rejects.toMatchObject({
        code: "SESSION_TYPE_MISMATCH",
        message: `Session "s" belongs to ${party(stored)}, not to ${party(kind)}. Use another session id.`,
      });
      await expect(db.upsertSession({ sessionType: kind, sessionId, [`${kind}Id`]: "ours" })).rejects.toMatchObject({
        message: `Session "s" belongs to ${party(stored)}, not to the ${kind} "ours". Use another session id.`,
      });
    },
  );
});
