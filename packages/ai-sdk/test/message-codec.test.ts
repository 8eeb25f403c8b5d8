import type { JsonValue, Message } from "@sessiondb/core";
import { decodeRun, encodeRun, encodeSession } from "@sessiondb/core/adapter";
import { oddMessage } from "@sessiondb/testing/odd-messages";
import * as ai from "ai";
import type { ModelMessage } from "ai";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { toModelMessages, toStoredMessages } from "../src/message-codec.ts";

const text = fc
  .string({ minLength: 1, maxLength: 20, unit: "grapheme" })
  .filter((value) => !/\p{Surrogate}/u.test(value) && !value.includes("\0"));
const options = fc.option(fc.record({ provider: fc.record({ signature: text }) }), { nil: undefined, freq: 4 });
const json = fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.parse(JSON.stringify(value)) as never);
const base64 = fc.uint8Array({ minLength: 1, maxLength: 12 }).map((bytes) => Buffer.from(bytes).toString("base64"));
const withOptions = <Part extends object>(part: fc.Arbitrary<Part>) =>
  fc
    .tuple(part, options)
    .map(([each, providerOptions]) => (providerOptions === undefined ? each : { ...each, providerOptions }));

const textPart = withOptions(fc.record({ type: fc.constant("text" as const), text }));
const image = fc.oneof(
  fc.record({
    type: fc.constant("image" as const),
    image: base64,
    mediaType: fc.constantFrom("image/png", "image/jpeg"),
  }),
  fc.record({ type: fc.constant("image" as const), image: fc.constant("https://example.com/a.png") }),
);
const file = fc.record({
  type: fc.constant("file" as const),
  data: base64,
  mediaType: fc.constantFrom("application/pdf", "application/zip", "audio/wav", "video/mp4", "image/png", "text/plain"),
});
const call = withOptions(
  fc.record({ type: fc.constant("tool-call" as const), toolCallId: fc.uuid(), toolName: text, input: json }),
);
const output = fc.oneof(
  fc.record({ type: fc.constantFrom("text" as const, "error-text" as const), value: text }),
  fc.record({ type: fc.constantFrom("json" as const, "error-json" as const), value: json }),
  fc.record({ type: fc.constant("execution-denied" as const), reason: text }),
  fc.record({
    type: fc.constant("content" as const),
    value: fc.array(
      fc.oneof(
        fc.record({ type: fc.constant("text" as const), text }),
        fc.record({ type: fc.constant("media" as const), data: base64, mediaType: fc.constant("image/png") }),
      ),
      { minLength: 1, maxLength: 3 },
    ),
  }),
);
const result = withOptions(
  fc.record({ type: fc.constant("tool-result" as const), toolCallId: fc.uuid(), toolName: text, output }),
);
const user = fc.record({
  role: fc.constant("user" as const),
  content: fc.oneof(
    text,
    fc.array(fc.oneof(textPart, withOptions(image), withOptions(file)), { minLength: 1, maxLength: 4 }),
  ),
});
const assistant = fc.record({
  role: fc.constant("assistant" as const),
  content: fc.oneof(
    text,
    fc.array(
      fc.oneof(
        textPart,
        withOptions(fc.record({ type: fc.constant("reasoning" as const), text })),
        call,
        call.map((each) => ({ ...each, providerExecuted: true })),
        withOptions(file),
      ),
      { minLength: 1, maxLength: 5 },
    ),
  ),
});
const tool = fc.record({
  role: fc.constant("tool" as const),
  content: fc.array(result, { minLength: 1, maxLength: 3 }),
});
const message = fc.oneof(user, assistant, tool) as fc.Arbitrary<ModelMessage>;

/** Through the codec of runs, as a store keeps them. */
function throughStore(messages: readonly ModelMessage[]): Message[] {
  const stored = toStoredMessages(messages, { createdAt: 1_790_000_000 });
  const row = encodeSession({ sessionType: "agent", sessionId: "s", agentId: "a" }, { now: 1, argument: "session" });
  const run = encodeRun({ runType: "agent", runId: "r", messages: stored }, row, { now: 1, argument: "run" });
  const decoded = decodeRun({ ...run, runData: JSON.parse(run.runData) as JsonValue });
  return decoded.runType === "agent" ? (decoded.messages ?? []) : [];
}

