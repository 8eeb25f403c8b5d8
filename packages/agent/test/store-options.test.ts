import { InMemorySessionDb } from "@sessiondb/core";
import { jsonSchema, tool } from "ai";
import { describe, expect, test } from "vitest";
import { Agent, Workflow } from "@sessiondb/agent";
import { scriptedModel } from "@sessiondb/testing/scripted-model";
import { testStoreOptions } from "./support/store-options.ts";

describe("in memory", () => {
  testStoreOptions(async () => new InMemorySessionDb(), ["agent"]);
});

const noInput = jsonSchema<object>({ type: "object" });

test.each([true, false])("media that a tool returns are stored, or not: %s", async (storeMedia) => {
  await using db = new InMemorySessionDb();
  const data = Buffer.from("not really a picture").toString("base64");
  const look = tool({
    inputSchema: noInput,
    execute: () => "seen",
    toModelOutput: () => ({
      type: "content",
      value: [
        { type: "text", text: "A picture:" },
        { type: "image-data", data, mediaType: "image/png" },
      ],
    }),
  });
  const model = scriptedModel([{ calls: [{ name: "look", id: "c" }] }, "Seen.", "Next."]);
  const agent = new Agent({ model, db, sessionId: "s", tools: { look }, storeMedia });
  await agent.run("Look");
  await agent.run("Next");
  expect(JSON.stringify(model.prompts[1])).toContain(data);
  expect(JSON.stringify(model.prompts[2])).toContain("A picture:");
  expect(JSON.stringify(model.prompts[2]).includes(data)).toBe(storeMedia);
  expect(JSON.stringify(await agent.getSession()).includes(data)).toBe(storeMedia);
});

test.each([true, false])(
  "what a tool returns after the run's end is stored as the others: %s",
  async (storeToolMessages) => {
    await using db = new InMemorySessionDb();
    const controller = new AbortController();
    let paid: (result: string) => void = () => {};
    const isPaid = new Promise<string>((resolve) => {
      paid = resolve;
    });
    const pay = tool({
      inputSchema: noInput,
      execute: () => {
        controller.abort(new Error("left"));
        return isPaid;
      },
    });
    const model = scriptedModel([{ calls: [{ name: "pay", id: "c" }] }]);
    const agent = new Agent({ model, db, sessionId: "s", tools: { pay }, storeToolMessages });
    await expect(agent.run("Pay", { signal: controller.signal })).rejects.toThrow("left");
    paid("Paid");
    await new Promise((resolve) => setTimeout(resolve, 5));
    const [run] = (await agent.getSession())?.runs ?? [];
    expect(run).toMatchObject({ status: "CANCELLED", tools: [{ result: "Paid" }] });
    const roles = run?.runType === "agent" ? run.messages?.map(({ role }) => role) : [];
    expect(roles).toEqual(storeToolMessages ? ["user", "assistant", "tool"] : ["user"]);
  },
);

test.each([true, false])(
  "a workflow's runs inside are stored, or not, and its history is the same: %s",
  async (stored) => {
    await using db = new InMemorySessionDb();
    const histories: (string | null)[] = [];
    const writer = new Agent({ id: "writer", model: scriptedModel(() => "Written.") });
    const flow = new Workflow({
      id: "flow",
      db,
      storeExecutorOutputs: stored,
      addWorkflowHistoryToSteps: true,
      steps: [({ history }) => void histories.push(history), writer],
    });
    await flow.run("Write", { sessionId: "s" });
    const copy = await flow.forkSession({ sessionId: "s" });
    await flow.run("Again", { sessionId: "s" });
    await flow.run("Again", { sessionId: copy?.sessionId });
    expect(histories).toEqual([null, expect.stringContaining("Written."), histories[1]]);
    const runs = [await flow.getSession({ sessionId: "s" }), copy].flatMap((session) => session?.runs ?? []);
    expect(runs.map((run) => run.runType === "workflow" && run.stepExecutorRuns?.length)).toEqual(
      Array.from({ length: 3 }, () => (stored ? 1 : undefined)),
    );
  },
);
