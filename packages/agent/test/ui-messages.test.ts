import { toUIMessages } from "@sessiondb/ai-sdk";
import { InMemorySessionDb, type Session } from "@sessiondb/core";
import { shownMessage } from "@sessiondb/testing/chat-page";
import { scriptedModel, type Answer } from "@sessiondb/testing/scripted-model";
import {
  dynamicTool,
  readUIMessageStream,
  tool,
  validateUIMessages,
  type ToolSet,
  type UIMessage,
  type UIMessageChunk,
} from "ai";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { Agent, Team } from "../src/index.ts";

const inputSchema = z.object({ city: z.string() });
const tools = {
  weather: tool({ title: "Weather", inputSchema, execute: ({ city }) => ({ city, degrees: 21 }) }),
  text: tool({ inputSchema, execute: ({ city }) => `Sunny in ${city}` }),
  nothing: tool({ inputSchema, execute: () => null }),
  number: tool({ inputSchema, execute: () => 5 }),
  failing: tool({
    inputSchema,
    execute: (): string => {
      throw new Error("the secret of the server");
    },
  }),
  converting: tool({
    inputSchema,
    execute: ({ city }) => ({ city, picture: "AQI=" }),
    toModelOutput: () => ({ type: "content", value: [{ type: "text", text: "A picture" }] }) as never,
  }),
  dynamic: dynamicTool({ title: "Any", inputSchema, execute: async () => ["a", { b: 1 }] }),
  slowly: tool({
    inputSchema,
    execute: async function* ({ city }) {
      yield `${city} 1`;
      yield `${city} 2`;
    },
  }),
  asking: tool({ inputSchema, needsApproval: true, execute: ({ city }) => `Booked ${city}` }),
  browser: tool({ inputSchema }),
} satisfies ToolSet;

const call = (name: keyof typeof tools | "unknown", input: object = { city: "Bonn" }): Answer => ({
  calls: [{ name, input, id: `call-${name}` }],
});
const source = { type: "source", sourceType: "url", id: "s1", url: "https://example.com/a", title: "A" } as const;
const document = {
  type: "source",
  sourceType: "document",
  id: "s2",
  mediaType: "application/pdf",
  title: "B",
  filename: "b.pdf",
  providerMetadata: { p: { page: 3 } },
} as const;
const reasoning = { type: "reasoning", text: "Hm", providerMetadata: { p: { signature: "x" } } } as const;
const text = (value: string) => ({ type: "text", text: value }) as const;

/** The answers of a model, and what the page decides, by the name of the case. */
const conversations: Readonly<Record<string, readonly Answer[]>> = {
  text: ["Hello."],
  "reasoning and text": [{ content: [reasoning, text("Hello."), text("Again.")] }],
  "sources between texts": [{ content: [source, text("One."), document, text("Two."), source] }],
  "sources in two steps": [
    {
      content: [
        text("Looking."),
        source,
        { type: "tool-call", toolCallId: "c1", toolName: "weather", input: '{"city":"Bonn"}' },
      ],
    },
    { content: [document, text("Done.")] },
  ],
  "a file": [{ content: [text("Here."), { type: "file", mediaType: "image/png", data: "iVBORw0KGgo=" }] }],
  ...Object.fromEntries(
    (["weather", "text", "nothing", "number", "failing", "converting", "dynamic", "slowly"] as const).map((name) => [
      `the tool ${name}`,
      [call(name), "Done."],
    ]),
  ),
  "an unknown tool": [call("unknown"), "Sorry."],
  "a wrong input": [call("weather", { town: "Bonn" }), "Sorry."],
  "calls at once": [
    {
      text: "All.",
      calls: [
        { name: "weather", input: { city: "Bonn" }, id: "a" },
        { name: "failing", input: { city: "B" }, id: "b" },
      ],
    },
    call("text"),
    "Done.",
  ],
  "a provider's tool": [
    {
      content: [
        {
          type: "tool-call",
          toolCallId: "p1",
          toolName: "search",
          input: '{"q":"x"}',
          providerExecuted: true,
          dynamic: true,
        },
        { type: "tool-result", toolCallId: "p1", toolName: "search", result: { hits: 2 }, dynamic: true } as never,
        text("Found."),
      ],
    },
  ],
  "a call that asks": [call("asking")],
  "a call for the browser": [call("browser")],
  "an error of the model": [new Error("overloaded")],
  "an error of the model after a step": [call("weather"), new Error("overloaded")],
  "an error in a text": [{ failsAfter: "Hel", error: new Error("cut") }],
  "no text": [{ content: [] }],
};

