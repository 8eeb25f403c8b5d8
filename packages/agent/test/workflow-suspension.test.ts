import { InMemorySessionDb, type JsonValue, type SessionDb, type WorkflowRun } from "@sessiondb/core";
import {
  Agent,
  condition,
  loop,
  parallel,
  sequence,
  step,
  StepResult,
  suspendedSteps,
  Workflow,
  type WorkflowOptions,
  type WorkflowStep,
} from "@sessiondb/agent";
import { scriptedModel, shown, type Answer } from "@sessiondb/testing/scripted-model";
import { tool } from "ai";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { collect } from "./support/collect.ts";
import { localStores } from "./support/stores.ts";
import { watched } from "./support/watched-db.ts";

const asks = (name: string, payload: JsonValue = { ask: name }): WorkflowStep =>
  step({ name, run: ({ resumeData }) => (resumeData === undefined ? StepResult.suspend(payload) : resumeData) });
const flowOf = (db: SessionDb, steps: readonly WorkflowStep[], options: Partial<WorkflowOptions> = {}) =>
  new Workflow({ id: "flow", db, sessionId: "s", steps, ...options });
const runOf = async (db: SessionDb) => (await db.getRuns({ sessionId: "s" })).runs[0] as WorkflowRun;
const refusal = (argument: string) => ({ code: "INVALID_ARGUMENT", argument });

const buys = (id: string): Answer => ({ calls: [{ name: "buy", id, input: { item: id } }] });
function buyer(answers: readonly Answer[]) {
  const bought: string[] = [];
  const buy = tool({
    inputSchema: z.object({ item: z.string() }),
    needsApproval: true,
    execute: ({ item }) => `Bought ${bought.push(item)}`,
  });
  const model = scriptedModel(answers);
  return { agent: new Agent({ id: "buyer", model, tools: { buy }, generation: { maxRetries: 0 } }), model, bought };
}

