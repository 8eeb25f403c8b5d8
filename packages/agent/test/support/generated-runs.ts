import assert from "node:assert/strict";
import { toStoredMessages } from "@sessiondb/ai-sdk";
import type { Run } from "@sessiondb/core";
import type { ModelMessage } from "ai";
import fc from "fast-check";

const picture = "iVBORw0KGgo=";

/** One step of an answer: calls at once, each with its result, after what the model thought and said. */
const stepOf = fc.record({ calls: fc.nat(3), says: fc.boolean(), thinks: fc.boolean() });

/** A run of a generated conversation. */
export const runOf = fc.record({
  status: fc.constantFrom("COMPLETED", "COMPLETED", "COMPLETED", "ERROR", "CANCELLED", "PAUSED", "RUNNING"),
  asks: fc.constantFrom("text", "text", "image", "nothing"),
  steps: fc.array(stepOf, { maxLength: 4 }),
  /** Where the run was torn: its last messages are missing. */
  torn: fc.nat(2),
});

export type GeneratedRun = typeof runOf extends fc.Arbitrary<infer Value> ? Value : never;

/** Messages of a run as this library stores them. All texts name the run. */
function messagesOf({ asks, steps, torn }: GeneratedRun, run: number): ModelMessage[] {
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

export function stored(generated: readonly GeneratedRun[]): Run[] {
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

/** Checks that each call is followed by its result, and that each result has its call. */
export function checkPairs(history: readonly ModelMessage[]): void {
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
export function byRun(messages: readonly ModelMessage[]): Map<string, ModelMessage[]> {
  const found = new Map<string, ModelMessage[]>();
  for (const message of messages) {
    found.set(runIn(message), [...(found.get(runIn(message)) ?? []), message]);
  }
  return found;
}

const runIn = (message: ModelMessage): string =>
  /(?:ask|say|hm|found|run":) ?(\d+)/.exec(JSON.stringify(message))?.[1] ?? "-";
