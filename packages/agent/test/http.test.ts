import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { InMemorySessionDb } from "@sessiondb/core";
import { jsonSchema, Output, tool } from "ai";
import { expect, test } from "vitest";
import { Agent, SessionSummaryManager, type ModelComponentOptions } from "@sessiondb/agent";
import { collect } from "./support/collect.ts";
import { startChatServer, type ChatScript } from "@sessiondb/testing/chat-server";

// Over real HTTP, with a provider as applications use it.

async function setup(script: ChatScript, options: Partial<ModelComponentOptions> = {}) {
  const server = await startChatServer(script);
  const provider = createOpenAICompatible({
    name: "local",
    baseURL: server.url,
    includeUsage: true,
    supportsStructuredOutputs: true,
  });
  const db = new InMemorySessionDb();
  const model = provider("model");
  const generation = { maxRetries: 0, ...options.generation };
  const agent = new Agent({ ...options, id: "agent", model, db, sessionId: "s", generation });
  const stored = async () =>
    (await db.getSession({ sessionId: "s" }))?.runs.map(({ status, content }) => [status, content]);
  return { server, agent, stored, model, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

const weather = tool({
  inputSchema: jsonSchema<{ city: string }>({ type: "object", properties: { city: { type: "string" } } }),
  execute: ({ city }) => ({ city, weather: "rain" }),
});

test.each(["run", "stream"] as const)("a %s uses tools, and the next one sees its history", async (how) => {
  await using context = await setup(
    [{ calls: [{ name: "weather", input: { city: "Rome" } }] }, { text: "Rain.", chunks: 3 }, { text: "Yes." }],
    {
      tools: { weather },
    },
  );
  const { agent, server, stored } = context;
  const result = await (how === "run" ? agent.run("Rome?") : (await agent.stream("Rome?")).result);
  expect(result).toMatchObject({
    text: "Rain.",
    toolCalls: [{ toolName: "weather", output: { city: "Rome", weather: "rain" } }],
  });
  expect(result.run.metrics).toMatchObject({ inputTokens: 20, outputTokens: 10, totalTokens: 30 });
  await agent.run("Sure?");
  expect(server.requests[2]?.messages.map(({ role }) => role)).toEqual([
    "user",
    "assistant",
    "tool",
    "assistant",
    "user",
  ]);
  expect(await stored()).toEqual([
    ["COMPLETED", "Rain."],
    ["COMPLETED", "Yes."],
  ]);
});

test.each([400, 401, 429, 500])("reports an error %i of the model's server", async (status) => {
  await using context = await setup([
    { status, message: "not today" },
    { status, message: "not today" },
    { text: "Better" },
  ]);
  const { agent, stored } = context;
  await expect(agent.run("Hi")).rejects.toThrow("not today");
  await expect(collect((await agent.stream("Hi")).textStream)).rejects.toThrow("not today");
  expect((await agent.run("Hi")).text).toBe("Better");
  expect((await stored())?.map(([each]) => each)).toEqual(["ERROR", "ERROR", "COMPLETED"]);
});

test("reports a connection cut in the middle of an answer", async () => {
  await using context = await setup([
    { text: "one two three four", chunks: 4, cutAfter: 2, chunkDelay: 20 },
    { text: "x", cutAfter: 0 },
    { text: "Better" },
  ]);
  const { agent, stored, server } = context;
  const stream = await agent.stream("Hi");
  await expect(stream.result).rejects.toBeInstanceOf(Error);
  await expect(agent.run("Hi")).rejects.toBeInstanceOf(Error);
  const [first] = (await stored()) ?? [];
  expect(first?.[0]).toBe("ERROR");
  expect(first?.[1]).toMatch(/^one /);
  await agent.run("Hi");
  expect(server.requests[2]?.messages).toEqual([{ role: "user", content: "Hi" }]);
});

test("aborts a slow answer, and one that never comes", async () => {
  await using context = await setup([{ text: "word ".repeat(100), chunks: 100, chunkDelay: 20 }, { silent: true }]);
  const { agent, stored } = context;
  const controller = new AbortController();
  const stream = await agent.stream("Hi", { signal: controller.signal });
  for await (const text of stream.textStream) {
    expect(text).toBe("word ");
    controller.abort();
  }
  expect(await stream.result).toMatchObject({ status: "CANCELLED" });
  await expect(agent.run("Hi", { signal: AbortSignal.timeout(50) })).rejects.toMatchObject({ name: "TimeoutError" });
  expect((await stored())?.map(([status]) => status)).toEqual(["CANCELLED", "CANCELLED"]);
});

test("returns a structured answer and makes a summary", async () => {
  const schema = jsonSchema<{ city: string }>({
    type: "object",
    properties: { city: { type: "string" } },
    required: ["city"],
    additionalProperties: false,
  });
  await using context = await setup(
    [{ text: '{"city":"Rome"}' }, { text: '{"summary":"About Rome","topics":["Rome"]}' }],
    {
      generation: { output: Output.object({ schema }) },
      awaitSummaries: true,
      sessionSummaryManager: new SessionSummaryManager(),
    },
  );
  const { agent, server } = context;
  expect(await agent.run("Where?")).toMatchObject({ output: { city: "Rome" }, summaryError: null });
  expect(await agent.getSessionSummary()).toMatchObject({ summary: "About Rome", topics: ["Rome"] });
  expect(server.requests[1]?.response_format).toMatchObject({ type: "json_schema" });
});
