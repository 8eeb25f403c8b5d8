import { Agent, SessionSummaryManager, Team, Workflow, type ModelPrice, type Prices } from "@sessiondb/agent";
import type { JsonObject, JsonValue, Run, SessionDb } from "@sessiondb/core";
import { scriptedModel, type Script } from "@sessiondb/testing/scripted-model";
import { jsonSchema, tool } from "ai";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { costOf } from "../src/cost.ts";
import { localStores } from "./support/stores.ts";

// A cost is the tokens times the prices that the user gives, wherever tokens are counted; what has no price has no cost.

const price: ModelPrice = { input: 2, output: 8, cachedInput: 0.5, cacheWrite: 3, reasoning: 16 };

describe("the cost of a step", () => {
  const tokens = fc.nat(1_000_000);
  const amount = fc.double({ min: 0, max: 100, noNaN: true });
  const parts = fc.record({ plain: tokens, read: tokens, written: tokens, text: tokens, reasoning: tokens });
  const optional = fc.option(amount, { nil: undefined });
  const prices = fc.record({
    input: amount,
    output: amount,
    cachedInput: optional,
    cacheWrite: optional,
    reasoning: optional,
  });

  test("is that of its parts, each at its price, and by default at that of the whole", () => {
    fc.assert(
      fc.property(parts, prices, ({ plain, read, written, text, reasoning }, given) => {
        const usage = {
          inputTokens: plain + read + written,
          inputTokenDetails: { noCacheTokens: plain, cacheReadTokens: read, cacheWriteTokens: written },
          outputTokens: text + reasoning,
          outputTokenDetails: { textTokens: text, reasoningTokens: reasoning },
        };
        const { input, output, cachedInput = input, cacheWrite = input, reasoning: thinking = output } = given;
        const expected =
          plain * input + read * cachedInput + written * cacheWrite + text * output + reasoning * thinking;
        expect(costOf({ id: "m", provider: "test", usage }, { m: given })).toBeCloseTo(expected / 1e6, 9);
      }),
    );
  });

  test.each([
    { what: "a model without a price", id: "n", usage: { inputTokens: 1, outputTokens: 1 } },
    { what: "a model with the name of a method", id: "toString", usage: { inputTokens: 1, outputTokens: 1 } },
    { what: "a provider that counts nothing", id: "m", usage: {} },
    { what: "a provider that counts the input only", id: "m", usage: { inputTokens: 1 } },
  ])("is not known for $what", ({ id, usage }) => {
    expect(costOf({ id, provider: "test", usage }, { m: price })).toBeNull();
  });

  test("of a model that is free is 0", () => {
    const usage = { inputTokens: 1, outputTokens: 1 };
    expect(costOf({ id: "m", provider: "test", usage }, { m: { input: 0, output: 0 } })).toBe(0);
  });
});

/** Each call of a scripted model costs 10 tokens in and 5 out. */
const perCall = (10 * price.input + 5 * price.output) / 1e6;

/** A scripted model with an id of its own. */
function model(id: string, script: Script) {
  return Object.assign(scriptedModel(script), { modelId: id });
}

const input = jsonSchema<object>({ type: "object" });
const look = tool({ inputSchema: input, execute: () => "Seen." });
const pay = tool({ inputSchema: input, needsApproval: true, execute: () => "Paid." });
const ask = (id: string) => ({ calls: [{ name: "delegate_task_to_member", input: { member_id: id, task: "Go" } }] });
const turn = { sessionId: "s" };
const summary = JSON.stringify({ summary: "Sum", topics: [] });

type Make = (db: SessionDb, prices: Prices) => Promise<unknown>;

/** What is done, and how many calls of the models "a" and "b" answer meanwhile. */
const cases: Readonly<
  Record<string, { readonly make: Make; readonly calls: { readonly a: number; readonly b: number } }>
