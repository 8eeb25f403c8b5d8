import assert from "node:assert/strict";
import type { Message } from "@sessiondb/core";
import { modelMessageSchema } from "ai";
import { oddMessage } from "@sessiondb/testing/odd-messages";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { historyMessages } from "../src/model-history.ts";

const text = fc
  .string({ minLength: 1, maxLength: 20, unit: "grapheme" })
  .filter((value) => !/\p{Surrogate}/u.test(value) && !value.includes("\0"));

describe("history", () => {
  const ids = fc.constantFrom("c1", "c2", "c3");
  const storedMessage: fc.Arbitrary<Message> = fc.oneof(
    fc.record({ role: fc.constant("user"), content: text }),
    fc.record({
      role: fc.constant("assistant"),
      content: fc.option(text, { nil: undefined }) as fc.Arbitrary<string>,
      toolCalls: fc
        .uniqueArray(ids, { maxLength: 3 })
        .map((list) => list.map((id) => ({ id, type: "function", function: { name: "f", arguments: "{}" } }))),
    }),
    fc.record({ role: fc.constant("tool"), toolCallId: ids, toolName: fc.constant("f"), content: text }),
    fc.record({ role: fc.constant("system"), content: text }),
  );

  test("is always acceptable to a model, and within its limits", () => {
    fc.assert(
      fc.property(
        fc.array(storedMessage, { maxLength: 14 }),
        fc.option(fc.nat(8), { nil: undefined }),
        fc.nat(4),
        (messages, numHistoryMessages, maxToolCalls) => {
          const history = historyMessages([{ runType: "agent", runId: "r", status: "COMPLETED", messages }], {
            maxToolCalls,
            ...(numHistoryMessages !== undefined && { numHistoryMessages }),
          });
          let open: string[] = [];
          let results = 0;
          for (const each of history) {
            assert.ok(modelMessageSchema.safeParse(each).success);
            if (each.role === "tool") {
              const answered = each.content.map((part) => ("toolCallId" in part ? part.toolCallId : ""));
              assert.deepEqual(answered.toSorted(), open.toSorted());
              results += answered.length;
              open = [];
            } else {
              assert.deepEqual(open, []);
              const parts = typeof each.content === "string" ? [] : each.content;
              open = parts.flatMap((part) => (part.type === "tool-call" ? [part.toolCallId] : []));
            }
          }
          assert.deepEqual(open, []);
          assert.ok(history.every(({ role }) => role !== "system"));
          assert.ok(maxToolCalls === 0 || results <= maxToolCalls);
          assert.ok(numHistoryMessages === undefined || history.length <= numHistoryMessages);
        },
      ),
      { numRuns: 500 },
    );
  });

  test("leaves out runs without an answer, members' runs and copies", () => {
    const messages = [{ role: "user", content: "x" }];
    const run = { runType: "agent" as const, runId: "r", status: "COMPLETED", messages };
    expect(historyMessages([run])).toHaveLength(1);
    for (const status of ["RUNNING", "PENDING", "PAUSED", "CANCELLED", "ERROR", "REGENERATED"]) {
      expect(historyMessages([{ ...run, status }])).toEqual([]);
    }
    expect(historyMessages([{ ...run, parentRunId: "p" }])).toEqual([]);
    expect(historyMessages([{ ...run, messages: [{ role: "user", content: "x", fromHistory: true }] }])).toEqual([]);
  });

  test("instructions of a developer are no part of the history", () => {
    const messages: Message[] = [
      { role: "developer", content: "Be brief." },
      { role: "user", content: "Hi" },
    ];
    const run = { runType: "agent" as const, runId: "r", status: "COMPLETED" as const, messages };
    expect(historyMessages([run])).toEqual([{ role: "user", content: "Hi" }]);
  });

  test("are read whatever content the database holds", () => {
    fc.assert(
      fc.property(fc.array(oddMessage, { maxLength: 6 }), (messages) => {
        historyMessages([{ runType: "agent", runId: "r", status: "COMPLETED", messages: messages }]);
      }),
      { numRuns: 500 },
    );
  });
});
