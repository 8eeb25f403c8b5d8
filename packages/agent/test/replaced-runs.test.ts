import { InMemorySessionDb, type Run, type SessionDb } from "@sessiondb/core";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { scriptedModel, type Answer } from "@sessiondb/testing/scripted-model";
import { describe, expect, test } from "vitest";
import { Agent, SessionSummaryManager, Team, Workflow } from "../src/index.ts";
import { gate } from "./support/gate.ts";

const stores = [
  ["memory", () => new InMemorySessionDb()],
  ["SQLite", () => new SqliteSessionDb({ file: ":memory:" })],
] as const;
const sessionId = "s";

/** Returns the questions and the answers that are stored, with the status of each run. */
async function stored(db: SessionDb): Promise<unknown[]> {
  const session = await db.getSession({ sessionId });
  return (session?.runs ?? [])
    .filter(({ parentRunId }) => (parentRunId ?? null) === null)
    .map((run: Run) => [run.runType === "workflow" ? run.input : run.input?.inputContent, run.content, run.status]);
}

describe.each(stores)("on %s", (_name, open) => {
  describe.each(["agent", "team"] as const)("a run of an %s that replaces another", (kind) => {
    const make = (db: SessionDb, script: readonly Answer[]) => {
      const model = scriptedModel(script);
      const settings = { id: "a", db, model, sessionId, numHistoryRuns: 10 };
      const member = new Agent({ id: "m", model: scriptedModel(["Member."]) });
      return {
        model,
        component: kind === "agent" ? new Agent(settings) : new Team({ ...settings, members: [member] }),
      };
    };

    test.each([0, 1, 2])("takes the place of the run %i and of all that follow", async (place) => {
      await using db = open();
      const { model, component } = make(db, ["A0", "A1", "A2", "New", "Next"]);
      const ids: string[] = [];
      for (const question of ["Q0", "Q1", "Q2"]) {
        ids.push((await component.run(question)).runId);
      }
      const { runId } = await component.run("Edited", { replaces: ids[place] });
      expect(ids).not.toContain(runId);
      const before = [0, 1, 2].slice(0, place).map((each) => [`Q${each}`, `A${each}`, "COMPLETED"]);
      expect(await stored(db)).toEqual([...before, ["Edited", "New", "COMPLETED"]]);
      const prompt = JSON.stringify(model.prompts.at(-1));
      for (const each of [0, 1, 2]) {
        expect(prompt.includes(`Q${each}`)).toBe(each < place);
      }
      await component.run("On");
      expect(JSON.stringify(model.prompts.at(-1))).toContain("Edited");
      expect(await stored(db)).toHaveLength(place + 2);
    });

    test("sees as much history as any other", async () => {
      await using db = open();
      const script = Array.from({ length: 120 }, (_each, index) => `A${index}.`);
      const { model, component } = make(db, [...script, "New"]);
      const ids: string[] = [];
      for (let each = 0; each < script.length; each += 1) {
        ids.push((await component.run(`Q${each}.`)).runId);
      }
      await component.run("Edited", { replaces: ids[60] });
      const prompt = JSON.stringify(model.prompts.at(-1));
      expect(
        Array.from({ length: 120 }, (_each, index) => index).filter((each) => prompt.includes(`Q${each}.`)),
      ).toEqual(Array.from({ length: 10 }, (_each, index) => 50 + index));
      expect(await stored(db)).toHaveLength(61);
    });

    test.each(["a summary", "stopped runs"])("shows none of what it replaces, with %s", async (what) => {
      await using db = open();
      const model = scriptedModel((_call, index) => `A${index}.`);
      const manager = new SessionSummaryManager({ model: scriptedModel(() => "Nothing yet."), every: 50 });
      const settings = {
        id: "a",
        db,
        model,
        sessionId,
        numHistoryRuns: 3,
        ...(what === "a summary"
          ? { sessionSummaries: true, sessionSummaryManager: manager }
          : { addStoppedRunsToContext: true }),
      };
      const member = new Agent({ id: "m", model: scriptedModel(["Member."]) });
      const component = kind === "agent" ? new Agent(settings) : new Team({ ...settings, members: [member] });
      const ids: string[] = [];
      for (let each = 0; each < 8; each += 1) {
        ids.push((await component.run(`Q${each}.`)).runId);
      }
      await component.run("Edited", { replaces: ids[5] });
      const prompt = JSON.stringify(model.prompts.at(-1));
      expect([2, 3, 4, 5, 6, 7].map((each) => prompt.includes(`Q${each}.`))).toEqual([
        true,
        true,
        true,
        false,
        false,
        false,
      ]);
      await component.idle();
    });

    test("replaces nothing if it fails before it says anything", async () => {
      await using db = open();
      const { component } = make(db, ["A0", "A1", new Error("overloaded"), "New"]);
      const { runId } = await component.run("Q0");
      await component.run("Q1");
      await expect(component.run("Edited", { replaces: runId })).rejects.toThrow("overloaded");
      expect((await stored(db)).slice(0, 2)).toEqual([
        ["Q0", "A0", "COMPLETED"],
        ["Q1", "A1", "COMPLETED"],
      ]);
      await component.run("Edited", { replaces: runId });
      expect(await stored(db)).toEqual([["Edited", "New", "COMPLETED"]]);
    });

    test("replaces with what it said until it was cancelled", async () => {
      await using db = open();
      const stuck = gate();
      const { component } = make(db, ["A0", { stuckAfter: "Half", whenStuck: () => stuck.open() }]);
      const { runId } = await component.run("Q0");
      const controller = new AbortController();
      const stream = await component.stream("Edited", { replaces: runId, signal: controller.signal });
      await stuck.opened;
      await expect.poll(async () => (await stored(db))[1]).toEqual(["Edited", undefined, "RUNNING"]);
      expect((await stored(db))[0]).toEqual(["Q0", "A0", "COMPLETED"]);
      controller.abort();
      await stream.result.catch(() => {});
      expect(await stored(db)).toEqual([["Edited", "Half", "CANCELLED"]]);
    });

    test.each([
      ["the run before it", 0, [["Q1", "A1", "COMPLETED"]]],
      [
        "the run that it replaces",
        2,
        [
          ["Q0", "A0", "COMPLETED"],
          ["Q1", "A1", "COMPLETED"],
        ],
      ],
    ])("is stored although somebody deletes %s meanwhile", async (_which, place, before) => {
      await using db = open();
      const ids: string[] = [];
      const model = scriptedModel(async (_call, index) => {
        if (index === 4) {
          await db.deleteRuns({ runIds: [ids[place] as string] });
        }
        return `A${index}`;
      });
      const member = new Agent({ id: "m", model: scriptedModel(["Member."]) });
      const settings = { id: "a", db, model, sessionId };
      const component = kind === "agent" ? new Agent(settings) : new Team({ ...settings, members: [member] });
      for (const question of ["Q0", "Q1", "Q2", "Q3"]) {
        ids.push((await component.run(question)).runId);
      }
      const { status } = await component.run("Edited", { replaces: ids[place === 0 ? 1 : 2] });
      expect(status).toBe("COMPLETED");
      expect(await stored(db)).toEqual([...(place === 0 ? [] : before), ["Edited", "A4", "COMPLETED"]]);
    });

    test.each([
      ["of no run", "unknown"],
      ["of another session's run", "other"],
    ])("refuses the id %s", async (_whose, which) => {
      await using db = open();
      const { component } = make(db, ["A0", "Other"]);
      await component.run("Q0");
      const other = await component.run("Q", { sessionId: "t" });
      const replaces = which === "other" ? other.runId : which;
      await expect(component.run("Edited", { replaces })).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
        argument: "replaces",
      });
      expect(await stored(db)).toEqual([["Q0", "A0", "COMPLETED"]]);
    });

    test("refuses a run in progress, and a session that does not exist", async () => {
      await using db = open();
      const stuck = gate();
      const { component } = make(db, [{ stuckAfter: "Half", whenStuck: () => stuck.open() }]);
      await expect(component.run("Q", { replaces: "r" })).rejects.toMatchObject({ argument: "replaces" });
      const stream = await component.stream("Q0");
      await stuck.opened;
      await expect.poll(() => stored(db)).toHaveLength(1);
      await expect(component.run("Edited", { replaces: stream.runId })).rejects.toThrow("cancel it first");
      await component.cancelRun({ runId: stream.runId });
      await stream.result.catch(() => {});
    });
  });

  test("a team's run keeps its own members' runs, and turns that began later", async () => {
    await using db = open();
    const member = new Agent({ id: "m", model: scriptedModel(() => "Member.") });
    const model = scriptedModel(async (_call, index) => {
      if (index === 4) {
        await other.run("Later");
      }
      return index === 0 || index === 3
        ? { calls: [{ name: "delegate_task_to_member", input: { member_id: "m", task: "t" } }] }
        : `A${index}`;
    });
    const settings = { id: "a", db, sessionId, members: [member] };
    const team = new Team({ ...settings, model });
    const other = new Team({ ...settings, model: scriptedModel(["Late."]) });
    const { runId } = await team.run("Q0");
    await team.run("Q1");
    const edited = await team.run("Edited", { replaces: runId });
    expect(await stored(db)).toEqual([
      ["Edited", "A4", "COMPLETED"],
      ["Later", "Late.", "COMPLETED"],
    ]);
    const { runs } = await db.getRuns({ sessionId, parentRunId: edited.runId });
    expect(runs).toHaveLength(1);
    expect(runs[0]?.runId).toBe(edited.run.tools?.[0]?.childRunId);
  });

  test("of two runs that replace one at once, the one that began last stays", async () => {
    await using db = open();
    const [first, second] = [gate(), gate()];
    const { runId } = await new Agent({ id: "a", db, sessionId, model: scriptedModel(["A0"]) }).run("Q0");
    const slow = (answer: string, wait: Promise<void>) =>
      new Agent({
        id: "a",
        db,
        sessionId,
        model: scriptedModel(async () => {
          await wait;
          return answer;
        }),
      });
    const one = slow("One", first.opened).run("Edit 1", { replaces: runId });
    await expect.poll(async () => (await stored(db)).length).toBe(2);
    const two = slow("Two", second.opened).run("Edit 2", { replaces: runId });
    await expect.poll(async () => (await stored(db)).length).toBe(3);
    second.open();
    await two;
    first.open();
    await one;
    expect(await stored(db)).toEqual([["Edit 2", "Two", "COMPLETED"]]);
  });

  test("a workflow's run replaces another", async () => {
    await using db = open();
    const workflow = new Workflow({ id: "w", db, sessionId, steps: [({ input }) => `Did ${JSON.stringify(input)}`] });
    const { runId } = await workflow.run("A");
    await workflow.run("B");
    await workflow.run("C", { replaces: runId });
    expect(await stored(db)).toEqual([["C", 'Did "C"', "COMPLETED"]]);
  });
});
