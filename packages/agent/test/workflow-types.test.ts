import {
  Agent,
  chain,
  condition,
  loop,
  parallel,
  router,
  sequence,
  step,
  StepResult,
  Team,
  Workflow,
  type StepDecision,
  type StepInput,
  type StepNode,
  type WorkflowRunResult,
  type WorkflowStep,
} from "@sessiondb/agent";
import { InMemorySessionDb, type JsonObject, type JsonValue } from "@sessiondb/core";
import { scriptedModel } from "@sessiondb/testing/scripted-model";
import { Output } from "ai";
import { describe, expect, expectTypeOf, test } from "vitest";
import { z } from "zod";

// The compiler checks most of this: `npm run check`.

interface Draft {
  title: string;
  words: number;
}
const draft = z.object({ title: z.string(), words: z.number() });
const model = scriptedModel(() => "text");

describe("the steps of a chain", () => {
  test("are given what the one before returns", async () => {
    const flow = new Workflow({
      steps: chain(
        ({ previous }: StepInput<string>) => ({ title: previous, words: previous.length }),
        ({ previous }) => {
          expectTypeOf(previous).toEqualTypeOf<Draft>();
          return Promise.resolve(previous.words);
        },
        ({ previous }) => {
          expectTypeOf(previous).toEqualTypeOf<number>();
          return previous > 2 ? "long" : null;
        },
        ({ previous }) => {
          expectTypeOf(previous).toEqualTypeOf<string | null>();
        },
        ({ previous }) => {
          expectTypeOf(previous).toEqualTypeOf<null>();
          return [1, 2];
        },
      ),
    });
    expectTypeOf<Parameters<typeof flow.run>[0]>().toEqualTypeOf<string>();
    const result = await flow.run("tea");
    expectTypeOf(result.content).toEqualTypeOf<JsonValue | number[]>();
    if (result.status === "COMPLETED") {
      expectTypeOf(result.content).toEqualTypeOf<number[]>();
    }
    if (result.status === "PAUSED") {
      expectTypeOf(result.content).toEqualTypeOf<null>();
    }
    expect(result.content).toEqual([1, 2]);
    // @ts-expect-error -- the input is a string.
    await expect(flow.run(1)).resolves.toMatchObject({ status: "COMPLETED" });
  });

  test("do not fit when the one before returns something else", () => {
    const upper = step({ name: "upper", run: ({ previous }: StepInput<string>) => previous.toUpperCase() });
    expectTypeOf(upper).toEqualTypeOf<StepNode<string, string>>();
    // @ts-expect-error -- it is given a number.
    expect(chain(() => 1, upper)).toHaveLength(2);
    const counts = sequence(
      "s",
      chain(
        () => "x",
        () => 1,
      ),
    );
    // @ts-expect-error -- it is given what a sequence of steps returns.
    expect(chain(counts, upper)).toHaveLength(2);
    expect(chain(() => "x", upper)).toHaveLength(2);
  });

  test("are also nodes, agents, teams and workflows", () => {
    const writer = new Agent({ model });
    const planner = new Agent({ model, generation: { output: Output.object({ schema: draft }) } });
    const team = new Team({ model, members: [writer] });
    const inner = new Workflow({ steps: chain(() => ({ n: 1 })) });
    chain(writer, ({ previous }) => expectTypeOf(previous).toEqualTypeOf<string>());
    chain(team, ({ previous }) => expectTypeOf(previous).toEqualTypeOf<string>());
    chain(planner, ({ previous }) => expectTypeOf(previous).toEqualTypeOf<Draft>());
    chain(inner, ({ previous }) => expectTypeOf(previous).toEqualTypeOf<{ n: number }>());
    chain(step({ name: "w", run: writer }), ({ previous }) => expectTypeOf(previous).toEqualTypeOf<string>());
    chain(
      () => "x",
      parallel("p", [writer, planner, ({ previous }) => JSON.stringify(previous), () => [true]]),
      ({ previous }) => expectTypeOf(previous).toEqualTypeOf<[string, Draft, string, boolean[]]>(),
    );
    chain(
      () => 1,
      condition("c", { when: ({ previous }: StepDecision<number>) => previous > 0, steps: chain(() => "yes") }),
      ({ previous }) => expectTypeOf(previous).toEqualTypeOf<string | number>(),
    );
    chain(
      condition("c", { when: () => true, steps: chain(() => "yes"), otherwise: chain(() => true) }),
      ({ previous }) => expectTypeOf(previous).toEqualTypeOf<string | boolean>(),
    );
    chain(loop("l", { steps: chain(({ previous }: StepInput<number>) => previous + 1) }), ({ previous }) =>
      expectTypeOf(previous).toEqualTypeOf<number>(),
    );
    chain(router<JsonValue, string>("r", { choose: () => "a", routes: { a: () => "x" } }), ({ previous }) =>
      expectTypeOf(previous).toEqualTypeOf<string>(),
    );
    expect(model.prompts).toEqual([]);
  });

  test("may suspend, end the workflow, or fail and be skipped", () => {
    const asks = step({
      name: "asks",
      resumeSchema: z.object({ approved: z.boolean() }),
      run: ({ resumeData }) => {
        expectTypeOf(resumeData).toEqualTypeOf<{ approved: boolean } | undefined>();
        return resumeData === undefined ? StepResult.suspend("Sure?") : resumeData.approved;
      },
    });
    chain(asks, ({ previous }) => expectTypeOf(previous).toEqualTypeOf<boolean>());
    const stops = ({ previous }: StepInput<string>) =>
      previous === "" ? new StepResult({ content: 0, stop: true }) : previous.length;
    chain(stops, ({ previous }) => expectTypeOf(previous).toEqualTypeOf<number>());
    const skipped = step({ name: "s", run: ({ previous }: StepInput<string>) => previous.length, skipOnFailure: true });
    chain(skipped, ({ previous }) => expectTypeOf(previous).toEqualTypeOf<string | number>());
    expect(asks.name).toBe("asks");
  });
});

