import assert from "node:assert/strict";
import { InMemorySessionDb } from "@sessiondb/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Agent } from "@sessiondb/agent";
import { scriptedModel, shown } from "@sessiondb/testing/scripted-model";
import { historyMessages } from "../src/model-history.ts";
import { byRun, checkPairs, runOf, stored } from "./support/generated-runs.ts";

test("a history begins with the user and has whole runs only, whatever is cut", () => {
  fc.assert(
    fc.property(
      fc.array(runOf, { maxLength: 6 }),
      fc.nat(4),
      fc.integer({ min: 1, max: 6 }),
      (generated, maxToolCalls, numRuns) => {
        const runs = stored(generated).slice(-numRuns);
        const all = historyMessages(runs, { maxToolCalls });
        const sizes = byRun(all);
        for (let numHistoryMessages = 0; numHistoryMessages <= all.length + 1; numHistoryMessages += 1) {
          const history = historyMessages(runs, { maxToolCalls, numHistoryMessages });
          assert.ok(history.length <= numHistoryMessages);
          assert.equal(history[0]?.role ?? "user", "user");
          checkPairs(history);
          const shownOf = byRun(history);
          for (const [run, messages] of shownOf) {
            assert.equal(messages.length, run === "-" ? 1 : sizes.get(run)?.length, `run ${run} is whole`);
          }
          // The newest ones, without a gap.
          const withSome = [...sizes.keys()].filter((run) => run !== "-");
          const kept = [...shownOf.keys()].filter((run) => run !== "-");
          assert.deepEqual(kept, withSome.slice(withSome.length - kept.length));
        }
        assert.deepEqual(historyMessages(runs, { maxToolCalls, numHistoryMessages: all.length }), all);
      },
    ),
    { numRuns: 400 },
  );
});

describe.each([
  [
    "the assistant's introduction",
    { introduction: "I am Eva." },
    ["user: (The assistant speaks first.)", "assistant: I am Eva."],
  ],
  ["nothing", {}, []],
] as const)("a session that begins with %s", (_name, options, begin) => {
  test("is shown from its beginning as long as all of it is history", async () => {
    const model = scriptedModel(() => "Yes.");
    const agent = new Agent({ model, db: new InMemorySessionDb(), sessionId: "s", numHistoryRuns: 2, ...options });
    for (const text of ["one", "two", "three", "four"]) {
      await agent.run(text);
    }
    expect(model.prompts.map((prompt) => shown(prompt)[0])).toEqual([
      begin[0] ?? "user: one",
      begin[0] ?? "user: one",
      "user: one",
      "user: two",
    ]);
    expect(shown(model.prompts[0] ?? [])).toEqual([...begin, "user: one"]);
  });
});
