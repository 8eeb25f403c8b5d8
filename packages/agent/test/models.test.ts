import { Agent } from "@sessiondb/agent";
import { InMemorySessionDb } from "@sessiondb/core";
import { scriptedModel } from "@sessiondb/testing/scripted-model";
import { jsonSchema, Output, tool, type LanguageModel } from "ai";
import { afterEach, expect, test, vi } from "vitest";

afterEach(() => {
  vi.unstubAllGlobals();
});

/** A model of version 2 of the specification, which the AI SDK still takes. */
const old = {
  specificationVersion: "v2",
  provider: "test",
  modelId: "old",
  supportedUrls: {},
  doGenerate: async () => ({
    content: [{ type: "text", text: '{"a":1}' }],
    finishReason: "stop",
    usage: { inputTokens: 12, outputTokens: 8, totalTokens: 20 },
    warnings: [],
  }),
  doStream: () => Promise.reject(new Error("It does not stream.")),
} as unknown as LanguageModel;

test("a model of version 2 keeps its tokens and its output", async () => {
  vi.stubGlobal("AI_SDK_LOG_WARNINGS", false);
  const db = new InMemorySessionDb();
  const output = Output.object({ schema: jsonSchema<{ a: number }>({ type: "object" }) });
  const agent = new Agent({ model: old, db, sessionId: "s", generation: { output } });
  const { finishReason, usage, output: parsed } = await agent.run("Hi");
  expect({ finishReason, parsed, tokens: usage.totalTokens }).toEqual({
    finishReason: "stop",
    parsed: { a: 1 },
    tokens: 20,
  });
});

test("a model that prepareStep chooses is watched like the agent's own", async () => {
  const db = new InMemorySessionDb();
  const controller = new AbortController();
  const chosen = scriptedModel([{ calls: [{ name: "hang", id: "c1" }], text: "I will do it." }]);
  const hang = tool({
    inputSchema: jsonSchema({ type: "object" }),
    execute: () => {
      setTimeout(() => controller.abort(new Error("stop")), 5);
      return new Promise<string>(() => {});
    },
  });
  const generation = { prepareStep: () => ({ model: chosen }) };
  const agent = new Agent({ model: scriptedModel([]), db, sessionId: "s", tools: { hang }, generation });
  await expect(agent.run("Hi", { signal: controller.signal })).rejects.toThrow("stop");
  const [run] = (await db.getSession({ sessionId: "s" }))?.runs ?? [];
  expect(run).toMatchObject({ status: "CANCELLED", content: "I will do it.", metrics: { totalTokens: 15 } });
});