describe("a step that suspends", () => {
  test("is told with its place and what it asks, from the result and from the store", async () => {
    const db = new InMemorySessionDb();
    const { agent } = buyer([buys("milk")]);
    const inner = new Workflow({ id: "inner", steps: [() => "one", asks("name", "Which name?")] });
    const flow = flowOf(db, [sequence("all", [parallel("both", [agent, inner, () => "done"])]), () => "never"]);
    const { runId, status, content, suspended, run } = await flow.run("in");
    expect({ status, content }).toEqual({ status: "PAUSED", content: null });
    expect(suspended).toEqual([
      {
        stepId: expect.any(String),
        name: "buyer",
        path: ["all", "both", "buyer"],
        payload: [
          {
            toolCallId: "milk",
            toolName: "buy",
            dynamic: false,
            input: { item: "milk" },
            state: "approval-requested",
          },
        ],
      },
      { stepId: expect.any(String), name: "name", path: ["all", "both", "inner", "name"], payload: "Which name?" },
    ]);
    const stored = await runOf(db);
    expect(suspendedSteps(stored)).toEqual(suspended);
    expect(suspendedSteps(run)).toEqual(suspended);
    expect(stored).toMatchObject({ runId, pausedStepIndex: 0, pausedStepName: "all", pauseKind: "executor" });
    expect(stored.stepRequirements).toMatchObject([
      {
        step_name: "buyer",
        step_index: 0,
        requires_executor_input: true,
        executor_id: "buyer",
        executor_type: "agent",
      },
      {
        step_name: "name",
        step_index: 0,
        requires_user_input: true,
        user_input_message: "Which name?",
        user_input: null,
      },
    ]);
  });

  test("takes the answers to several one by one, and keeps what is answered", async () => {
    const db = new InMemorySessionDb();
    const { agent, bought } = buyer([buys("milk"), "Enjoy."]);
    const flow = flowOf(db, [parallel("both", [asks("a"), agent, asks("b")])]);
    const { runId, suspended } = await flow.run("in");
    const [a, buy, b] = suspended.map(({ stepId }) => stepId);
    await expect(flow.continueRun({ runId, sessionId: "s", resumeData: 1 })).rejects.toMatchObject(refusal("stepId"));
    const approvals = [{ toolCallId: "milk", approved: true }];
    const answers: [string | undefined, JsonValue, number][] = [
      [b, "B", 2],
      [buy, approvals, 1],
      [a, { text: "A" }, 0],
    ];
    for (const [stepId = "", resumeData, left] of answers) {
      const result = await flow.continueRun({ runId, sessionId: "s", stepId, resumeData });
      expect(result.suspended).toHaveLength(left);
      await expect(flow.continueRun({ runId, sessionId: "s", stepId, resumeData })).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
      });
    }
    expect(bought).toEqual(["milk"]);
    const run = await runOf(db);
    expect(run).toMatchObject({ status: "COMPLETED", content: [{ text: "A" }, "Enjoy.", "B"] });
    expect(run.stepRequirements).toMatchObject([
      { step_name: "a", user_input: { text: "A" } },
      { step_name: "buyer", executor_requirements: [{ confirmation: true }] },
      { step_name: "b", user_input: { value: "B" } },
    ]);
    expect(run.pausedStepIndex ?? null).toBe(null);
  });

  test("may ask again, also with a false, an empty or no answer", async () => {
    const db = new InMemorySessionDb();
    const seen: (JsonValue | undefined)[] = [];
    const flow = flowOf(db, [
      ({ resumeData }) => {
        seen.push(resumeData);
        return seen.length < 6 ? StepResult.suspend() : "done";
      },
    ]);
    const { runId } = await flow.run("in");
    for (const resumeData of [false, "", null, {}, 0]) {
      await flow.continueRun({ runId, sessionId: "s", resumeData });
    }
    expect(seen).toEqual([undefined, false, "", null, {}, 0]);
    expect(await runOf(db)).toMatchObject({ status: "COMPLETED", content: "done" });
  });

  test("that fails after its answer goes on with the same answer", async () => {
    const db = new InMemorySessionDb();
    const seen: (JsonValue | undefined)[] = [];
    const flow = flowOf(db, [
      step({
        name: "s",
        maxRetries: 1,
        run: ({ resumeData }) => {
          seen.push(resumeData);
          if (resumeData === undefined) {
            return StepResult.suspend("?");
          }
          if (seen.length < 5) {
            throw new Error("out of order");
          }
          return "done";
        },
      }),
    ]);
    const { runId } = await flow.run("in");
    const options = { runId, sessionId: "s" };
    await expect(flow.continueRun({ ...options, resumeData: "yes" })).rejects.toThrow("out of order");
    await expect(flow.continueRun({ ...options, resumeData: "no" })).rejects.toMatchObject(refusal("resumeData"));
    expect((await flow.continueRun(options)).content).toBe("done");
    expect(seen).toEqual([undefined, "yes", "yes", "yes", "yes"]);
  });

  test("in an agent whose model fails after the approved tool ran does not run it again", async () => {
    const db = new InMemorySessionDb();
    const { agent, model, bought } = buyer([buys("milk"), new Error("out of order"), new Error("again"), "Enjoy."]);
    const flow = flowOf(db, [step({ name: "buy", run: agent, maxRetries: 1 }), ({ previous }) => previous]);
    const { runId } = await flow.run("in");
    const options = { runId, sessionId: "s" };
    await expect(
      flow.continueRun({ ...options, resumeData: [{ toolCallId: "milk", approved: true }] }),
    ).rejects.toThrow("again");
    const { content, run } = await flow.continueRun(options);
    expect(content).toBe("Enjoy.");
    expect(bought).toEqual(["milk"]);
    expect(shown(model.prompts.at(-1) ?? []).filter((text) => text.startsWith("tool"))).toHaveLength(1);
    expect(run.stepExecutorRuns).toHaveLength(1);
    // Four answers were paid for, of which two failed.
    expect((await flow.getSession())?.sessionData["session_metrics"]).toMatchObject({ total_tokens: 30 });
  });

  test("in an agent that was not approved tells it so", async () => {
    const db = new InMemorySessionDb();
    const { agent, bought } = buyer([buys("milk"), "A pity."]);
    const { runId } = await flowOf(db, [agent]).run("in");
    const resumeData = [{ toolCallId: "milk", approved: false, reason: "too dear" }];
    expect((await flowOf(db, [agent]).continueRun({ runId, sessionId: "s", resumeData })).content).toBe("A pity.");
    expect(bought).toEqual([]);
  });

  test("ends neither the steps beside it nor the loop around it", async () => {
    const db = new InMemorySessionDb();
    const done: string[] = [];
    const slow = step({
      name: "slow",
      run: async () => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        done.push("slow");
        return "slow";
      },
    });
    const flow = flowOf(db, [loop("l", { steps: [parallel("p", [asks("a"), slow])], maxIterations: 3 })]);
    let result = await flow.run("in");
    for (let round = 1; round <= 3; round += 1) {
      expect([result.status, done.length]).toEqual(["PAUSED", round]);
      result = await flow.continueRun({ runId: result.runId, sessionId: "s", resumeData: round });
    }
    expect(result).toMatchObject({ status: "COMPLETED", content: [3, "slow"] });
    expect(done).toHaveLength(3);
  });
});