/** Consecutive messages of tools are one message to a model. */
function merged(messages: readonly ModelMessage[]): ModelMessage[] {
  const all: ModelMessage[] = [];
  for (const each of messages) {
    const last = all.at(-1);
    if (each.role === "tool" && last?.role === "tool") {
      all[all.length - 1] = { role: "tool", content: [...last.content, ...each.content] };
    } else {
      all.push(each);
    }
  }
  return all;
}

/** A single text part and its text are one. */
function plain(messages: readonly ModelMessage[]): unknown[] {
  return messages.map(({ role, content }) => {
    const [first] = content;
    const isText =
      typeof first === "object" && content.length === 1 && first.type === "text" && !("providerOptions" in first);
    return { role, content: isText ? first.text : content };
  });
}

describe("messages", () => {
  test("round-trip through the store", () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 5 }), (messages) => {
        expect(plain(toModelMessages(throughStore(messages)))).toEqual(plain(merged(messages)));
      }),
      { numRuns: 300 },
    );
  });

  test("have Agno's fields", () => {
    const stored = toStoredMessages(
      [
        {
          role: "user",
          content: [
            { type: "text", text: "Look" },
            { type: "image", image: new Uint8Array([1, 2]), mediaType: "image/png" },
          ],
        },
        {
          role: "assistant",
          content: [
            { type: "reasoning", text: "Hm", providerOptions: { p: { signature: "x" } } },
            { type: "text", text: "A cat" },
            { type: "tool-call", toolCallId: "c", toolName: "name", input: { cat: true } },
          ],
        },
        {
          role: "tool",
          content: [
            {
              type: "tool-result",
              toolCallId: "c",
              toolName: "name",
              output: { type: "json", value: { name: "Tom" } },
            },
          ],
        },
      ],
      { createdAt: 5 },
    );
    expect(stored).toMatchObject([
      { role: "user", content: "Look", images: [{ content: "AQI=", mimeType: "image/png" }], createdAt: 5 },
      {
        role: "assistant",
        content: "A cat",
        reasoningContent: "Hm",
        toolCalls: [{ id: "c", type: "function", function: { name: "name", arguments: '{"cat":true}' } }],
        providerData: { ai_sdk: {} },
      },
      { role: "tool", toolCallId: "c", toolName: "name", content: '{"name":"Tom"}', toolCallError: false },
    ]);
    expect(stored[0]?.providerData).toBeUndefined();
  });

  test("are read whatever content the database holds", () => {
    fc.assert(
      fc.property(fc.array(oddMessage, { maxLength: 6 }), (messages) => {
        toModelMessages(messages);
      }),
      { numRuns: 500 },
    );
  });
});

describe("parts of version 7", () => {
  const isVersion7 = "isStepCount" in ai;
  const data = Buffer.from("%PDF").toString("base64");
  const said = { type: "text", text: "Here." };
  const roundTrip = (...content: object[]): unknown => {
    const given = { role: "assistant", content } as unknown as ModelMessage;
    const kept = JSON.stringify(toStoredMessages([given], { createdAt: 1 }));
    return toModelMessages(JSON.parse(kept) as Message[])[0]?.content;
  };

  test.each([
    ["bytes", { type: "data", data: Buffer.from("%PDF") }, data],
    ["base64", { type: "data", data }, data],
    ["a URL", { type: "url", url: new URL("https://example.com/a.pdf") }, "https://example.com/a.pdf"],
    ["text", { type: "text", text: "%PDF" }, data],
  ])("a file tagged as %s is stored as Agno stores it, and comes back without the tag", (_name, tagged, bare) => {
    const part = { type: "file", mediaType: "application/pdf" };
    expect(roundTrip(said, { ...part, data: tagged })).toEqual([said, { ...part, data: bare }]);
  });

  test.each([
    ["a reference to a provider's file", { type: "file", mediaType: "application/pdf", data: { openai: "file-1" } }],
    ["a file of the reasoning", { type: "reasoning-file", mediaType: "image/png", data }],
    [
      "a part of a provider's own",
      { type: "custom", kind: "openai.compaction", providerOptions: { openai: { id: 1 } } },
    ],
  ])("%s comes back there, and is left out on version 6", (_name, part) => {
    expect(roundTrip(said, part)).toEqual(isVersion7 ? [said, part] : [said]);
  });
});
