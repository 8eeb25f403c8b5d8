import { readUIMessageStream, type UIMessage } from "ai";
import { expect, test } from "vitest";
import { toUIMessageChunks } from "../src/index.ts";

const call = { type: "tool-placeOrder", toolCallId: "call", input: { item: "tea" } } as const;
const approval = { id: "approval" };

test.each<[string, UIMessage["parts"]]>([
  ["nothing", []],
  [
    "text and reasoning",
    [
      { type: "step-start" },
      { type: "reasoning", text: "Let me think.", state: "done" },
      { type: "text", text: "Tea?", state: "done" },
      { type: "step-start" },
      { type: "text", text: "Tea.", state: "done" },
    ],
  ],
  [
    "files and sources",
    [
      { type: "file", mediaType: "image/png", url: "data:image/png;base64,AA==" },
      { type: "source-url", sourceId: "1", url: "https://example.com", title: "Tea" },
      { type: "source-document", sourceId: "2", mediaType: "application/pdf", title: "Tea" },
    ],
  ],
  ["a call that runs", [{ ...call, state: "input-available" }]],
  ["a call that waits", [{ ...call, state: "approval-requested", approval }]],
  ["a call that is done", [{ ...call, state: "output-available", output: ["tea"] }]],
  ["a call that failed", [{ ...call, state: "output-error", errorText: "Sold out" }]],
  [
    "a call without a known tool",
    [{ type: "dynamic-tool", toolName: "other", toolCallId: "call", input: {}, state: "output-available", output: 1 }],
  ],
  ["a denied call", [{ ...call, state: "output-denied", approval: { ...approval, approved: false } }]],
])("replays a message with %s", async (_what, parts) => {
  let replayed: UIMessage | undefined;
  const stream = ReadableStream.from(toUIMessageChunks({ id: "message", role: "assistant", parts }));
  for await (const state of readUIMessageStream({ stream })) {
    replayed = state;
  }
  // What a part came to is the same; how it came there, such as who denied a call, the page need not know.
  expect(replayed).toMatchObject({ id: "message", role: "assistant", parts: parts.map(withoutDecision) });
  expect(replayed?.parts).toHaveLength(parts.length);
});

function withoutDecision(part: UIMessage["parts"][number]): object {
  const { approval: _approval, ...rest } = part as { approval?: object };
  return rest;
}