describe.each(Object.entries(localStores))("a run that waits, on %s", (_name, open) => {
  const both = (db: SessionDb, options: Partial<WorkflowOptions> = {}) => flowOf(db, [asks("a"), asks("b")], options);

  test("is gone on with by one of many calls at once", async () => {
    await using db = await open();
    const calls: JsonValue[] = [];
    const steps = [asks("a"), ({ previous }: { previous: JsonValue }) => void calls.push(previous)];
    const { runId } = await flowOf(db, steps).run("in");
    const settled = await Promise.allSettled(
      Array.from({ length: 10 }, (_, index) =>
        flowOf(db, steps).continueRun({ runId, sessionId: "s", resumeData: index }),
      ),
    );
    const reasons = settled.flatMap((each) => (each.status === "rejected" ? [each.reason as unknown] : []));
    expect(reasons).toEqual(Array(9).fill(expect.objectContaining(refusal("runId"))));
    expect(calls).toHaveLength(1);
    expect(await runOf(db)).toMatchObject({ status: "COMPLETED" });
  });

  test("refuses whoever is not to answer, and stays as it is", async () => {
    await using db = await open();
    const flow = both(db);
    const { runId, suspended } = await flow.run("in", { userId: "ada" });
    await flow.run("in", { sessionId: "other", userId: "ada" });
    const before = await runOf(db);
    const good = { runId, sessionId: "s", userId: "ada", resumeData: "A" };
    const { resumeData: _none, ...unanswered } = good;
    const refused: [Workflow, Parameters<Workflow["continueRun"]>[0], object][] = [
      [flow, { ...good, userId: "eve" }, { code: "SESSION_OWNERSHIP" }],
      [flow, { ...good, userId: "" }, refusal("userId")],
      [flow, { ...good, userId: undefined } as unknown as typeof good, refusal("userId")],
      [flow, { ...good, sessionId: "other" }, refusal("runId")],
      [flow, { ...good, sessionId: "none" }, refusal("runId")],
      [flow, { ...good, runId: "none" }, refusal("runId")],
      [flow, unanswered, refusal("resumeData")],
      [flow, { ...good, stepId: "none" }, refusal("stepId")],
      [flow, { ...good, resumeData: Promise.resolve() as unknown as JsonValue }, refusal("resumeData")],
      [flow, { ...good, answer: 1 } as typeof good, refusal("options.answer")],
      [both(db, { id: "another" }), good, { code: "SESSION_COMPONENT_MISMATCH" }],
      [flowOf(db, [asks("b"), asks("a")]), good, { code: "RUN_NOT_CONTINUABLE" }],
      [new Workflow({ id: "flow", steps: [asks("a")] }), good, { code: "STORAGE_DISABLED" }],
    ];
    for (const [workflow, options, error] of refused) {
      await expect(workflow.continueRun(options)).rejects.toMatchObject(error);
      await expect(collect(workflow.continueStream(options))).rejects.toMatchObject(error);
    }
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(flow.continueRun({ ...good, signal })).rejects.toThrow("enough");
    expect(await runOf(db)).toEqual(before);
    const [first] = suspended;
    const second = await flow.continueRun({ ...good, stepId: first?.stepId });
    expect(second.suspended).toMatchObject([{ name: "b" }]);
    await expect(flow.continueRun({ ...good, stepId: first?.stepId })).rejects.toMatchObject(refusal("stepId"));
  });

  test("refuses decisions that do not fit the calls, and still waits", async () => {
    await using db = await open();
    const { agent, bought } = buyer([buys("milk"), "Enjoy."]);
    const flow = flowOf(db, [agent]);
    const { runId } = await flow.run("in");
    const before = await runOf(db);
    const milk = { toolCallId: "milk", approved: true };
    const wrong: JsonValue[] = [
      "yes",
      {},
      [],
      [{ ...milk, approved: "true" }],
      [milk, milk],
      [{ ...milk, toolCallId: "x" }],
    ];
    for (const resumeData of wrong) {
      await expect(flow.continueRun({ runId, sessionId: "s", resumeData })).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
        argument: expect.stringMatching(/^resumeData/),
      });
    }
    expect(await runOf(db)).toEqual(before);
    expect((await flow.continueRun({ runId, sessionId: "s", resumeData: [milk] })).content).toBe("Enjoy.");
    expect(bought).toEqual(["milk"]);
  });

  test("that was cancelled takes no answer until it waits again", async () => {
    await using db = await open();
    const { agent, bought } = buyer([buys("milk"), buys("bread"), "Enjoy."]);
    const flow = flowOf(db, [agent, asks("a")]);
    const { runId } = await flow.run("in");
    expect(await flow.cancelRun({ runId })).toBe(true);
    const options = { runId, sessionId: "s" };
    const resumeData = [{ toolCallId: "milk", approved: true }];
    await expect(flow.continueRun({ ...options, resumeData })).rejects.toMatchObject(refusal("resumeData"));
    expect(await flow.continueRun(options)).toMatchObject({
      status: "PAUSED",
      suspended: [{ payload: [{ toolCallId: "bread" }] }],
    });
    await expect(flow.continueRun({ ...options, resumeData })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(bought).toEqual([]);
  });

  test("is left out of a fork, and a fork of a failed run does not go on", async () => {
    await using db = await open();
    await both(db).run("in");
    const failing = flowOf(db, [() => "one", () => Promise.reject(new Error("out of order"))]);
    await expect(failing.run("in")).rejects.toThrow("out of order");
    const fork = await both(db).forkSession();
    expect(fork?.runs).toMatchObject([{ status: "ERROR" }]);
    const given = { runId: fork?.runs[0]?.runId ?? "", sessionId: fork?.sessionId ?? "" };
    await expect(failing.continueRun(given)).rejects.toMatchObject({
      code: "RUN_NOT_CONTINUABLE",
    });
  });

  test("of another program is refused", async () => {
    await using db = await open();
    const session = { sessionType: "workflow", sessionId: "s", workflowId: "flow" } as const;
    for (const status of ["PAUSED", "ERROR", "CANCELLED"] as const) {
      const run = { runType: "workflow", runId: status, workflowId: "flow", status, pausedStepIndex: 0 } as const;
      await db.upsertRun({ session, run });
      await expect(both(db).continueRun({ runId: status, sessionId: "s" })).rejects.toMatchObject({
        code: "RUN_NOT_CONTINUABLE",
      });
    }
  });
});

