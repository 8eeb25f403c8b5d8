import { InMemorySessionDb, type JsonValue, type StepOutput } from "@sessiondb/core";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { describe, expect, test } from "vitest";
import {
  Agent,
  condition,
  loop,
  parallel,
  router,
  sequence,
  step,
  StepResult,
  Workflow,
  type WorkflowOptions,
  type WorkflowStep,
} from "@sessiondb/agent";
import { collect } from "./support/collect.ts";
import { scriptedModel, shown } from "@sessiondb/testing/scripted-model";
import { watched } from "./support/watched-db.ts";

const textOf = (value: JsonValue | undefined): string =>
  Array.isArray(value) ? value.map(textOf).join() : typeof value === "string" ? value : "";
const add = (text: string) => step({ name: text, run: ({ previous }) => `${textOf(previous)} ${text}` });
const fail = (message: string) => step({ name: message, run: () => Promise.reject(new Error(message)) });
const never = step({ name: "never", run: () => new Promise<JsonValue>(() => {}) });

function workflowOf(steps: readonly WorkflowStep[], options: Partial<WorkflowOptions> = {}): Workflow {
  return new Workflow({ id: "flow", name: "Flow", db: new InMemorySessionDb(), sessionId: "s", steps, ...options });
}

const contents = (outputs: readonly StepOutput[]) => outputs.map(({ stepName, content }) => [stepName, content]);
const statuses = async (workflow: Workflow) => (await workflow.getSession())?.runs.map(({ status }) => status);