describe("a step with schemas", () => {
  const reads = step({
    name: "reads",
    inputSchema: draft.extend({ words: z.string().transform(Number) }),
    outputSchema: z.object({ score: z.number().default(1) }),
    run: ({ previous }) => {
      expectTypeOf(previous).toEqualTypeOf<Draft>();
      return { words: previous.words };
    },
  });

  test("has their types", () => {
    expectTypeOf(reads).toEqualTypeOf<StepNode<{ title: string; words: string }, { score: number }>>();
    // @ts-expect-error -- words are text before the schema reads them.
    expect(chain(() => ({ title: "x", words: 1 }), reads)).toHaveLength(2);
  });

  test("is given and returns what they return", async () => {
    const flow = new Workflow({ steps: chain(() => ({ title: "x", words: "12" }), reads) });
    expect((await flow.run("in")).content).toEqual({ score: 1 });
  });

  const bad = {
    "a function is given": {
      it: step({ name: "it", inputSchema: draft, run: () => "never" }),
      side: "input",
      place: "title",
    },
    "an agent is given": {
      it: step({ name: "it", inputSchema: draft, run: new Agent({ id: "a", model }) }),
      side: "input",
      place: "title",
    },
    "a function returns": {
      it: step({ name: "it", outputSchema: draft, run: () => ({ title: "x", words: "many" }) }),
      side: "output",
      place: "words",
    },
    "a function ends the workflow with": {
      it: step({ name: "it", outputSchema: draft, run: () => new StepResult({ content: {}, stop: true }) }),
      side: "output",
      place: "title",
    },
    "an agent answers": {
      it: step({ name: "it", outputSchema: draft, run: new Agent({ id: "a", model }) }),
      side: "output",
      place: "its root",
    },
    "an asynchronous schema refuses": {
      it: step({ name: "it", outputSchema: z.string().refine(async () => false), run: () => "x" }),
      side: "output",
      place: "its root",
    },
  } as const;

  test.each(Object.entries(bad))("refuses what %s", async (_what, { it, side, place }) => {
    const db = new InMemorySessionDb();
    const flow = new Workflow({ db, steps: [() => ({}), sequence("s", [it])], sessionId: "s" });
    const error = {
      name: "StepValueMismatchError",
      code: "STEP_VALUE_MISMATCH",
      stepName: "it",
      side,
      issues: [expect.any(String), expect.any(String)].slice(0, place === "title" ? 2 : 1),
      message: expect.stringContaining(`The ${side} of the step "it" does not fit its ${side}Schema at ${place}`),
    };
    await expect(flow.run("in")).rejects.toMatchObject(error);
    const [run] = (await db.getRuns({ sessionId: "s" })).runs;
    expect(run).toMatchObject({ status: "ERROR", content: error.message, stepResults: [{ success: true }, {}] });
    await expect(flow.continueRun({ runId: run?.runId ?? "", sessionId: "s" })).rejects.toMatchObject(error);
  });

  test("is retried, or skipped, like one that fails", async () => {
    let tries = 0;
    const flaky = step({ name: "f", outputSchema: z.literal(3), run: () => (tries += 1), maxRetries: 2 });
    expect((await new Workflow({ steps: [flaky] }).run("in")).content).toBe(3);
    const skipped = step({ name: "s", outputSchema: z.literal(3), run: () => 4, skipOnFailure: true });
    expect((await new Workflow({ steps: [skipped] }).run("in")).content).toBe("in");
  });

  test("refuses an answer that does not fit, and waits on", async () => {
    const db = new InMemorySessionDb();
    const resumeSchema = z.object({ amount: z.string().transform(Number) });
    const asks = step({
      name: "asks",
      resumeSchema,
      run: ({ resumeData }) => (resumeData === undefined ? StepResult.suspend("?") : resumeData.amount),
    });
    const flow = new Workflow({ db, steps: [asks], sessionId: "s" });
    const { runId } = await flow.run("in");
    await expect(flow.continueRun({ runId, sessionId: "s", resumeData: { amount: 3 } })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      argument: "resumeData",
      message: expect.stringContaining("resumeSchema at amount"),
    });
    expect((await flow.continueRun({ runId, sessionId: "s", resumeData: { amount: "3" } })).content).toBe(3);
  });

  test("must be a schema", () => {
    expect(() => step({ name: "s", run: () => 1, inputSchema: {} as never })).toThrow("inputSchema");
  });
});