test.each<[string, unknown]>([
  ["a map", new Map()],
  ["a bigint", 1n],
  ["a function", () => {}],
])("a decision that puts %s into the state does not keep the run from ending", async (_name, value) => {
  const db = new InMemorySessionDb();
  const when = ({ sessionState }: { sessionState: object }) => Object.assign(sessionState, { value }) !== null;
  const flow = flowOf(db, [condition("c", { when, steps: [() => "done"] })]);
  await expect(flow.run("in")).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  expect(await runOf(db)).toMatchObject({ status: "COMPLETED", content: "done" });
});

describe("what a run writes", () => {
  const slow = (name: string) =>
    step({ name, run: () => new Promise<string>((resolve) => setTimeout(() => resolve(name), 5)) });
  const quick = (name: string) => step({ name, run: () => name });
  const names = ["a", "b", "c", "d", "e"];

  /** Steps that end in the same instant, however busy the machine is. */
  function together(): WorkflowStep[] {
    let end: Promise<void> | undefined;
    const run = async (name: string) => {
      end ??= new Promise((resolve) => setTimeout(resolve, 5));
      await end;
      return name;
    };
    return names.map((name) => step({ name, run: () => run(name) }));
  }

  test.each([
    ["steps that take time", names.map(slow), 2 + 4],
    ["quick steps", names.map(quick), 2],
    ["a sequence", [sequence("s", names.map(slow))], 2 + 4],
    ["parallel steps that end together", [parallel("p", together()), slow("last")], 2 + 1],
    ["one step", [slow("a")], 2],
  ])("is its outputs once for each step but the last: %s", async (_name, steps, writes) => {
    const { db, calls } = watched(new InMemorySessionDb());
    await flowOf(db, steps).run("in");
    expect(calls).toEqual(["getSession", ...Array<string>(writes).fill("upsertRun")]);
  });

  test("to go on is one more read and one more write", async () => {
    const { db, calls } = watched(new InMemorySessionDb());
    const { runId } = await flowOf(db, [asks("a")]).run("in");
    calls.length = 0;
    await flowOf(db, [asks("a")]).continueRun({ runId, sessionId: "s", resumeData: 1 });
    expect(calls).toEqual(["getSession", "getRun", "updateRun", "upsertRun"]);
  });
});
