import assert from "node:assert/strict";
import { InMemorySessionDb, type Run } from "@sessiondb/core";
import type { ModelMessage } from "ai";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Agent } from "@sessiondb/agent";
import { scriptedModel, shown } from "@sessiondb/testing/scripted-model";
import { historyMessages } from "../src/model-history.ts";
import { toStoredMessages } from "../src/message-codec.ts";

const picture = "iVBORw0KGgo=";

/** One step of an answer: calls at once, each with its result, after what the model thought and said. */
const stepOf = fc.record({ calls: fc.nat(3), says: fc.boolean(), thinks: fc.boolean() });

const runOf = fc.record({
  status: fc.constantFrom("COMPLETED", "COMPLETED", "COMPLETED", "ERROR", "CANCELLED", "PAUSED", "RUNNING"),
  asks: fc.constantFrom("text", "text", "image", "nothing"),
  steps: fc.array(stepOf, { maxLength: 4 }),
  /** Where the run was torn: its last messages are missing. */
  torn: fc.nat(2),
});

type Generated = typeof runOf extends fc.Arbitrary<infer Value> ? Value : never;

/** Messages of a run as this library stores them. All texts name the run. */
function messagesOf({ asks, steps, torn }: Generated, run: number): ModelMessage[] {
  const asked: ModelMessage[] =
    asks === "nothing"
      ? []
      : [
          {
            role: "user",
            content: [
              { type: "text", text: `ask ${run}` },
              ...(asks === "image" ? [{ type: "image" as const, image: picture, mediaType: "image/png" }] : []),
            ],
          },
        ];
  const answered = steps.flatMap(({ calls, says, thinks }, step): ModelMessage[] => {
    const ids = Array.from({ length: calls }, (_, call) => `${run}.${step}.${call}`);
    return [
      {
        role: "assistant",
        content: [
          ...(thinks ? [{ type: "reasoning" as const, text: `hm ${run}` }] : []),
          ...(says || calls === 0 ? [{ type: "text" as const, text: `say ${run}` }] : []),
          ...ids.map((toolCallId) => ({ type: "tool-call" as const, toolCallId, toolName: "find", input: { run } })),
        ],
      },
      ...(calls === 0
        ? []
        : [
            {
              role: "tool" as const,
              content: ids.map((toolCallId) => ({
                type: "tool-result" as const,
                toolCallId,
                toolName: "find",
                output: { type: "text" as const, value: `found ${run}` },
              })),
            },
          ]),
    ];
  });
  return [...asked, ...answered].slice(0, torn === 0 ? undefined : -torn);
}

function stored(generated: readonly Generated[]): Run[] {
  return generated.map((each, index) => ({
    runType: "agent",
    runId: `r${index}`,
    status: each.status,
    messages: toStoredMessages(messagesOf(each, index), { createdAt: index }),
  }));
}

function partsOf(message: ModelMessage) {
  return typeof message.content === "string" ? [] : message.content;
}

function checkPairs(history: readonly ModelMessage[]): void {
  let open: string[] = [];
  for (const message of history) {
    const answered =
      message.role === "tool" ? partsOf(message).flatMap((part) => ("toolCallId" in part ? part.toolCallId : [])) : [];
    assert.deepEqual(answered.toSorted(), open.toSorted());
    open =
      message.role === "assistant"
        ? partsOf(message).flatMap((part) => (part.type === "tool-call" ? part.toolCallId : []))
        : [];
  }
  assert.deepEqual(open, []);
}

/** Messages by the run that their texts name; "-" for those that no run has. */
function byRun(messages: readonly ModelMessage[]): Map<string, ModelMessage[]> {
  const found = new Map<string, ModelMessage[]>();
  for (const message of messages) {
    found.set(runIn(message), [...(found.get(runIn(message)) ?? []), message]);
  }
  return found;
}

const runIn = (message: ModelMessage): string =>
  /(?:ask|say|hm|found|run":) ?(\d+)/.exec(JSON.stringify(message))?.[1] ?? "-";

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
