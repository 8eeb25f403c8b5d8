import { Agent } from "@sessiondb/agent";
import { InMemorySessionDb, type AgentRun } from "@sessiondb/core";
import { scriptedModel, type Answer } from "@sessiondb/testing/scripted-model";
import { jsonSchema, tool } from "ai";
import { describe, expect, test } from "vitest";

// A step that did not end is kept as the AI SDK would have reported it.

const inputSchema = jsonSchema({ type: "object" });
const found = (toolCallId: string, more: object = {}) => ({
  type: "tool-result" as const,
  toolCallId,
  toolName: "web_search",
  result: { text: "Tea is a drink" },
  ...more,
});
const search = (toolCallId: string) => ({
  type: "tool-call" as const,
  toolCallId,
  toolName: "web_search",
  input: '{"q":"tea"}',
  providerExecuted: true,
  dynamic: true,
});
const content: Extract<Answer, { content: unknown }>["content"] = [
  { type: "reasoning", text: "Hm.", providerMetadata: { test: { signature: "s1" } } },
  { type: "text", text: "Let me search. " },
  search("p1"),
  found("p1"),
  { type: "source", sourceType: "url", id: "u1", url: "https://tea.example/", title: "Tea" },
  search("p2"),
  found("p2", { isError: true, result: "no net" }),
  { type: "file", mediaType: "image/png", data: "iVBORw0KGgo=" },
  { type: "text", text: "Found it." },
  { type: "tool-call", toolCallId: "h1", toolName: "last", input: "{}", providerMetadata: { test: { id: "i1" } } },
];

describe.each(["run", "stream"] as const)("a step of a %s that is interrupted", (call) => {
  test("keeps what a whole one keeps, and in the same form", async () => {
    const keptBy = async (interrupted: boolean): Promise<AgentRun> => {
      const controller = new AbortController();
      const db = new InMemorySessionDb();
      const last = tool({
        inputSchema,
        execute: async () => {
          if (interrupted) {
            setImmediate(() => controller.abort());
            await new Promise(() => {});
          }
          return "done";
        },
      });
      const model = scriptedModel([{ content }, { content: [] }]);
      const agent = new Agent({ id: "a", db, model, tools: { last }, sessionId: "s" });
      const { signal } = controller;
      await (call === "run" ? agent.run("x", { signal }) : (await agent.stream("x", { signal })).result).catch(
        () => {},
      );
      return (await db.getSession({ sessionId: "s" }))?.runs[0] as AgentRun;
    };
    const [part, whole] = await Promise.all([keptBy(true), keptBy(false)]);
    expect([part.status, whole.status]).toEqual(["CANCELLED", "COMPLETED"]);
    const timeless = ({ createdAt: _time, id: _id, ...rest }: { createdAt?: unknown; id?: unknown }): object => rest;
    const answered = (run: AgentRun): object[] => (run.messages ?? []).slice(1, 2).map(timeless);
    const searches = (run: AgentRun): object[] => (run.tools ?? []).slice(0, 2).map(timeless);
    expect(answered(part)).toEqual(answered(whole));
    expect(searches(part)).toEqual(searches(whole));
    expect(searches(part)).toMatchObject([{ result: '{"text":"Tea is a drink"}' }, { toolCallError: true }]);
    expect(part.citations).toEqual(whole.citations);
    expect([part.reasoningContent, part.content]).toEqual(["Hm.", "Let me search. Found it."]);
    expect(JSON.stringify(answered(part))).toContain("signature");
  });
});

describe.each(["run", "stream"] as const)("a %s whose model ignores its signal", (call) => {
  const timeouts = [5, { totalMs: 5 }, { stepMs: 5 }, ...(call === "stream" ? [{ chunkMs: 5 }] : [])];
  test.each(timeouts)("ends with generation.timeout: %j", async (timeout) => {
    const model = scriptedModel([{ stuckAfter: "Half an" }]);
    const db = new InMemorySessionDb();
    const agent = new Agent({ id: "a", db, model, sessionId: "s", generation: { timeout } });
    const begun = performance.now();
    const ended = call === "run" ? agent.run("x") : (await agent.stream("x")).result;
    await expect(ended).rejects.toMatchObject({ name: "TimeoutError" });
    expect(performance.now() - begun).toBeLessThan(900);
    const [run] = (await db.getSession({ sessionId: "s" }))?.runs ?? [];
    expect(run).toMatchObject({ status: "ERROR", content: call === "run" ? /timeout/ : "Half an" });
  });

  test.each([{ totalMs: 20 }, { stepMs: 20 }])("and whose tool does too ends with it: %j", async (timeout) => {
    const deaf = tool({ inputSchema, execute: () => new Promise(() => {}) });
    const model = scriptedModel([{ calls: [{ name: "deaf", id: "d" }], text: "I try." }]);
    const db = new InMemorySessionDb();
    const agent = new Agent({ id: "a", db, model, tools: { deaf }, sessionId: "s", generation: { timeout } });
    const ended = call === "run" ? agent.run("x") : (await agent.stream("x")).result;
    await expect(ended).rejects.toMatchObject({ name: "TimeoutError" });
    const [run] = (await db.getSession({ sessionId: "s" }))?.runs ?? [];
    expect(run).toMatchObject({ status: "ERROR", content: "I try.", tools: [{ toolName: "deaf" }] });
  });
});
