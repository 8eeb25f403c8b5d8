import assert from "node:assert/strict";
import { InMemorySessionDb } from "@sessiondb/core";
import { jsonSchema, tool, type ModelMessage } from "ai";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Agent, type CountTokens } from "@sessiondb/agent";
import { scriptedModel, shown } from "@sessiondb/testing/scripted-model";
import { fittedHistory } from "../src/history-budget.ts";
import { mediaIn } from "../src/history-media.ts";
import { estimatedTokens } from "../src/history-tokens.ts";
import { begunByUser, historyTurns } from "../src/model-history.ts";
import { byRun, checkPairs, runOf, stored } from "./support/generated-runs.ts";

const counters: Readonly<Record<string, CountTokens | undefined>> = {
  "the estimate": undefined,
  messages: (messages) => messages.length,
  characters: (messages) => JSON.stringify(messages).length,
  nothing: () => 0,
};

const none = { maxHistoryTokens: undefined, maxToolResultTokens: undefined, numHistoryMediaRuns: undefined };

test.each(Object.entries(counters))("whole turns fit, the newest ones first: counted by %s", (_name, countTokens) => {
  const count = countTokens ?? estimatedTokens;
  fc.assert(
    fc.property(fc.array(runOf, { maxLength: 6 }), fc.nat(120), (generated, share) => {
      const turns = historyTurns(stored(generated));
      const whole = count(begunByUser(turns));
      const maxHistoryTokens = Math.floor((whole * share) / 100);
      const { turns: fitting, leftOut } = fittedHistory(turns, { ...none, countTokens, maxHistoryTokens });
      assert.deepEqual(fitting, turns.slice(turns.length - fitting.length));
      const history = begunByUser(fitting);
      assert.equal(history[0]?.role ?? "user", "user");
      checkPairs(history);
      const sizeOf = (kept: typeof fitting): number =>
        [begunByUser(kept.slice(0, 1)).slice(0, -(kept[0]?.length ?? 0)), ...kept]
          .filter((messages) => messages.length > 0)
          .reduce((sum, each) => sum + count(each), 0);
      assert.ok(fitting.length === 0 || sizeOf(fitting) <= maxHistoryTokens);
      const next = turns.at(-fitting.length - 1);
      assert.ok(next === undefined || sizeOf([next, ...fitting]) > maxHistoryTokens, "one more is too much");
      assert.deepEqual(leftOut, next === undefined ? null : { runs: turns.length - fitting.length });
    }),
    { numRuns: 200 },
  );
});

test("media are left out by age, and nothing else", () => {
  fc.assert(
    fc.property(fc.array(runOf, { maxLength: 6 }), fc.nat(6), (generated, numHistoryMediaRuns) => {
      const turns = historyTurns(stored(generated));
      const { turns: shownTurns, leftOut } = fittedHistory(turns, {
        ...none,
        countTokens: undefined,
        numHistoryMediaRuns,
      });
      const first = Math.max(0, turns.length - numHistoryMediaRuns);
      assert.deepEqual(shownTurns.slice(first), turns.slice(first));
      assert.equal(mediaIn(shownTurns.slice(0, first).flat()).length, 0);
      const media = mediaIn(turns.slice(0, first).flat()).length;
      assert.deepEqual(leftOut, media === 0 ? null : { media });
      assert.deepEqual([...byRun(shownTurns.flat()).keys()], [...byRun(turns.flat()).keys()]);
    }),
    { numRuns: 200 },
  );
});

const outputs = {
  text: "😀".repeat(500),
  json: { list: Array.from({ length: 200 }, (_, index) => index) },
};

describe.each(Object.entries(outputs))("a large result as %s", (_name, output) => {
  test.each([1, 7, 20, 100_000])("is shown up to %i tokens, and stored whole", async (maxToolResultTokens) => {
    const find = tool({ inputSchema: jsonSchema<object>({ type: "object" }), execute: () => output });
    const model = scriptedModel((_call, index) => (index === 0 ? { calls: [{ name: "find" }] } : "Found."));
    const agent = new Agent({
      model,
      db: new InMemorySessionDb(),
      sessionId: "s",
      tools: { find },
      maxToolResultTokens,
    });
    await agent.run("Find it");
    const { run } = await agent.run("And now?");
    const isLong = maxToolResultTokens < 100_000;
    const told = JSON.stringify((model.prompts.at(-1) ?? []).filter(({ role }) => role === "tool"));
    const full = JSON.stringify(output);
    expect(told.includes(full.slice(1, -1)) || told.includes(full)).toBe(!isLong);
    expect(told.includes("[Shortened: ")).toBe(isLong);
    expect(told.length).toBeLessThan(isLong ? 250 + maxToolResultTokens * 8 : Infinity);
    expect(told).toBe(Buffer.from(told, "utf8").toString("utf8"));
    expect(run.metadata).toEqual(isLong ? { sessiondb_history: { tool_results: 1 } } : undefined);
    const [first] = (await agent.getSession())?.runs ?? [];
    const kept = first?.runType === "agent" ? first.messages?.find(({ role }) => role === "tool")?.content : null;
    expect(kept).toBe(typeof output === "string" ? output : full);
  });
});

test("the run says what it was not shown, and nothing if it was shown everything", async () => {
  const model = scriptedModel(() => "Yes.");
  const options = {
    model,
    db: new InMemorySessionDb(),
    sessionId: "s",
    countTokens: (m: readonly ModelMessage[]) => m.length,
  };
  await new Agent(options).run("one");
  await new Agent(options).run("two");
  const narrow = new Agent({ ...options, maxHistoryTokens: 3 });
  const { run } = await narrow.run("three");
  expect(shown(model.prompts.at(-1) ?? [])).toEqual(["user: two", "assistant: Yes.", "user: three"]);
  expect(run.metadata).toEqual({ sessiondb_history: { runs: 1 } });
  const runs = (await narrow.getSession())?.runs ?? [];
  expect(runs.map(({ metadata }) => metadata ?? null)).toEqual([null, null, { sessiondb_history: { runs: 1 } }]);
});

const wrong: Readonly<Record<string, unknown>> = {
  throws: () => {
    throw new Error("no");
  },
  "returns text": () => "3",
  "returns no number": () => Number.NaN,
  "returns less than nothing": () => -1,
  "returns a promise": async () => 3,
  "returns nothing": () => {},
};

test.each(Object.entries(wrong))(
  "a counter that %s ends the run before anything is stored or asked",
  async (_name, counter) => {
    const model = scriptedModel(() => "Yes.");
    const options = { model, db: new InMemorySessionDb(), sessionId: "s" };
    await new Agent(options).run("one");
    const countTokens = counter as CountTokens;
    for (const limits of [{ maxHistoryTokens: 10 }, { maxHistoryTokens: 10, maxToolResultTokens: 5 }]) {
      await expect(new Agent({ ...options, ...limits, countTokens }).run("two")).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
        argument: "countTokens",
      });
    }
    expect(model.prompts).toHaveLength(1);
    expect((await new Agent(options).getSession())?.runs).toHaveLength(1);
  },
);