> = {
  "a run": {
    make: (db, prices) => new Agent({ db, prices, model: model("a", ["Yes."]) }).run("Hi", turn),
    calls: { a: 1, b: 0 },
  },
  "a stream with a tool": {
    make: async (db, prices) =>
      (
        await new Agent({
          db,
          prices,
          tools: { look },
          model: model("a", [{ calls: [{ name: "look" }] }, "Yes."]),
        }).stream("Hi", turn)
      ).result,
    calls: { a: 2, b: 0 },
  },
  "steps of two models": {
    make: (db, prices) =>
      new Agent({
        db,
        prices,
        tools: { look },
        model: model("a", [{ calls: [{ name: "look" }] }]),
        generation: { prepareStep: ({ stepNumber }) => (stepNumber === 0 ? {} : { model: model("b", ["Yes."]) }) },
      }).run("Hi", turn),
    calls: { a: 1, b: 1 },
  },
  "a run that goes on with another model": {
    make: async (db, prices) => {
      const agent = new Agent({
        db,
        prices,
        tools: { pay },
        model: model("a", [{ calls: [{ name: "pay", id: "c1" }] }]),
      });
      const { runId } = await agent.run("Hi", turn);
      const approvals = [{ toolCallId: "c1", approved: true }];
      await agent.continueRun({ ...turn, runId, approvals, model: model("b", ["Yes."]) });
    },
    calls: { a: 1, b: 1 },
  },
  "a run that fails after a step": {
    make: (db, prices) =>
      new Agent({
        db,
        prices,
        tools: { look },
        model: model("a", [{ calls: [{ name: "look" }] }, new Error("overloaded")]),
        generation: { maxRetries: 0 },
      })
        .run("Hi", turn)
        .catch(() => {}),
    calls: { a: 1, b: 0 },
  },
  "a stream that is cancelled in its second step": {
    make: async (db, prices) => {
      const controller = new AbortController();
      const whenStuck = () => controller.abort();
      const agent = new Agent({
        db,
        prices,
        tools: { look },
        model: model("a", [{ calls: [{ name: "look" }] }, { stuckAfter: "Half", whenStuck }]),
      });
      await (
        await agent.stream("Hi", { ...turn, signal: controller.signal })
      ).result;
    },
    calls: { a: 1, b: 0 },
  },
  "a team, whose prices are those of its members too": {
    make: (db, prices) =>
      new Team({
        db,
        prices,
        model: model("a", [ask("m"), "Yes."]),
        members: [new Agent({ id: "m", model: model("b", ["I did."]) })],
      }).run("Hi", turn),
    calls: { a: 2, b: 1 },
  },
  "a workflow, whose prices are those of its steps too": {
    make: (db, prices) =>
      new Workflow({
        db,
        prices,
        steps: [
          new Agent({ id: "x", model: model("a", ["Yes."]) }),
          new Agent({ id: "y", model: model("b", ["No."]) }),
        ],
      }).run("Hi", turn),
    calls: { a: 1, b: 1 },
  },
  "a summary, and a name": {
    make: async (db, prices) => {
      const agent = new Agent({
        db,
        prices,
        model: model("a", ["Yes.", "A name"]),
        awaitSummaries: true,
        sessionSummaryManager: new SessionSummaryManager({ model: model("b", [summary]) }),
      });
      await agent.run("Hi", turn);
      await agent.renameSession({ ...turn, autogenerate: true });
    },
    calls: { a: 2, b: 1 },
  },
};

function inside(run: Run): Run[] {
  return [run, ...(run.runType === "workflow" ? (run.stepExecutorRuns ?? []).flatMap(inside) : [])];
}

interface Costs {
  readonly cost?: JsonValue;
  readonly details?: JsonValue;
}

/** The costs by model, and the sum. */
function costsIn({ cost, details }: Costs) {
  const byModel: Record<string, number> = {};
  for (const models of Object.values((details ?? {}) as JsonObject)) {
    for (const each of models as JsonObject[]) {
      const id = each["id"] as string;
      if (each["cost"] !== undefined) {
        byModel[id] = (byModel[id] ?? 0) + Number(each["cost"]);
      }
    }
  }
  return { cost, byModel };
}

