import { InMemorySessionDb, type JsonValue } from "@sessiondb/core";
import { describe, expect, test, vi } from "vitest";
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
  type StepInput,
} from "@sessiondb/agent";
import { scriptedModel } from "@sessiondb/testing/scripted-model";

const workflowOf = (...steps: ConstructorParameters<typeof Workflow>[0]["steps"]) =>
  new Workflow({ db: new InMemorySessionDb(), steps, sessionId: "s" });

const inside = step({ name: "inside", run: () => "found" });
const containers = {
  sequence: sequence("it", [inside]),
  parallel: parallel("it", [inside, () => "other"]),
  condition: condition("it", { when: () => true, steps: [inside] }),
  loop: loop("it", { steps: [inside], maxIterations: 2 }),
  router: router("it", { choose: () => "a", routes: { a: inside } }),
  "a parallel in a loop in a sequence": sequence("it", [loop("l", { steps: [parallel("p", [inside])] })]),
};

test.each(Object.entries(containers))(
  "later steps find the output of a step by its name: %s",
  async (_name, container) => {
    const { content } = await workflowOf(container, ({ outputs }) => [
      outputs["inside"]?.content ?? null,
      Object.hasOwn(outputs, "it"),
    ]).run("x");
    expect(content).toEqual(["found", true]);
  },
);

test("a later round finds the outputs of an earlier one", async () => {
  const seen: unknown[] = [];
  const look = step({ name: "look", run: ({ outputs }) => void seen.push(outputs["last"]?.content ?? null) });
  await workflowOf(loop("l", { steps: [look, step({ name: "last", run: () => seen.length })], maxIterations: 3 })).run(
    "x",
  );
  expect(seen).toEqual([null, 1, 2]);
});

describe("what a step is given", () => {
  const own = (input: StepInput) => ({ ...input });

  test("can be spread", async () => {
    let copy: Partial<StepInput> = {};
    await workflowOf((input) => void (copy = own(input))).run("x", { userId: "ada", sessionState: { a: 1 } });
    expect(copy).toMatchObject({ sessionId: "s", userId: "ada", sessionState: { a: 1 }, input: "x", previous: "x" });
    expect(copy).toMatchObject({ history: null, outputs: {}, runId: expect.any(String) });
    expect([copy.updateSessionState, copy.signal]).toEqual([expect.any(Function), expect.any(AbortSignal)]);
  });

  test.each(["step", "decision"] as const)("shows the state as it is after a change: %s", async (kind) => {
    const look = (input: Pick<StepInput, "sessionState" | "updateSessionState">) => {
      input.updateSessionState((state) => ({ ...state, n: 1 }));
      return input.sessionState["n"] ?? null;
    };
    let seen: JsonValue = null;
    const note = (input: Pick<StepInput, "sessionState" | "updateSessionState">) => {
      seen = look(input);
      return true;
    };
    await workflowOf(kind === "step" ? note : condition("c", { when: note, steps: [() => "Done"] })).run("x");
    expect(seen).toBe(1);
  });

  test.each(["step", "decision"] as const)("is its own: changing it changes nothing else: %s", async (kind) => {
    const given = { list: [1] };
    const spoil = ({ input, previous, outputs }: Pick<StepInput, "input" | "previous" | "outputs">) => {
      for (const value of [input, previous, outputs["first"]?.content]) {
        (value as { list: number[] }).list.push(2);
      }
      return true;
    };
    const returned = { list: [1] };
    const result = await workflowOf(
      step({ name: "first", run: () => returned }),
      kind === "step" ? spoil : condition("c", { when: spoil, steps: [() => "Done"] }),
      () => {
        returned.list.push(3);
        return "Done";
      },
    ).run(given);
    expect(given).toEqual({ list: [1] });
    expect([result.run.input, result.stepResults[0]?.content]).toEqual([{ list: [1] }, { list: [1] }]);
  });
});

test("steps and results of a second copy of the package are steps and results", async () => {
  vi.resetModules();
  const copy = await import("@sessiondb/agent");
  expect(copy.StepResult).not.toBe(StepResult);
  const done = copy.step({ name: "done", run: () => new copy.StepResult({ content: "Done", stop: true }) });
  const { content, stepResults } = await workflowOf(copy.sequence("all", [done]), () => "never").run("x");
  expect([content, stepResults.length]).toEqual(["Done", 1]);
  const own = step({ name: "own", run: () => new copy.StepResult({ content: "Own", stop: true }) });
  expect((await workflowOf(own, () => "never").run("x")).content).toBe("Own");
});

test.each([[[1]], ["x"], [null], [1], [new Map()], [{ n: 1n }]])(
  "a state that is no object of JSON is refused: %o",
  async (sessionState) => {
    const model = scriptedModel([]);
    const options = { sessionId: "s", sessionState: sessionState as unknown as Record<string, JsonValue> };
    const refusal = { code: "INVALID_ARGUMENT", argument: expect.stringContaining("sessionState") };
    await expect(new Agent({ model }).run("Hi", options)).rejects.toMatchObject(refusal);
    await expect(workflowOf(() => "Done").run("Hi", options)).rejects.toMatchObject(refusal);
    expect(model.prompts).toEqual([]);
  },
);