describe("a workflow", () => {
  test("runs functions and agents one after another, and is stored as one row", async () => {
    await using db = new SqliteSessionDb({ file: ":memory:" });
    const model = scriptedModel(() => "Written");
    const workflow = workflowOf([add("plan"), new Agent({ id: "writer", model })], { db });
    const result = await workflow.run("Book", { userId: "ada" });
    expect(result).toMatchObject({ status: "COMPLETED", content: "Written", storageError: null });
    expect(shown(model.prompts[0] ?? [])).toEqual(["user: Book plan"]);
    const session = await workflow.getSession();
    expect(session).toMatchObject({
      sessionType: "workflow",
      workflowId: "flow",
      userId: "ada",
      workflowData: {
        workflow_id: "flow",
        name: "Flow",
        steps: [
          { name: "plan", type: "Function" },
          { name: "writer", type: "Step" },
        ],
      },
    });
    expect(session?.sessionData["session_metrics"]).toMatchObject({ total_tokens: 15 });
    const { rows } = { rows: (await db.getRuns({ sessionId: "s" })).runs };
    expect(rows).toMatchObject([
      {
        runType: "workflow",
        workflowName: "Flow",
        input: "Book",
        content: "Written",
        stepResults: [
          {
            stepName: "plan",
            stepType: "Function",
            executorType: "function",
            content: "Book plan",
            success: true,
            error: null,
          },
          {
            stepName: "writer",
            stepType: "Step",
            executorType: "agent",
            executorName: "writer",
            metrics: { totalTokens: 15 },
          },
        ],
        stepExecutorRuns: [
          { runType: "agent", agentId: "writer", parentRunId: result.runId, workflowStepId: "writer" },
        ],
        metrics: { steps: { writer: { executorType: "agent" } } },
      },
    ]);
  });

  test("costs one read and two writes", async () => {
    const { db, calls } = watched(new InMemorySessionDb());
    await workflowOf([add("a")], { db }).run("x");
    expect(calls).toEqual(["getSession", "upsertRun", "upsertRun"]);
  });

  test("can nest steps", async () => {
    const { content, stepResults } = await workflowOf([
      sequence("both", [add("a"), add("b")]),
      parallel("at once", [add("c"), add("d")]),
      condition("if", { when: ({ previous }) => Array.isArray(previous), steps: [({ previous }) => textOf(previous)] }),
      condition("unless", { when: () => false, steps: [fail("no")] }),
      loop("again", { steps: [add("e")], until: ([last]) => textOf(last?.content).endsWith("e e"), maxIterations: 9 }),
      router("which", { choose: () => ["two"], routes: { one: add("f"), two: [add("g"), add("h")] } }),
    ]).run("x");
    expect(content).toBe("x a b c,x a b d e e g h");
    expect(stepResults.map(({ stepType, steps }) => [stepType, steps?.length])).toEqual([
      ["Steps", 2],
      ["Parallel", 2],
      ["Condition", 1],
      ["Condition", 0],
      ["Loop", 2],
      ["Router", 2],
    ]);
    expect(contents(stepResults[1]?.steps ?? [])).toEqual([
      ["c", "x a b c"],
      ["d", "x a b d"],
    ]);
  });

  test("runs parallel steps concurrently, and stops the others when one fails", async () => {
    const order: string[] = [];
    const slow = (name: string, time: number) =>
      step({
        name,
        run: async () => {
          await new Promise((resolve) => setTimeout(resolve, time));
          order.push(name);
          return name;
        },
      });
    const { content } = await workflowOf([parallel("p", [slow("a", 30), slow("b", 1)])]).run("x");
    expect([content, order]).toEqual([
      ["a", "b"],
      ["b", "a"],
    ]);
    const broken = workflowOf([parallel("p", [never, fail("broken")])]);
    await expect(broken.run("x")).rejects.toThrow("broken");
    expect((await broken.getSession())?.runs[0]).toMatchObject({ status: "ERROR", content: "broken" });
  });

  test("ends early when a step asks for it", async () => {
    const result = await workflowOf([
      sequence("inner", [() => new StepResult({ content: "enough", stop: true }), fail("no")]),
      fail("no"),
    ]).run("x");
    expect(result).toMatchObject({ status: "COMPLETED", content: "enough", stepResults: [{ stop: true }] });
  });

  test("that fails is stored with its completed steps, and rejects with the error of the step", async () => {
    const workflow = workflowOf([add("a"), fail("broken"), add("b")]);
    await expect(workflow.run("x")).rejects.toThrow("broken");
    expect((await workflow.getSession())?.runs).toMatchObject([
      { status: "ERROR", content: "broken", stepResults: [{ content: "x a" }, { success: false, error: "broken" }] },
    ]);
    const agent = new Agent({ id: "a", model: scriptedModel([new Error("ill")]), generation: { maxRetries: 0 } });
    await expect(workflowOf([agent]).run("x")).rejects.toThrow("ill");
    await expect(
      workflowOf([router("r", { choose: () => "nowhere", routes: { a: add("a") } })]).run("x"),
    ).rejects.toThrow("one of a");
  });

  test("retries a failed step, or continues without it", async () => {
    let calls = 0;
    const flaky = () => {
      calls += 1;
      if (calls < 3) {
        throw new Error("not yet");
      }
      return "at last";
    };
    expect((await workflowOf([step({ name: "f", run: flaky, maxRetries: 2 })]).run("x")).content).toBe("at last");
    const skipped = step({ name: "f", run: () => Promise.reject(new Error("no")), skipOnFailure: true });
    const { content, stepResults } = await workflowOf([skipped, add("a")]).run("x");
    expect([content, stepResults[0]?.success]).toEqual(["x a", false]);
  });

  test("is cancelled at once, even if a function never ends", async () => {
    const workflow = workflowOf([add("a"), never]);
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error("enough")), 20);
    await expect(workflow.run("x", { signal: controller.signal })).rejects.toThrow("enough");
    expect((await workflow.getSession())?.runs[0]).toMatchObject({
      status: "CANCELLED",
      stepResults: [{ content: "x a" }, {}],
    });
  });

  test("keeps the runs and the state of concurrent runs and branches", async () => {
    await using db = new SqliteSessionDb({ file: ":memory:" });
    const note = (key: string) =>
      step({
        name: key,
        run: ({ sessionState, updateSessionState, input }) => {
          sessionState[`${textOf(input)} ${key}`] = true;
          updateSessionState((state) => ({ ...state, count: Number(state["count"] ?? 0) + 1 }));
        },
      });
    const workflow = workflowOf([parallel("p", [note("a"), note("b")])], { db });
    await Promise.all(["one", "two", "three"].map((input) => workflow.run(input)));
    expect(await statuses(workflow)).toEqual(["COMPLETED", "COMPLETED", "COMPLETED"]);
    expect(await workflow.getSessionState()).toEqual({
      count: 6,
      ...Object.fromEntries(
        ["one", "two", "three"].flatMap((input) => ["a", "b"].map((key) => [`${input} ${key}`, true])),
      ),
    });
  });

  test("shows its steps earlier runs when switched on", async () => {
    const seen: (string | null)[] = [];
    const look = ({ history }: { history: string | null }) => void seen.push(history);
    const wanted = step({ name: "w", run: look, addWorkflowHistory: true, numHistoryRuns: 1 });
    const workflow = workflowOf([wanted, step({ name: "n", run: look }), () => "done"]);
    await workflow.run("first");
    await workflow.run("second");
    await workflow.run("third");
    expect(seen).toEqual([
      null,
      null,
      expect.stringContaining('"input":"first"'),
      null,
      expect.stringContaining('"input":"second"'),
      null,
    ]);
    expect(seen[4]).not.toContain("first");
    const model = scriptedModel(() => "ok");
    const all = workflowOf([new Agent({ id: "a", model })], { addWorkflowHistoryToSteps: true });
    await all.run("first");
    await all.run("second");
    expect(shown(model.prompts[1] ?? []).join()).toContain('"output":"ok"');
  });

  test("can have workflows as steps", async () => {
    const inner = new Workflow({
      id: "inner",
      steps: [add("inner"), new Agent({ id: "a", model: scriptedModel(() => "deep") })],
    });
    const workflow = workflowOf([inner, add("outer")]);
    const { content, run } = await workflow.run("x");
    expect(content).toBe("deep outer");
    expect(run.stepExecutorRuns).toMatchObject([
      { runType: "workflow", workflowId: "inner", stepExecutorRuns: [{ agentId: "a" }] },
    ]);
    expect((await workflow.getSession())?.runs).toHaveLength(1);
  });

  test("leaves out the executors' runs when switched off", async () => {
    const agent = new Agent({ id: "a", model: scriptedModel(() => "ok") });
    const { run } = await workflowOf([agent], { storeExecutorOutputs: false }).run("x");
    expect(run.stepExecutorRuns).toBeUndefined();
  });

  test("two readers of one stream both get every event and an end", async () => {
    const stream = workflowOf([add("a"), add("b")]).stream("x");
    const [first, second] = await Promise.all([collect(stream), collect(stream)]);
    expect(first).toEqual(second);
    expect(first.length).toBeGreaterThan(3);
  });

  test("streams its events, and is cancelled when the reader leaves", async () => {
    const workflow = workflowOf([add("a")]);
    const events = await collect(workflow.stream("x"));
    expect(events.map(({ type }) => type)).toEqual([
      "workflow-started",
      "step-started",
      "step-completed",
      "workflow-completed",
    ]);
    const stuck = workflowOf([never]);
    const stream = stuck.stream("x");
    for await (const { type } of stream) {
      if (type === "step-started") {
        break;
      }
    }
    expect((await stream.result).status).toBe("CANCELLED");
    await expect(collect(workflowOf([fail("broken")]).stream("x"))).rejects.toThrow("broken");
  });

  test("has the same session methods as agents", async () => {
    const workflow = workflowOf([add("a")], { sessionState: { plan: "pro" } });
    await workflow.run("x", { userId: "ada" });
    expect((await workflow.getUserSessions({ userId: "ada" })).sessions).toHaveLength(1);
    expect((await workflow.renameSession({ autogenerate: true }))?.sessionName).toMatch(/^Flow - \d{4}/);
    expect(await workflow.getSessionState()).toEqual({ plan: "pro" });
    await expect(workflow.run("x", { userId: "eve" })).rejects.toMatchObject({ code: "SESSION_OWNERSHIP" });
    expect(await workflow.deleteSession({ userId: "ada" })).toBe(true);
  });

  test("refuses invalid steps", () => {
    expect(() => workflowOf([])).toThrow("steps");
    expect(() => workflowOf([{} as never])).toThrow("steps[0] must be a function");
    expect(() => loop("l", { steps: [add("a")], maxIterations: 0 })).toThrow("maxIterations");
  });
});