async function stored(db: SessionDb) {
  const runs = (await db.getRuns(turn)).runs.flatMap(inside);
  return {
    session: costsIn(((await db.getSession(turn))?.sessionData["session_metrics"] ?? {}) as Costs),
    runs: runs.flatMap((run) =>
      run.runType === "workflow" ? [] : [{ run, ...costsIn((run.metrics ?? {}) as Costs) }],
    ),
  };
}

describe.each(Object.entries(localStores))("%s", (_store, open) => {
  describe.each(Object.entries(cases))("%s", (name, { make, calls }) => {
    test("has the cost of each model, in the runs and in the session", async () => {
      await using db = await open();
      await make(db, { a: price, b: price });
      const { session, runs } = await stored(db);
      expect(session.cost).toBeCloseTo((calls.a + calls.b) * perCall, 12);
      for (const id of ["a", "b"] as const) {
        expect(session.byModel[id] ?? 0).toBeCloseTo(calls[id] * perCall, 12);
      }
      for (const { cost, byModel } of runs) {
        expect(cost).toBeCloseTo(
          Object.values(byModel).reduce((sum, each) => sum + each, 0),
          12,
        );
      }
      const ofRuns = runs.reduce((sum, { cost }) => sum + Number(cost), 0);
      const aside = name.startsWith("a summary") ? 2 : 0;
      expect(ofRuns).toBeCloseTo((calls.a + calls.b - aside) * perCall, 12);
    });

    test("has none without prices", async () => {
      await using db = await open();
      await make(db, { c: price });
      const { session, runs } = await stored(db);
      expect(session).toEqual({ cost: undefined, byModel: {} });
      expect(runs.map(({ cost, byModel }) => ({ cost, byModel }))).toEqual(
        runs.map(() => ({ cost: undefined, byModel: {} })),
      );
    });

    test.runIf(calls.b > 0)("has that of one model, and no sum that would pass for the whole", async () => {
      await using db = await open();
      await make(db, { a: price });
      const { session, runs } = await stored(db);
      expect(session.byModel).toEqual({ a: expect.closeTo(calls.a * perCall, 12) as number });
      for (const { run, cost } of runs) {
        const ids = (run.metrics?.details?.["model"] ?? []) as JsonObject[];
        expect(cost === undefined).toBe(ids.some(({ id }) => id === "b"));
      }
    });
  });
});

test("the result has the cost of its run, and null without one", async () => {
  const agent = new Agent({ model: model("a", () => "Yes."), prices: { a: price } });
  expect((await agent.run("Hi")).cost).toBeCloseTo(perCall, 12);
  expect((await agent.run("Hi", { model: model("b", ["Yes."]) })).cost).toBeNull();
  expect((await (await agent.stream("Hi")).result).cost).toBeCloseTo(perCall, 12);
});

test.each([
  [{ a: null }, 'prices["a"]'],
  [{ a: {} }, 'prices["a"].input'],
  [{ a: { input: 1 } }, 'prices["a"].output'],
  [{ a: { input: -1, output: 1 } }, 'prices["a"].input'],
  [{ a: { input: "1", output: 1 } }, 'prices["a"].input'],
  [{ a: { input: 1, output: Number.NaN } }, 'prices["a"].output'],
  [{ a: { input: 1, output: Infinity } }, 'prices["a"].output'],
  [{ a: { input: 1, output: 1, cachedInput: null } }, 'prices["a"].cachedInput'],
  [{ a: { input: 1, output: 1, cached: 1 } }, 'prices["a"].cached'],
  [[], "prices"],
])("refuses %o by its name", (prices, argument) => {
  expect(() => new Agent({ model: "test/a", prices: prices as never })).toThrow(
    expect.objectContaining({ code: "INVALID_ARGUMENT", argument }),
  );
});