test("a workflow of plain steps has JSON, as before", async () => {
  const steps: WorkflowStep[] = [
    ({ previous, input, outputs, resumeData }) => {
      expectTypeOf(previous).toEqualTypeOf<JsonValue>();
      expectTypeOf(input).toEqualTypeOf<JsonValue>();
      expectTypeOf(resumeData).toEqualTypeOf<JsonValue | undefined>();
      return outputs["x"]?.content ?? previous;
    },
    step({
      name: "s",
      run: ({ previous }) => {
        expectTypeOf(previous).toEqualTypeOf<JsonValue>();
      },
    }),
    parallel("p", [
      ({ previous }) => {
        expectTypeOf(previous).toEqualTypeOf<JsonValue>();
      },
      () => "x",
    ]),
    loop("l", { steps: [({ previous }) => previous], until: ([last]) => last?.content === 1, maxIterations: 1 }),
  ];
  const flow = new Workflow({ steps });
  const plain = new Workflow({
    steps: [
      ({ previous }) => {
        expectTypeOf(previous).toEqualTypeOf<JsonValue>();
        return previous;
      },
    ],
  });
  expectTypeOf<Parameters<typeof flow.run>[0]>().toEqualTypeOf<JsonValue>();
  const result = await plain.run("in");
  expectTypeOf(result.content).toEqualTypeOf<JsonValue>();
  expectTypeOf(result).toEqualTypeOf<WorkflowRunResult>();
  expectTypeOf(result.sessionState).toEqualTypeOf<JsonObject>();
  const all: Workflow[] = [flow, plain, new Workflow({ steps: chain(() => 1) })];
  expect(all).toHaveLength(3);
});
