import { InMemorySessionDb } from "@sessiondb/core";
import { jsonSchema, tool } from "ai";
import { describe, expect, test } from "vitest";
import { Agent, type ModelComponentOptions } from "@sessiondb/agent";
import { scriptedModel, type Script } from "@sessiondb/testing/scripted-model";

const look = tool({ inputSchema: jsonSchema<object>({ type: "object" }), execute: () => "found" });
const photo = { type: "image" as const, image: new Uint8Array([1, 2, 3]), mediaType: "image/png" };

function agentOf(script: Script, options: Partial<ModelComponentOptions> = {}) {
  const model = scriptedModel(script);
  return { model, agent: new Agent({ model, db: new InMemorySessionDb(), sessionId: "s", ...options }) };
}

describe("media", () => {
  const ask = [{ type: "text" as const, text: "What is it?" }, photo];

  test("are stored, and shown to the model again", async () => {
    const { agent, model } = agentOf(["A cat", "Sure"]);
    await agent.run(ask);
    const [run] = (await agent.getSession())?.runs ?? [];
    expect(run).toMatchObject({
      input: { inputContent: "What is it?", images: [{ content: "AQID", mimeType: "image/png" }] },
    });
    await agent.run("Sure?");
    expect(model.prompts[1]?.[0]).toMatchObject({
      content: [{ type: "text" }, { type: "file", mediaType: "image/png" }],
    });
  });

  test("are not stored when switched off", async () => {
    const { agent, model } = agentOf(["A cat", "Sure"], { storeMedia: false });
    await agent.run(ask);
    await agent.run("Sure?");
    expect(JSON.stringify(await agent.getSession())).not.toContain("AQID");
    expect(model.prompts[0]?.[0]?.content).toHaveLength(2);
    expect(model.prompts[1]?.[0]).toMatchObject({ content: [{ type: "text", text: "What is it?" }] });
  });
});

describe("messages", () => {
  const script = [{ calls: [{ name: "look" }], text: "Wait." }, "Found", "Yes"];

  test("of tools are not stored when switched off, but their calls are", async () => {
    const { agent, model } = agentOf(script, { tools: { look }, storeToolMessages: false });
    await agent.run("Look");
    const [run] = (await agent.getSession())?.runs ?? [];
    expect(run).toMatchObject({
      messages: [{ role: "user" }, { content: "Wait." }, { content: "Found" }],
      tools: [{ result: "found" }],
    });
    await agent.run("Sure?");
    expect(JSON.stringify(model.prompts[2])).not.toContain("tool-call");
  });

  test("of the history are stored when switched on, and not shown twice", async () => {
    const { agent, model } = agentOf(["One", "Two", "Three"], { storeHistoryMessages: true });
    for (const text of ["1", "2", "3"]) {
      await agent.run(text);
    }
    const run = (await agent.getSession())?.runs[2];
    expect(run?.runType === "agent" && run.messages?.map(({ fromHistory }) => fromHistory)).toEqual([
      true,
      true,
      true,
      true,
      false,
      false,
    ]);
    expect(model.prompts[2]).toHaveLength(5);
  });

  test("beyond the limit on calls are not shown", async () => {
    const calls = Array.from({ length: 3 }, (_, index) => ({ calls: [{ name: "look", id: `c${index}` }] }));
    const { agent, model } = agentOf([...calls, "Found", "Yes"], { tools: { look }, maxToolCallsFromHistory: 1 });
    await agent.run("Look thrice");
    await agent.run("Sure?");
    const shownCalls = model.prompts[4]?.flatMap(({ role, content }) =>
      role === "assistant" ? content.filter(({ type }) => type === "tool-call") : [],
    );
    expect(shownCalls).toMatchObject([{ toolCallId: "c2" }]);
  });
});

