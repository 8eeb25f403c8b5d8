import { InMemorySessionDb, type SessionDb } from "@sessiondb/core";
import { jsonSchema, tool } from "ai";
import { describe, expect, test, vi } from "vitest";
import { Agent, Team, Workflow, type ComponentOptions } from "@sessiondb/agent";
import { scriptedModel } from "@sessiondb/testing/scripted-model";
import { watched } from "./support/watched-db.ts";

const ada = { sessionId: "s", userId: "ada" };

/** A component that does something to the store in the middle of each run, once the run's first row is stored. */
function meddler(
  kind: "agent" | "team" | "workflow",
  options: ComponentOptions & { readonly db: SessionDb },
  meddle: () => Promise<unknown>,
) {
  const work = async (): Promise<string> => {
    await vi.waitFor(async () => {
      expect((await options.db.getRuns({ status: "RUNNING" })).runs).toHaveLength(1);
    });
    await meddle();
    return "Late";
  };
  const model = scriptedModel(work);
  if (kind === "workflow") {
    return new Workflow({ ...options, steps: [work] });
  }
  if (kind === "agent") {
    return new Agent({ ...options, model });
  }
  const delegates = scriptedModel([
    { calls: [{ name: "delegate_task_to_member", input: { member_id: "member", task: "Work" } }] },
    "Late",
  ]);
  return new Team({ ...options, model: delegates, members: [new Agent({ id: "member", model })] });
}

describe.each(["agent", "team", "workflow"] as const)("a session deleted during a run: %s", (kind) => {
  test.each([true, false])("stays deleted (created by the run: %s)", async (isNew) => {
    const db = new InMemorySessionDb();
    if (!isNew) {
      await meddler(kind, { db }, async () => {}).run("Hi", ada);
    }
    const component = meddler(kind, { db }, async () => {
      expect(await component.deleteSession(ada)).toBe(true);
    });
    const result = await component.run("A secret", { ...ada, sessionState: { n: 1 } });
    expect(result).toMatchObject({ status: "COMPLETED", storageError: null });
    expect((await component.getUserSessions({ userId: "ada" })).sessions).toEqual([]);
    expect((await db.getRuns()).runs).toEqual([]);
  });

  test("stays deleted after a stream", async () => {
    const db = new InMemorySessionDb();
    const component = meddler(kind, { db }, () => component.deleteUserSessions({ userId: "ada" }));
    await (
      await component.stream("A secret", ada)
    ).result;
    expect(await db.getSession({ sessionId: "s" })).toBeNull();
  });

  test("does not get the late answer after another run recreated it", async () => {
    const db = new InMemorySessionDb();
    const again = meddler(kind, { db }, async () => {});
    const component = meddler(kind, { db }, async () => {
      await component.deleteSession(ada);
      await again.run("Anew", ada);
    });
    await component.run("A secret", ada);
    const { runs } = await db.getRuns({ parentRunId: null });
    expect(runs).toHaveLength(1);
    expect(JSON.stringify(runs)).toContain("Anew");
  });
});

describe("a run deleted while it is under way", () => {
  test.each(["agent", "team", "workflow"] as const)("stays deleted, and its session is kept: %s", async (kind) => {
    const db = new InMemorySessionDb();
    await meddler(kind, { db }, async () => {}).run("First", ada);
    const component = meddler(kind, { db }, async () => {
      const { runs } = await db.getRuns({ status: "RUNNING" });
      expect(await db.deleteRuns({ runIds: runs.map(({ runId }) => runId) })).toBe(1);
    });
    await component.run("A secret", ada);
    const session = await db.getSession({ sessionId: "s" });
    expect(session?.runs.filter(({ parentRunId }) => (parentRunId ?? null) === null)).toHaveLength(1);
  });
});

describe("a deleted session", () => {
  test("is not recreated by a run that has not written its first row", async () => {
    const db = new InMemorySessionDb();
    await new Agent({ model: scriptedModel(["Hello"]), db }).run("Hi", ada);
    // Instructions are made after the session was read, and before anything is written.
    const instructions = async (): Promise<string> => {
      await db.deleteSession({ sessionId: "s" });
      return "Be kind.";
    };
    await new Agent({ model: scriptedModel(["Late"]), db, instructions }).run("A secret", ada);
    expect(await db.getSession({ sessionId: "s" })).toBeNull();
  });

  test("is not recreated by continuing a paused run, and no tool runs", async () => {
    const db = new InMemorySessionDb();
    let paid = 0;
    const execute = (): number => (paid += 1);
    const pay = tool({ inputSchema: jsonSchema<object>({ type: "object" }), needsApproval: true, execute });
    const model = scriptedModel([{ calls: [{ name: "pay", id: "c1" }] }, "Done."]);
    const { runId } = await new Agent({ model, db, tools: { pay } }).run("Pay", ada);
    const instructions = async (): Promise<string> => {
      await db.deleteSession({ sessionId: "s" });
      return "Be kind.";
    };
    const agent = new Agent({ model, db, tools: { pay }, instructions });
    const approvals = [{ toolCallId: "c1", approved: true }];
    await expect(agent.continueRun({ ...ada, runId, approvals })).rejects.toMatchObject({ argument: "runId" });
    expect(paid).toBe(0);
    expect(await db.getSession({ sessionId: "s" })).toBeNull();
  });
});

describe("a new session", () => {
  test("is stored by the last row when the first could not be written", async () => {
    const { db, calls, failing } = watched(new InMemorySessionDb());
    failing.add("upsertRun");
    const model = scriptedModel(async () => {
      await vi.waitFor(() => expect(calls).toContain("upsertRun"));
      failing.clear();
      return "Hello";
    });
    const { storageError } = await new Agent({ model, db, onStorageError: "continue" }).run("Hi", ada);
    expect(storageError).toMatchObject({ message: "upsertRun fails" });
    expect(await db.getSession({ sessionId: "s" })).toMatchObject({ userId: "ada", runs: [{ status: "COMPLETED" }] });
  });
});