/** What the browser makes of a stream, as JSON keeps it. */
async function shownBy(stream: ReadableStream<UIMessageChunk>, before?: UIMessage): Promise<UIMessage | null> {
  let last: UIMessage | null = before ?? null;
  const messages = readUIMessageStream({
    stream,
    ...(before && { message: structuredClone(before) }),
    onError: () => {},
  });
  for await (const message of messages) {
    last = message;
  }
  return last === null ? null : asJson(last);
}

/** A page has the title of a refused call only if its input was streamed. */
function asJson(message: UIMessage): UIMessage {
  const { parts, ...rest } = shownMessage(message);
  const untitled = parts.map((part) => {
    const { title, ...others } = part as { title?: string };
    return "errorText" in part && title === "Weather" ? others : part;
  });
  return { ...rest, parts: untitled as UIMessage["parts"] };
}

async function loaded(db: InMemorySessionDb, options: Parameters<typeof toUIMessages>[1] = {}): Promise<UIMessage[]> {
  const session = (await db.getSession({ sessionId: "s" })) as Session;
  const messages = toUIMessages(session, options);
  if (messages.length > 0) {
    await validateUIMessages({ messages });
  }
  return messages.map(asJson);
}

const shownOptions = [
  {},
  { sendSources: true },
  { sendSources: true, sendReasoning: false },
  {
    sendSources: true,
    onError: (error: unknown) => `Failed: ${error instanceof Error ? error.message : String(error)}`,
  },
];

test("a run that was stopped while its tools work shows the calls as the page did", async () => {
  const db = new InMemorySessionDb();
  let begun = 0;
  const never = async (): Promise<string> => {
    begun += 1;
    return new Promise(() => {});
  };
  const model = scriptedModel([
    {
      text: "Wait.",
      calls: [
        { name: "titled", input: {}, id: "a" },
        { name: "any", input: {}, id: "b" },
      ],
    },
  ]);
  const agent = new Agent({
    id: "a",
    db,
    model,
    tools: {
      titled: tool({ title: "Titled", inputSchema: z.object({}), execute: never }),
      any: dynamicTool({ title: "Any", inputSchema: z.object({}), execute: never }),
    },
  });
  const controller = new AbortController();
  const stream = await agent.stream("Hi", { sessionId: "s", signal: controller.signal });
  const shown = shownBy(stream.toUIMessageStream() as ReadableStream<UIMessageChunk>);
  await expect.poll(() => begun).toBe(2);
  controller.abort();
  await stream.result.catch(() => {});
  expect((await loaded(db))[1]).toEqual(await shown);
});

describe.each(["agent", "team"] as const)("a %s", (kind) => {
  const make = (db: InMemorySessionDb, answers: readonly Answer[]): Agent | Team => {
    const options = { id: "a", db, model: scriptedModel(answers), tools };
    return kind === "agent"
      ? new Agent(options)
      : new Team({ ...options, members: [new Agent({ id: "member", model: scriptedModel([]) })] });
  };

  describe.each(Object.entries(conversations))("%s", (_name, answers) => {
    test.each(shownOptions.map((options) => [Object.keys(options).join(" "), options] as const))(
      "is after a reload what the page showed (%s)",
      async (_options, options) => {
        const db = new InMemorySessionDb();
        const component = make(db, answers);
        const stream = await component.stream("Hi", { sessionId: "s" });
        const page = await shownBy(stream.toUIMessageStream(options) as ReadableStream<UIMessageChunk>);
        await stream.result.catch(() => {});
        const isSaid = page !== null && page.parts.some(({ type }) => type !== "step-start");
        const [question, ...rest] = await loaded(db, options);
        expect(question).toMatchObject({ role: "user", parts: [{ type: "text", text: "Hi" }] });
        expect(rest).toEqual(isSaid ? [page] : []);
      },
    );
  });
});