describe("a run that is too large", () => {
  test("rejects, and is not left as RUNNING", async () => {
    const { agent } = agentOf(["x".repeat(100_000), "Short"], {
      db: new InMemorySessionDb({ maxPayloadBytes: 20_000 }),
    });
    await expect(agent.run("Write a lot")).rejects.toMatchObject({ code: "PAYLOAD_TOO_LARGE" });
    const [run] = (await agent.getSession())?.runs ?? [];
    expect(run).toMatchObject({ status: "ERROR", content: expect.stringContaining("could not be stored") });
    expect((await agent.run("Again")).text).toBe("Short");
  });

  test("keeps what its tools did", async () => {
    const db = new InMemorySessionDb({ maxPayloadBytes: 20_000 });
    const { agent } = agentOf([{ calls: [{ name: "look", id: "c1" }] }, "x".repeat(100_000)], { db, tools: { look } });
    await expect(agent.run("Look")).rejects.toMatchObject({ code: "PAYLOAD_TOO_LARGE" });
    const [run] = (await agent.getSession())?.runs ?? [];
    expect(run).toMatchObject({
      status: "ERROR",
      input: { inputContent: "Look" },
      tools: [{ toolCallId: "c1", result: "found" }],
    });
  });

  test("is delivered all the same with `continue`", async () => {
    const db = new InMemorySessionDb({ maxPayloadBytes: 20_000 });
    const { agent } = agentOf(["x".repeat(100_000)], { db, onStorageError: "continue" });
    expect(await agent.run("Write a lot")).toMatchObject({
      status: "COMPLETED",
      storageError: { code: "PAYLOAD_TOO_LARGE" },
    });
    expect((await agent.getSession())?.runs).toMatchObject([{ status: "ERROR" }]);
  });
});

describe("without the messages of tools", () => {
  const rolesIn = async (agent: Agent): Promise<unknown[]> => {
    const [run] = (await agent.getSession())?.runs ?? [];
    return run?.runType === "agent" ? (run.messages ?? []).map(({ role }) => role) : [];
  };

  test.each(["COMPLETED", "ERROR"])("a run that was paused has them until it is COMPLETED: %s", async (status) => {
    const act = { calls: [{ name: "look", id: "c1" }], text: "I look." };
    const last = status === "COMPLETED" ? "Found." : new Error("overloaded");
    const { agent } = agentOf([act, last], {
      tools: { look: { ...look, needsApproval: true } },
      storeToolMessages: false,
      generation: { maxRetries: 0 },
    });
    const { runId } = await agent.run("Look");
    const approvals = [{ toolCallId: "c1", approved: true }];
    await agent.continueRun({ runId, sessionId: "s", approvals }).catch(() => null);
    expect((await agent.getSession())?.runs).toMatchObject([{ status, tools: [{ result: "found" }] }]);
    expect(await rolesIn(agent)).toEqual(["user", "assistant", status === "COMPLETED" ? "assistant" : "tool"]);
  });

  test("what a tool returns after the run's end is without its media, if these are not stored", async () => {
    const controller = new AbortController();
    const late = tool({
      inputSchema: jsonSchema({ type: "object" }),
      execute: async () => {
        controller.abort(new Error("stop"));
        await ended;
        return "late";
      },
      toModelOutput: () => ({ type: "content", value: [{ type: "media", data: "SECRET", mediaType: "image/png" }] }),
    });
    const script = [{ calls: [{ name: "late", id: "c1" }] }];
    const { agent } = agentOf(script, { tools: { late }, storeMedia: false });
    const ended = agent.run("Look", { signal: controller.signal }).catch(() => null);
    await ended;
    await expect.poll(() => rolesIn(agent), { interval: 1 }).toEqual(["user", "assistant", "tool"]);
    expect(JSON.stringify((await agent.getSession())?.runs)).not.toContain("SECRET");
  });

  test("what a tool returns after the run's end is in the list of calls alone", async () => {
    const controller = new AbortController();
    const late = tool({
      inputSchema: jsonSchema({ type: "object" }),
      execute: async () => {
        controller.abort(new Error("stop"));
        await ended;
        return "late";
      },
    });
    const { agent } = agentOf([{ calls: [{ name: "late", id: "c1" }], text: "I look." }], {
      tools: { late },
      storeToolMessages: false,
    });
    const ended = agent.run("Look", { signal: controller.signal }).catch(() => null);
    await ended;
    await expect
      .poll(async () => (await agent.getSession())?.runs[0], { interval: 1 })
      .toMatchObject({ status: "CANCELLED", tools: [{ result: "late" }] });
    expect(await rolesIn(agent)).toEqual(["user", "assistant"]);
  });
});
